// @ts-check
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inProject } from "./project.mjs";
import { run } from "./processes.mjs";

/** @typedef {import("./tally-reporter.mjs").Tally} Tally */

/**
 * @typedef {object} VitestRun
 * @property {number} status
 * @property {string} output Empty when it was inherited.
 * @property {Tally | undefined} tally Counts of vitest; `undefined` if it ended without a report.
 */

/**
 * Runs vitest, and counts.
 *
 * @param {readonly string[]} args Of `vitest run`.
 * @param {Parameters<typeof run>[2] & { command?: string, script?: readonly string[] }} [options]
 *   `command` is the runtime, the present one unless told otherwise, and `script` what it wants
 *   before a script.
 * @returns {Promise<VitestRun>}
 */
export async function runVitest(
  args,
  { command = process.execPath, script = [], env = {}, ...options } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-tally-"));
  const report = join(folder, "tally.json");
  const vitest = inProject("node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", `--reporter=${inProject("scripts", "lib", "tally-reporter.mjs")}`];
  try {
    const finished = await run(command, [...script, vitest, "run", ...reporters, ...args], {
      ...options,
      env: { ...env, SOJOURN_TALLY: report },
    });
    return { ...finished, tally: readTally(report) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @returns {Tally | undefined}
 */
function readTally(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
