import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const IMPORT = /(?:from|import\()\s*"(\.[^"]+)"/g;

/** Room -> what it may import from: rooms, and files beside them. */
export type Rooms = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the table of rooms of a page: `` | `core/` | … | nothing | ``. */
export function readRooms(page: string): Rooms {
  const rows = [...page.matchAll(/^\| `(\w+)\/`\s*\|[^|]+\|([^|]+)\|$/gm)];
  const names = rows.map(([, name = ""]) => name);
  return new Map(
    rows.map(([, name = "", known = ""], at) => [name, parse(known.trim(), names.slice(0, at))]),
  );
}

function parse(known: string, above: readonly string[]): ReadonlySet<string> {
  if (known === "nothing") return new Set();
  return new Set(
    known.split(", ").flatMap((name) => (name === "all above" ? above : [name.replaceAll("`", "")])),
  );
}

/** Names of the rooms in a source folder. */
export function listRooms(source: string): string[] {
  const entries = readdirSync(source, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Returns the imports of a room's files from outside of it. Tests may look into any room. */
export function importsOf(source: string, room: string): (readonly [file: string, target: string])[] {
  const files = readdirSync(join(source, room), { recursive: true, encoding: "utf8" });
  const sources = files
    .filter((file) => /(?<!\.test|\.test-d)\.ts$/.test(file))
    .map((file) => join(room, file));
  return sources.toSorted().flatMap((file) => {
    const text = readFileSync(join(source, file), "utf8");
    const paths = Array.from(text.matchAll(IMPORT), ([, path = ""]) => normalize(join(dirname(file), path)));
    const targets = paths.map((path) => path.split("/")[0] ?? "").filter((target) => target !== room);
    return targets.map((target) => [file, target] as const);
  });
}

/** The imports of a room that its row of the table does not allow. */
export function forbiddenImports(source: string, room: string, known: ReadonlySet<string>): string[] {
  return importsOf(source, room).flatMap(([file, target]) =>
    known.has(target) ? [] : [`${file} -> ${target}`],
  );
}

/** Returns the rooms that a room may import from, and does not. */
export function needlessRooms(source: string, room: string, known: ReadonlySet<string>): string[] {
  const used = new Set(importsOf(source, room).map(([, target]) => target));
  return [...known].filter((target) => !used.has(target));
}
