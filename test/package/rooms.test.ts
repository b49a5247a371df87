import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { forbiddenImports, listRooms, needlessRooms, readRooms } from "./rooms.ts";

const source = inProject("src");
const rooms = readRooms(readFileSync(inProject("docs", "architecture.md"), "utf8"));

test("every folder of src is in the table", () => {
  expect([...rooms.keys()].toSorted()).toEqual(listRooms(source).toSorted());
});

describe.each([...rooms])("src/%s", (room, known) => {
  test(`imports from ${[...known].join(", ") || "nothing else"} alone`, () => {
    expect(forbiddenImports(source, room, known)).toEqual([]);
  });

  test("the table names nothing that it does not need", () => {
    expect(needlessRooms(source, room, known)).toEqual([]);
  });
});

describe("in a planted source", () => {
  const TABLE =
    "| `core/` | errors | nothing |\n| `redis/` | clients | core |\n| `cli/` | a command | all above, `make.ts` |\n";
  const planted = readRooms(TABLE);
  const knownTo = (room: string): ReadonlySet<string> => planted.get(room) ?? new Set();
  let folder: string;

  beforeEach(async () => {
    folder = join(temporaryFolder(), "src");
    await writeFiles(folder, {
      "core/errors.ts": 'import { a } from "./deep/a.ts";\n',
      "core/deep/a.ts": "export const a = 1;\n",
      "redis/index.ts": 'import { a } from "../core/deep/a.ts";\n',
      "cli/main.ts": 'import "node:fs";\nimport { make } from "../make.ts";\n',
    });
  });

  test("the table is read: nothing, some rooms, all above and a file beside them", () => {
    expect([...planted]).toEqual([
      ["core", new Set()],
      ["redis", new Set(["core"])],
      ["cli", new Set(["core", "redis", "make.ts"])],
    ]);
  });

  test("imports that follow the table are allowed, and needless rows are found", () => {
    expect([...planted.keys()].flatMap((room) => forbiddenImports(folder, room, knownTo(room)))).toEqual([]);
    expect(needlessRooms(folder, "redis", knownTo("redis"))).toEqual([]);
    expect(needlessRooms(folder, "cli", knownTo("cli"))).toEqual(["core", "redis"]);
  });

  test.for([
    ["a value", 'import { a } from "../../redis/index.ts";\n'],
    ["a type", 'import type { A } from "../../redis/index.ts";\n'],
    ["a type on several lines", 'import type {\n  A,\n} from "../../redis/index.ts";\n'],
    ["a lazy import", 'const load = () => import("../../redis/index.ts");\n'],
    ["a type in place", 'type A = import("../../redis/index.ts").A;\n'],
    ["an export", 'export * from "../../redis/index.ts";\n'],
  ] as const)("an import against the direction is found: %s", async ([, code]) => {
    await writeFiles(folder, { "core/deep/planted.ts": code });
    expect(forbiddenImports(folder, "core", knownTo("core"))).toEqual(["core/deep/planted.ts -> redis"]);
  });

  test("a test may look into any room", async () => {
    await writeFiles(folder, { "core/planted.test.ts": 'import { a } from "../redis/index.ts";\n' });
    expect(forbiddenImports(folder, "core", knownTo("core"))).toEqual([]);
  });

  test("a room without a row is found", async () => {
    await writeFiles(folder, { "attic/a.ts": "export const a = 1;\n" });
    expect(listRooms(folder).filter((room) => !planted.has(room))).toEqual(["attic"]);
  });
});
