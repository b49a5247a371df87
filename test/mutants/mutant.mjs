// @ts-check

/**
 * @typedef {object} Mutant A change of the source that breaks a promise: some test has to notice it.
 * @property {string} name Kebab case; unique.
 * @property {string} file Path from the project's folder.
 * @property {string} find Text that stands exactly once in the file. Short and stable, since the file changes.
 * @property {string} replace What takes its place.
 * @property {string} breaks What no longer holds then, as one sentence.
 * @property {readonly string[]} tests Test files that ought to notice.
 * @property {string} [explained] Why nothing notices it, and why that is right, or for how long.
 */

/**
 * Puts a mutant into the text of its file.
 *
 * @param {Mutant} mutant
 * @param {string} source
 * @returns {string}
 */
export function mutate({ name, file, find, replace }, source) {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`${name}: expected its text once in ${file}, found it ${count} times.`);
  // A function: in a text, "$&" and its like would be patterns.
  return source.replace(find, () => replace);
}

/**
 * @typedef {object} Outcome What came of the tests of a mutant.
 * @property {number} passed
 * @property {number} failed
 * @property {number} ran Tests that were executed, whatever came of them.
 * @property {boolean} timedOut
 * @property {readonly string[]} failures Titles of the tests that failed.
 */

/**
 * Judges a mutant by an outcome. A run without a test says nothing: perhaps vitest did not start.
 *
 * @param {Mutant} mutant
 * @param {Outcome | undefined} outcome `undefined`: there was no report.
 * @returns {"killed" | "survived" | "explained" | "killed-although-explained" | "error"}
 */
export function judge({ explained }, outcome) {
  const isKilled = outcome !== undefined && (outcome.timedOut || (outcome.ran > 0 && outcome.failed > 0));
  if (isKilled) return explained === undefined ? "killed" : "killed-although-explained";
  if (outcome === undefined || outcome.ran === 0) return "error";
  return explained === undefined ? "survived" : "explained";
}
