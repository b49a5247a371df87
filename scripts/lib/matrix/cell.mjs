// @ts-check
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { inProject } from "../project.mjs";
import { runVitest } from "../vitest.mjs";
import { testPacked } from "./packed.mjs";

/** Only ends what hangs, in milliseconds. */
const TIMEOUT = 15 * 60_000;

/** Tests that need no server: the units, and the adapters on stores in memory. */
const WITHOUT_SERVER = [
  ["--project=unit"],
  ["--project=promises", "--project=frameworks", "test/integration/adapters"],
];

/**
 * Tests on a server: promises over HTTP, sessions, the cache with its loads, locks and limits,
 * stores, scripts.
 */
const WITH_SERVER = [
  ["--project=promises", "test/integration/sessions"],
  [
    "--project=engines",
    "--project=integration",
    "test/integration/cache/",
    "test/integration/redis/scripts",
    "test/integration/stores/redis-",
    "test/integration/stores/bucket-",
  ],
];

/**
 * @typedef {object} Cell
 * @property {{ runtime: import("./runtimes.mjs").Runtime, command: string, version: string }} on
 * @property {{ folder: string, version: string } | undefined} server
 * @property {string} application Folder of the application that has the packed package.
 * @property {boolean} isShort
 */

/**
 * Runs a cell. Failures are in its log.
 *
 * @param {Cell} cell
 * @returns {Promise<import("./table.mjs").Result>}
 */
export async function runCell(cell) {
  const { on, server, application, isShort } = cell;
  const began = performance.now();
  const runs = [];
  for (const args of isShort ? [] : server ? WITH_SERVER : WITHOUT_SERVER)
    runs.push(await runTests(cell, args));
  if (server) runs.push(...(await testPacked(application, on, server)));
  const result = {
    runtime: on.runtime.name,
    runtimeVersion: on.version,
    server: server?.version,
    seconds: Math.round((performance.now() - began) / 1000),
    ...addUp(runs),
  };
  const log = keepLog(result, runs);
  return { ...result, log: result.failed > 0 ? log : undefined };
}

/**
 * @param {Cell} cell
 * @param {readonly string[]} args
 */
async function runTests({ on, server }, args) {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-matrix-"));
  const notes = join(folder, "runtimes");
  /** @type {Record<string, string>} */
  const env = { CI: "true", NO_COLOR: "1", SOJOURN_RUNTIME_NOTES: notes };
  if (server) env["PATH"] = `${server.folder}${delimiter}${process.env["PATH"]}`;
  try {
    const { command, runtime } = on;
    const { status, output, tally } = await runVitest(args, {
      command,
      script: runtime.script,
      env,
      timeout: TIMEOUT,
    });
    const stranger = strangerIn(notes, `${runtime.name.replace(/-.*/, "")} ${on.version}`);
    const { passed = 0, failed = 1, skipped = [] } = tally ?? {};
    const isUntold = failed === 0 && (status !== 0 || passed === 0 || stranger !== undefined);
    const more = stranger === undefined ? "" : `\nThese tests ran on ${stranger}.\n`;
    return { passed, failed: failed + (isUntold ? 1 : 0), skipped: skipped.length, output: output + more };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} notes File in which the tests have noted what runs them.
 * @param {string} expected
 * @returns {string | undefined} Another program that has run them.
 */
function strangerIn(notes, expected) {
  let noted = [""];
  try {
    noted = readFileSync(notes, "utf8").trimEnd().split("\n");
  } catch {
    return "an unknown runtime: none of them has noted it";
  }
  return noted.find((line) => line !== expected);
}

/** @param {readonly import("./packed.mjs").Counts[]} runs */
function addUp(runs) {
  return {
    passed: runs.reduce((total, { passed }) => total + passed, 0),
    failed: runs.reduce((total, { failed }) => total + failed, 0),
    skipped: runs.reduce((total, { skipped }) => total + skipped, 0),
  };
}

/**
 * @param {{ runtime: string, server: string | undefined }} result
 * @param {readonly { output: string }[]} runs
 */
function keepLog({ runtime, server = "none" }, runs) {
  const folder = inProject(".cache", "matrix", "logs");
  const log = join(folder, `${runtime}-${server.toLowerCase().replaceAll(" ", "-")}.log`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(log, runs.map(({ output }) => output).join("\n"));
  return log;
}
