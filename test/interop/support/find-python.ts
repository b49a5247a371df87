import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { findCommand, isExecutable } from "../../../scripts/lib/commands.mjs";
import { run } from "../../../scripts/lib/processes.mjs";

/** Which versions of Python will do. */
export interface PythonRange {
  /** `"3.10"` */
  readonly least: string;
  /** The first that is too new. @defaultValue none is */
  readonly below?: string;
}

/** A Python that runs. */
export interface Python {
  readonly command: string;
  /** Its version and its path, which tell it from others. */
  readonly facts: string;
}

const FACTS = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.version, sys.base_prefix)";

const NAMES = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/**
 * Finds the first Python in a range of versions.
 *
 * @param commands In order of preference. One that is there need not run: pyenv has shims for versions that
 *   are off.
 * @returns The Python, or why there is none.
 */
export async function findPython(
  range: PythonRange,
  commands: readonly string[] = listPythons(),
): Promise<Python | { readonly obstacle: string }> {
  let reason: string | undefined;
  for (const command of commands) {
    const { status, output } = await run(command, ["-c", FACTS]);
    const version = output.split("\n")[0] ?? "";
    if (status === 0 && isIn(range, version)) return { command, facts: output };
    reason ??=
      status === 0 ? `python3 is ${version}` : `python3 does not run: ${output.trim().split("\n").at(-1)}`;
  }
  return { obstacle: `Python ${describe(range)} is needed, but ${reason ?? "python3 is not on PATH"}` };
}

/** Those on PATH, then those of pyenv, the newest first. */
function listPythons(): string[] {
  return [...NAMES.flatMap((name) => findCommand([name]) ?? []), ...listPyenv()];
}

function listPyenv(): string[] {
  const versions = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  return list(versions)
    .filter((name) => /^3\.\d+\.\d+$/.test(name))
    .toSorted((left, right) => compare(right, left))
    .map((name) => join(versions, name, "bin", "python3"))
    .filter(isExecutable);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isIn({ least, below }: PythonRange, version: string): boolean {
  return compare(version, least) >= 0 && (below === undefined || compare(version, below) < 0);
}

function compare(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}

function describe({ least, below }: PythonRange): string {
  return below === undefined ? `${least} or newer` : `from ${least} on and older than ${below}`;
}
