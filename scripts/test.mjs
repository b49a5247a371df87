// @ts-check
// npm test: vitest with what its tests need, complete on a fresh clone. Only node: modules up to the installation.
//
//   node scripts/test.mjs [--soak] [--tally=FILE] [arguments of vitest run ...]
//
// The last line says "N passed, N failed, N skipped" from vitest's own counts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPackages } from "./lib/install.mjs";
import { inProject, isCi, say } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";
import { provideServices } from "./services.mjs";

/** @typedef {import("./lib/tally-reporter.mjs").Tally} Tally */

const OWN_OPTION = /^--(soak$|tally=)/;
const options = process.argv.slice(2).filter((argument) => OWN_OPTION.test(argument));
const vitestArguments = process.argv.slice(2).filter((argument) => !OWN_OPTION.test(argument));

process.exitCode = (await installPackages()) ? await test() : 1;

async function test() {
  await provideServices(projectsAskedFor());
  const { status, tally } = await runVitest();
  if (tally === undefined) {
    say("vitest ended without a report.");
    return status || 1;
  }
  const verdict = judge(tally);
  for (const title of tally.skipped) console.log(`skipped: ${title}`);
  if (verdict !== undefined) console.log(verdict);
  close(tally);
  return verdict === undefined ? status : status || 1;
}

function projectsAskedFor() {
  return vitestArguments.flatMap((argument) => /^--project=(.+)$/.exec(argument)?.[1] ?? []);
}

async function runVitest() {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-tally-"));
  const report = join(folder, "tally.json");
  const vitest = inProject("node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", `--reporter=${inProject("scripts", "lib", "tally-reporter.mjs")}`];
  /** @type {Record<string, string>} */
  const env = options.includes("--soak") ? { SOJOURN_TALLY: report, SOJOURN_SOAK: "1" } : { SOJOURN_TALLY: report };
  try {
    const { status } = await run(process.execPath, [vitest, "run", ...reporters, ...vitestArguments], {
      env,
      inherit: true,
    });
    return { status, tally: readTally(report) };
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
  const line = `${passed} passed, ${failed} failed, ${skipped.length} skipped`;
  const copy = options.find((option) => option.startsWith("--tally="))?.slice("--tally=".length);
  if (copy) writeFileSync(copy, `${line}\n`);
  console.log(line);
}
