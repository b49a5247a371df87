// @ts-check
// npm test: vitest with what its tests need, complete on a fresh clone. Only node: modules up to the installation.
//
//   node scripts/test.mjs [--all | --rest] [--soak] [--tally=FILE] [arguments of vitest run ...]
//
// Runs the fast projects unless told otherwise: --all runs every project, --rest those that are left then, --project=NAME
// one of them. The last line says "N passed, N failed, N skipped" from vitest's own counts; --tally adds them to those
// that the file has, for the sum of several runs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { installPackages } from "./lib/install.mjs";
import { isCi, say } from "./lib/project.mjs";
import { chooseProjects } from "./lib/projects.mjs";
import { runVitest } from "./lib/vitest.mjs";
import { provideServices } from "./services.mjs";

/** @typedef {import("./lib/tally-reporter.mjs").Tally} Tally */

const OWN_OPTION = /^--(all$|rest$|soak$|tally=|project=)/;
const options = process.argv.slice(2).filter((argument) => OWN_OPTION.test(argument));
const projects = chooseProjects(options);
const vitestArguments = [
  ...projects.map((project) => `--project=${project}`),
  ...process.argv.slice(2).filter((argument) => !OWN_OPTION.test(argument)),
];

process.exitCode = (await installPackages()) ? await test() : 1;

async function test() {
  await provideServices(projects);
  /** @type {Record<string, string>} */
  const env = options.includes("--soak") ? { SOJOURN_SOAK: "1" } : {};
  const { status, tally } = await runVitest(vitestArguments, { env, inherit: true });
  if (tally === undefined) {
    say("vitest ended without a report.");
    close({ passed: 0, failed: 1, skipped: [] });
    return status || 1;
  }
  const verdict = judge(tally);
  for (const title of tally.skipped) console.log(`skipped: ${title}`);
  if (verdict !== undefined) console.log(verdict);
  close(tally);
  return verdict === undefined ? status : status || 1;
}

/**
 * @param {Tally} tally
 * @returns {string | undefined} Why this run does not count as passed.
 */
function judge({ passed, failed, skipped }) {
  if (failed > 0) return "Failed: see above.";
  if (passed === 0) return "Failed: no test was executed.";
  if (isCi && skipped.length > 0) return "Failed: under CI=true every test has to run.";
  return undefined;
}

/** @param {Tally} tally */
function close({ passed, failed, skipped }) {
  const counts = [passed, failed, skipped.length];
  const file = options.find((option) => option.startsWith("--tally="))?.slice("--tally=".length);
  if (file) writeFileSync(file, `${toLine(addTo(readCounts(file), counts))}\n`);
  console.log(toLine(counts));
}

/** @param {readonly number[]} counts */
function toLine([passed, failed, skipped]) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** @param {string} file */
function readCounts(file) {
  return existsSync(file) ? (readFileSync(file, "utf8").match(/\d+/g) ?? []).map(Number) : [];
}

/** @param {readonly number[]} before @param {readonly number[]} counts */
function addTo(before, counts) {
  return counts.map((count, index) => count + (before[index] ?? 0));
}
