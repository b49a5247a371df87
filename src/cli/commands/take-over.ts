import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import type { Sojourn } from "../../create-sojourn.ts";
import { type Terminal, UsageError } from "../terminal.ts";

export const TAKE_OVER_USAGE = `sojourn take-over --module ./sojourn.js [--dry-run]

Takes over all sessions of the library that the application had before; see sessions.takeOver. Visitors keep
their sessions, and the site may run meanwhile. The command can be repeated, and goes on where it has stopped.

  --module   a module of the application that exports what createSojourn() returns: sessions and close
  --dry-run  only reads and counts`;

const OPTIONS = { module: { type: "string" }, "dry-run": { type: "boolean" } } as const;

type Application = Pick<Sojourn<Record<string, unknown>>, "sessions" | "close">;

/** @returns The exit code: 0 if all live sessions were moved, 1 if some cannot be read. */
export async function takeOver(args: readonly string[], terminal: Terminal): Promise<number> {
  const { path, isDry } = parse(args);
  const { sessions, close } = await load(path);
  try {
    const counts = await sessions.takeOverAll({
      dryRun: isDry,
      onProgress: ({ moved, present }) => terminal.error(`${moved + present} sessions so far`),
    });
    terminal.out(isDry ? "Sessions (nothing was written)" : "Sessions");
    for (const [name, count] of Object.entries(counts)) terminal.out(`${name.padStart(12)}  ${count}`);
    return counts.unreadable > 0 ? 1 : 0;
  } finally {
    await close();
  }
}

function parse(args: readonly string[]): { path: string; isDry: boolean } {
  try {
    const { module, "dry-run": isDry = false } = parseArgs({ args: [...args], options: OPTIONS }).values;
    if (module === undefined) throw new UsageError("--module is missing.");
    return { path: module, isDry };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message);
  }
}

async function load(path: string): Promise<Application> {
  const loaded = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError(`--module: ${path}, or a module that it imports, was not found.`);
  })) as Partial<Application> & { readonly default?: Partial<Application> };
  const found = loaded.sessions === undefined ? loaded.default : loaded;
  const { sessions, close } = found ?? {};
  if (typeof sessions?.takeOverAll === "function" && typeof close === "function") return { sessions, close };
  throw new UsageError(
    `--module: ${path} has to export sessions and close: export const { sessions, close } = createSojourn({ … }).`,
  );
}
