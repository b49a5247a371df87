import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../../scripts/lib/processes.mjs";
import { inProject, say as sayOnStderr } from "../../../scripts/lib/project.mjs";
import { findCommand } from "../../../scripts/services.mjs";
import { deleteFolder } from "../../support/temporary-folder.ts";

/** A Python that has what `requirements.txt` lists, or why there is none. */
export type VirtualEnvironment = { readonly python: string } | { readonly obstacle: string };

/** Where environments are built and how. */
export interface VirtualEnvironmentOptions {
  /** File in pip's form. */
  readonly requirements: string;
  /** Folder that holds environments; git ignores it. */
  readonly cache: string;
  /** @defaultValue the first `python3` on PATH */
  readonly python?: string | undefined;
  /** Told in one line when a build begins. @defaultValue nobody */
  readonly say?: (line: string) => void;
}

/** The newest syntax that Django 5.2 needs. */
const LEAST_PYTHON = "3.10";

const FACTS = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.version, sys.base_prefix)";

/** Name of an environment that is not complete: it ends in the id of the process that builds it. */
const BUILD = /^interop-venv-\w+\.\d+$/;

const POLL_MS = 200;

const PIP = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--no-input",
  "--disable-pip-version-check",
  "--retries=1",
  "--timeout=15",
];

/**
 * Makes a virtual environment, unless the same one is there: same requirements, same Python.
 *
 * It is built beside its place and moved there when it is complete, so an interrupted build leaves nothing that looks
 * like an environment. Where several processes want it at the same time, one builds and the others wait.
 */
export async function prepareVirtualEnvironment(options: VirtualEnvironmentOptions): Promise<VirtualEnvironment> {
  const { requirements, cache, python = findCommand(["python3"]) } = options;
  if (python === undefined) return { obstacle: "python3 is not on PATH" };
  const { status, output } = await run(python, ["-c", FACTS]);
  const [version = ""] = output.split("\n");
  if (status !== 0) return { obstacle: `python3 does not run: ${lastLine(output)}` };
  if (isOlder(version, LEAST_PYTHON)) return { obstacle: `python3 is ${version}, and Django needs ${LEAST_PYTHON}` };
  const hash = createHash("sha256").update(readFileSync(requirements)).update(output).digest("hex").slice(0, 12);
  const folder = join(cache, `interop-venv-${hash}`);
  if (!existsSync(folder)) {
    const obstacle = await build(python, { ...options, folder });
    if (obstacle !== undefined) return { obstacle };
  }
  return { python: join(folder, "bin", "python") };
}

/** @returns What stood in the way. */
async function build(
  python: string,
  { folder, requirements, say }: VirtualEnvironmentOptions & { readonly folder: string },
): Promise<string | undefined> {
  while (isBuiltByOther(folder)) await sleep(POLL_MS);
  if (existsSync(folder)) return undefined;
  const building = `${folder}.${process.pid}`;
  mkdirSync(building, { recursive: true });
  try {
    say?.("Installing Django for the interop tests, in a virtual environment ...");
    const obstacle = await install(python, building, requirements);
    if (obstacle === undefined) moveUnlessThere(building, folder);
    return obstacle;
  } finally {
    deleteFolder(building);
  }
}

/** Whether another process is at it. What processes that have ended left behind is deleted. */
function isBuiltByOther(folder: string): boolean {
  const cache = dirname(folder);
  const builds = list(cache).filter((name) => BUILD.test(name) && !name.endsWith(`.${process.pid}`));
  for (const name of builds.filter((each) => !isAlive(each))) deleteFolder(join(cache, name));
  return builds.some((name) => name.startsWith(`${basename(folder)}.`) && isAlive(name));
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function isAlive(name: string): boolean {
  try {
    return process.kill(Number(name.split(".").at(-1)), 0);
  } catch {
    return false;
  }
}

/** @returns What stood in the way. */
async function install(python: string, folder: string, requirements: string): Promise<string | undefined> {
  const venv = await run(python, ["-m", "venv", folder]);
  if (venv.status !== 0) return `python3 -m venv: ${errorLine(venv.output)}`;
  const pip = await run(join(folder, "bin", "python"), [...PIP, "-r", requirements]);
  return pip.status === 0 ? undefined : `pip install: ${errorLine(pip.output)}`;
}

function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Another process was first: it has the same in it.
    if (!existsSync(to)) throw error;
  }
}

function isOlder(version: string, least: string): boolean {
  return version.localeCompare(least, "en", { numeric: true }) < 0;
}

function errorLine(output: string): string {
  return /^ERROR: (.+)$/m.exec(output)?.[1] ?? lastLine(output);
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}

/** The environment of the tests here. */
export function prepareDjango(): Promise<VirtualEnvironment> {
  return prepareVirtualEnvironment({
    requirements: inProject("test", "interop", "requirements.txt"),
    cache: inProject(".cache"),
    say: sayOnStderr,
  });
}
