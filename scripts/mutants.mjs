// @ts-check
// Tries whether the tests notice what they should: each mutant of test/mutants is put into a copy
// of the tree, and the tests that it names are run there.
//
//   node scripts/mutants.mjs [--only=NAME ...] [--list]
//
// It ends with the list of survivors. The status is 1 when there is one that is not explained.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { parseArgs } from "node:util";
import { mutants } from "../test/mutants/index.mjs";
import { judge, mutate } from "../test/mutants/mutant.mjs";
import { installPackages } from "./lib/install.mjs";
import { run } from "./lib/processes.mjs";
import { inProject, root, say } from "./lib/project.mjs";

/** @typedef {import("../test/mutants/mutant.mjs").Mutant} Mutant */
/** @typedef {import("../test/mutants/mutant.mjs").Outcome} Outcome */

// Folders that the tests do not read, or that are linked instead of copied.
const LEFT_OUT = new Set([".git", "coverage", "dist", "node_modules", "tmp-examples"]);
const MAX_MINUTES = 3;

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true }, list: { type: "boolean" } },
});
const chosen = mutants.filter(({ name }) => values.only === undefined || values.only.includes(name));

if (values.list) for (const { name, breaks } of mutants) console.log(`${name}: ${breaks}`);
else process.exitCode = (await installPackages()) ? await tryAll() : 1;

async function tryAll() {
  if (chosen.length === 0) {
    say("There is no mutant of that name. --list shows all.");
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), "sojourn-mutants-"));
  try {
    copyTree(folder);
    return (await isGreen(folder)) ? await tryEach(folder) : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder */
function copyTree(folder) {
  const isCopied = (/** @type {string} */ path) => !LEFT_OUT.has(relative(root, path).split(sep)[0] ?? "");
  cpSync(root, folder, { recursive: true, filter: isCopied });
  symlinkSync(inProject("node_modules"), join(folder, "node_modules"));
}

/**
 * Without a mutant, all of the tests have to pass: else every mutant would look noticed.
 *
 * @param {string} folder
 */
async function isGreen(folder) {
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))];
  const { outcome, output } = await runTests(folder, files);
  if (outcome !== undefined && outcome.ran > 0 && outcome.failed === 0 && !outcome.timedOut) return true;
  say(output);
  for (const title of outcome?.failures ?? []) say(`failed: ${title}`);
  say("Failed: the tests have to pass before mutants are tried.");
  return false;
}

/** @param {string} folder */
async function tryEach(folder) {
  /** @type {Map<string, Mutant[]>} */
  const verdicts = new Map();
  for (const [index, mutant] of chosen.entries()) {
    const { verdict, output, by = "" } = await tryOne(folder, mutant);
    say(`${index + 1}/${chosen.length} ${mutant.name}: ${verdict}${by}`);
    if (verdict === "error") say(output);
    verdicts.set(verdict, [...(verdicts.get(verdict) ?? []), mutant]);
  }
  return tell(verdicts);
}

/**
 * @param {string} folder
 * @param {Mutant} mutant
 */
async function tryOne(folder, mutant) {
  const path = join(folder, mutant.file);
  const source = readFileSync(path, "utf8");
  try {
    writeFileSync(path, mutate(mutant, source));
    const { outcome, output } = await runTests(folder, mutant.tests);
    const [first] = outcome?.failures ?? [];
    return { verdict: judge(mutant, outcome), output, by: first === undefined ? "" : ` by "${first}"` };
  } catch (error) {
    return { verdict: "error", output: String(error) };
  } finally {
    writeFileSync(path, source);
  }
}

/**
 * @param {string} folder
 * @param {readonly string[]} files
 * @returns {Promise<{ outcome: Outcome | undefined, output: string }>}
 */
async function runTests(folder, files) {
  const report = join(folder, "mutant-report.json");
  rmSync(report, { force: true });
  const vitest = join(folder, "node_modules", "vitest", "vitest.mjs");
  const args = [
    vitest,
    "run",
    "--bail=1",
    "--retry=0",
    "--reporter=json",
    `--outputFile=${report}`,
    ...files,
  ];
  const minutes = `${MAX_MINUTES * 60}`;
  // A mutant may run for ever, and then vitest cannot end it: a loop lets no timer run.
  const { status, output } = await run("timeout", ["--kill-after=5", minutes, process.execPath, ...args], {
    cwd: folder,
    env: { SOJOURN_SOAK: "0" },
  });
  const timedOut = status === 124 || status === 137;
  return {
    outcome: timedOut ? { passed: 0, failed: 0, ran: 0, timedOut, failures: [] } : readOutcome(report),
    output,
  };
}

/**
 * @param {string} path
 * @returns {Outcome | undefined}
 */
function readOutcome(path) {
  try {
    const {
      numPassedTests: passed,
      numFailedTests: failed,
      testResults,
    } = JSON.parse(readFileSync(path, "utf8"));
    const failures = testResults
      .flatMap((/** @type {any} */ file) => file.assertionResults)
      .filter((/** @type {any} */ test) => test.status === "failed")
      .map((/** @type {any} */ test) => test.fullName);
    return { passed, failed, ran: passed + failed, timedOut: false, failures };
  } catch {
    return undefined;
  }
}

/** @param {ReadonlyMap<string, readonly Mutant[]>} verdicts */
function tell(verdicts) {
  const of = (/** @type {string} */ verdict) => verdicts.get(verdict) ?? [];
  for (const { name, explained } of of("explained")) console.log(`explained: ${name}: ${explained}`);
  for (const { name } of of("killed-although-explained"))
    console.log(`killed, although explained: ${name}. Take its explanation away.`);
  for (const { name, breaks } of of("survived")) console.log(`survived: ${name}: ${breaks}`);
  for (const { name } of of("error")) console.log(`not tried: ${name}. See above.`);
  const counts = ["killed", "survived", "explained", "error"].map(
    (verdict) => `${of(verdict).length} ${verdict}`,
  );
  console.log(`${chosen.length} mutants: ${counts.join(", ")}.`);
  const isBad = ["survived", "error", "killed-although-explained"].some((verdict) => of(verdict).length > 0);
  return isBad ? 1 : 0;
}
