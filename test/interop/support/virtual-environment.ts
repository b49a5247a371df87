import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../../scripts/lib/processes.mjs";
import { inProject, say as sayOnStderr } from "../../../scripts/lib/project.mjs";
import { deleteFolder } from "../../support/temporary-folder.ts";
import { findPython, type PythonRange } from "./find-python.ts";

/** A Python that has what a file of requirements lists, or why there is none. */
export type VirtualEnvironment = { readonly python: string } | EnvironmentObstacle;

/** Why there is no environment. */
export interface EnvironmentObstacle {
  readonly obstacle: string;
  /** The machine has no Python of a suitable version, so that nothing could be tried. */
  readonly lacksPython?: true;
}

/** The place of environments, and how they are built. */
export interface VirtualEnvironmentOptions {
  /** File in pip's form, with all that is needed: nothing else is installed. */
  readonly requirements: string;
  /** Folder that holds environments; git ignores it. */
  readonly cache: string;
  /** @defaultValue what Django 5.2 needs */
  readonly versions?: PythonRange | undefined;
  /** @defaultValue the first of a suitable version: of those on PATH, `python3` before others, or pyenv's */
  readonly python?: string | undefined;
  /** Told in one line when a build begins. @defaultValue nobody */
  readonly say?: (line: string) => void;
}

/** Requirements of Django 5.2. */
const VERSIONS: PythonRange = { least: "3.10" };

/** Name of an environment that is not complete: it ends in the id of the process that builds it. */
const BUILD = /^interop-venv-\w+\.\d+$/;

/** Processes that look at the same time wait for different times. */
const POLL_MS = { least: 100, spread: 200 };

const PIP = [
  "-m",
  "pip",
  "install",
  "--quiet",
  "--no-deps",
  "--no-input",
  "--disable-pip-version-check",
  "--retries=1",
  "--timeout=15",
];

/**
 * Makes a virtual environment, unless the same one is there: same requirements, same Python.
 *
 * It is built beside its place and moved there when it is complete, so an interrupted build leaves nothing
 * that looks like an environment. One is built at a time: other calls, and other processes, wait.
 */
export async function prepareVirtualEnvironment(
  options: VirtualEnvironmentOptions,
): Promise<VirtualEnvironment> {
  const { requirements, cache, python, versions = VERSIONS } = options;
  const found = await findPython(versions, python === undefined ? undefined : [python]);
  if ("obstacle" in found) return { ...found, lacksPython: true };
  const hash = createHash("sha256")
    .update(readFileSync(requirements))
    .update(found.facts)
    .digest("hex")
    .slice(0, 12);
  const folder = join(cache, `interop-venv-${hash}`);
  if (!existsSync(folder)) {
    const obstacle = await inTurn(() => build(found.command, { ...options, folder }));
    if (obstacle !== undefined) return { obstacle };
  }
  return { python: join(folder, "bin", "python") };
}

let lastBuild: Promise<unknown> = Promise.resolve();

/** Begins when what was begun before in this process has ended. */
function inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
  const result = lastBuild.then(task);
  lastBuild = result.catch(() => {});
  return result;
}

/** @returns What stood in the way. */
async function build(
  python: string,
  { folder, requirements, say }: VirtualEnvironmentOptions & { readonly folder: string },
): Promise<string | undefined> {
  const building = `${folder}.${process.pid}`;
  try {
    await takeTurn(building);
    if (existsSync(folder)) return undefined;
    say?.(`Installing what the interop tests need, in a virtual environment: ${basename(requirements)} ...`);
    const obstacle = await install(python, building, requirements);
    if (obstacle === undefined) renameSync(building, folder);
    return obstacle;
  } finally {
    deleteFolder(building);
  }
}

/** Makes the folder of a build while no other process has one. */
async function takeTurn(building: string): Promise<void> {
  for (;;) {
    mkdirSync(building, { recursive: true });
    if (!isOtherBuilding(dirname(building))) return;
    // Two builds that began at the same time both stand back.
    deleteFolder(building);
    await sleep(POLL_MS.least + Math.random() * POLL_MS.spread);
  }
}

/** Whether another process is at it. What processes that have ended left behind is deleted. */
function isOtherBuilding(cache: string): boolean {
  const builds = readdirSync(cache).filter((name) => BUILD.test(name) && !name.endsWith(`.${process.pid}`));
  for (const name of builds.filter((each) => !isAlive(each))) deleteFolder(join(cache, name));
  return builds.some(isAlive);
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

function errorLine(output: string): string {
  return /^ERROR: (.+)$/m.exec(output)?.[1] ?? output.trim().split("\n").at(-1) ?? "";
}

/** The environment of one of the files of requirements here. */
export function prepareEnvironment(
  requirements: string,
  versions?: PythonRange,
): Promise<VirtualEnvironment> {
  return prepareVirtualEnvironment({
    requirements: inProject("test", "interop", requirements),
    cache: inProject(".cache"),
    versions,
    say: sayOnStderr,
  });
}

/** The environment of the tests that need one Django. */
export function prepareDjango(): Promise<VirtualEnvironment> {
  return prepareEnvironment("requirements.txt");
}
