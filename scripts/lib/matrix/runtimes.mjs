// @ts-check
// The runtimes of the matrix: the Node.js that runs this script where it is of the wanted version,
// else npm packages that carry a program, in exact versions, in .cache/matrix of the project.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npm } from "../install.mjs";
import { inProject, say } from "../project.mjs";
import { run } from "../processes.mjs";

/**
 * @typedef {object} Runtime
 * @property {string} name As in `--runtime=NAME`.
 * @property {string} version
 * @property {string} path Of the program in the package.
 * @property {Readonly<Record<string, string>>} packages By platform and architecture.
 * @property {readonly string[]} script Command and arguments before a script.
 * @property {(file: string, report: string) => readonly string[]} test What runs a file of
 *   `node:test`, with a report in JUnit's form.
 */

/**
 * @param {string} version
 * @returns {Runtime}
 */
function node(version) {
  const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
  return {
    name: `node-${majorOf(version)}`,
    version,
    path: "bin/node",
    packages: Object.fromEntries(platforms.map((platform) => [platform, `node-${platform}`])),
    script: [],
    test: (file, report) => [
      "--test",
      "--test-reporter=junit",
      `--test-reporter-destination=${report}`,
      file,
    ],
  };
}

/** @type {readonly Runtime[]} */
export const runtimes = [
  node("20.20.2"),
  node("22.23.3"),
  node("24.21.0"),
  node("26.12.1"),
  {
    name: "bun",
    version: "1.4.5",
    path: "bin/bun",
    packages: {
      "linux-x64": "@oven/bun-linux-x64",
      "linux-arm64": "@oven/bun-linux-aarch64",
      "darwin-x64": "@oven/bun-darwin-x64",
      "darwin-arm64": "@oven/bun-darwin-aarch64",
    },
    script: ["--bun"],
    test: (file, report) => [
      "test",
      "--timeout=60000",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      `./${file}`,
    ],
  },
  {
    name: "deno",
    version: "2.9.6",
    path: "deno",
    packages: {
      "linux-x64": "@deno/linux-x64-glibc",
      "linux-arm64": "@deno/linux-arm64-glibc",
      "darwin-x64": "@deno/darwin-x64",
      "darwin-arm64": "@deno/darwin-arm64",
    },
    script: ["run", "--allow-all"],
    test: (file, report) => ["test", "--allow-all", "--no-check", `--junit-path=${report}`, file],
  },
];

/**
 * Makes sure that a runtime is there.
 *
 * @param {Runtime} runtime
 * @returns {Promise<string | undefined>} Its command; `undefined` when it cannot be had, which has
 *   been told in one line.
 */
export async function provideRuntime(runtime) {
  if (runtime.name === `node-${majorOf(process.versions.node)}`) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = runtime.packages[platform];
  if (name === undefined) return missing(runtime, `no package is known for ${platform}`);
  const folder = inProject(".cache", "matrix", `${runtime.name}-${runtime.version}`);
  const command = join(folder, "node_modules", name, runtime.path);
  if (existsSync(command)) return command;
  const obstacle = await install(folder, `${name}@${runtime.version}`);
  if (obstacle !== undefined) return missing(runtime, obstacle);
  return command;
}

/**
 * @param {string} folder
 * @param {string} specifier
 * @returns {Promise<string | undefined>} The obstacle.
 */
async function install(folder, specifier) {
  say(`Installing ${specifier} ...`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const quiet = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, output } = await npm(["install", ...quiet, specifier], { cwd: folder });
  if (status === 0) return undefined;
  rmSync(folder, { recursive: true, force: true });
  return /^npm error (?!code )(.+)$/m.exec(output)?.[1] ?? `npm install ended with status ${status}`;
}

/**
 * @param {Runtime} runtime
 * @param {string} problem
 */
function missing({ name, version }, problem) {
  say(`${name} ${version} is missing (${problem}): its cells do not run.`);
  return undefined;
}

/** Version that a command prints of itself, such as "1.4.5". @param {string} command */
export async function versionOf(command) {
  const { output } = await run(command, ["--version"]);
  return /\d+\.\d+\.\d+/.exec(output)?.[0] ?? "unknown";
}

/** @param {string} version */
function majorOf(version) {
  return version.split(".")[0];
}
