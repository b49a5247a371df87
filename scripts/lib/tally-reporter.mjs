// @ts-check
import { writeFileSync } from "node:fs";

/**
 * @typedef {object} Tally Counts of vitest.
 * @property {number} passed
 * @property {number} failed Failed tests, and files, hooks and stray errors that failed outside of
 *   any test.
 * @property {string[]} skipped Titles, with the reason where one was given.
 */

/** Writes the counts of a run to the file that SOJOURN_TALLY names. */
export default class TallyReporter {
  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly unknown[]} strayErrors
   */
  onTestRunEnd(modules, strayErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const brokenSuites = suites.filter((suite) => suite.errors().length > 0);
    /** @type {Tally} */
    const tally = {
      passed: tests.filter((test) => test.result().state === "passed").length,
      failed:
        tests.filter((test) => test.result().state === "failed").length +
        brokenSuites.length +
        strayErrors.length,
      skipped: tests.filter((test) => isSkipped(test)).map((test) => describeSkip(test)),
    };
    const path = process.env["SOJOURN_TALLY"];
    if (path) writeFileSync(path, JSON.stringify(tally));
  }
}

/** @param {import("vitest/node").TestCase} test */
function isSkipped(test) {
  // "pending" is a test that a broken hook or a bail-out has kept from running.
  return test.result().state === "skipped" || test.result().state === "pending";
}

/** @param {import("vitest/node").TestCase} test */
function describeSkip(test) {
  const result = test.result();
  const note = "note" in result ? result.note : undefined;
  return `${test.module.relativeModuleId} > ${test.fullName}${note === undefined ? "" : ` (${note})`}`;
}
