import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { createSojourn } from "../../create-sojourn.ts";
import {
  djangoSettings,
  type DjangoSettings,
  type Migration,
  migratePickledSessions,
} from "../../django/index.ts";
import { type Terminal, UsageError } from "../terminal.ts";

export const USAGE = `sojourn migrate-pickles --from old.json [--to new.json] [--decompress module]

Moves the sessions of a Django site from pickles to a store that Django and Node share as JSON. The old ones
stay, no user is logged out, and the command can be repeated.

  --from        the old settings of the site, dumped as JSON: django-redisession, or the engine "cache"
  --to          its new settings; without it the sessions are only read and counted
  --decompress  a package whose uncompress(bytes) undoes COMPRESS_LIB, such as snappyjs; zlib is built in

If a file has no SECRET_KEY, it is taken from the environment.`;

const OPTIONS = {
  from: { type: "string" },
  to: { type: "string" },
  decompress: { type: "string" },
} as const;

/** @returns The exit code: 0 if all live sessions were moved, 1 if some could not be. */
export async function migratePickles(args: readonly string[], terminal: Terminal): Promise<number> {
  const { from, to, decompress } = parse(args);
  const target =
    to === undefined ? undefined : createSojourn(djangoSettings(await readSettings(to, terminal)).settings);
  try {
    const migration = await migratePickledSessions({
      from: await readSettings(from, terminal),
      to: target?.sessions,
      decompress: decompress === undefined ? undefined : await loadDecompress(decompress),
      onProgress: ({ moved, present }) => terminal.error(`${moved + present} sessions so far`),
    });
    return report(migration, target !== undefined, terminal);
  } finally {
    await target?.close();
  }
}

function parse(args: readonly string[]): {
  from: string;
  to: string | undefined;
  decompress: string | undefined;
} {
  try {
    const { from, to, decompress } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (from === undefined) throw new UsageError("--from is missing.");
    return { from, to, decompress };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

async function readSettings(path: string, { env }: Terminal): Promise<DjangoSettings> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  });
  const settings = parseObject(text);
  if (settings === undefined) throw new UsageError(`${path} is not a JSON object.`);
  return { SECRET_KEY: env["SECRET_KEY"] ?? "", ...settings };
}

function parseObject(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    // The parser's message quotes the file, which holds secrets.
    return undefined;
  }
}

async function loadDecompress(name: string): Promise<(bytes: Uint8Array) => Uint8Array> {
  const loaded = (await import(name).catch(() => undefined)) as Record<string, unknown> | undefined;
  const found =
    loaded?.["uncompress"] ?? (loaded?.["default"] as Record<string, unknown> | undefined)?.["uncompress"];
  if (typeof found === "function") return found as (bytes: Uint8Array) => Uint8Array;
  throw new UsageError(`--decompress: the package ${name} is not installed, or has no function uncompress.`);
}

function report(migration: Migration, isWritten: boolean, terminal: Terminal): number {
  const { unfitValues, ...counts } = migration;
  terminal.out(isWritten ? "Sessions" : "Sessions (nothing was written)");
  for (const [name, count] of Object.entries(counts)) terminal.out(`${name.padStart(12)}  ${count}`);
  for (const { path, found } of unfitValues) terminal.error(`JSON cannot hold ${path}: ${found}`);
  return counts.refused + counts.unfit + counts.compressed > 0 ? 1 : 0;
}
