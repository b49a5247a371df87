// @ts-check

/**
 * @typedef {object} Result
 * @property {string} runtime
 * @property {string} runtimeVersion
 * @property {string | undefined} server With its version; `undefined` for what needs none.
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} seconds
 * @property {string | undefined} log Path of the log with the failures.
 */

const HEAD = ["runtime", "server", "passed", "failed", "skipped", "seconds"];

/**
 * A table in Markdown, with the versions that have really run.
 *
 * @param {readonly Result[]} results
 */
export function toTable(results) {
  const rows = [HEAD, ...results.map(toRow)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const lines = rows.map((row) =>
    toLine(row.map((text, column) => align(text, widths[column] ?? 0, column))),
  );
  const rule = toLine(
    widths.map((width, column) => (column < 2 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)),
  );
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** One line for a cell that has just ended. @param {Result} result */
export function describeCell(result) {
  const [runtime, server] = toRow(result);
  const { passed, failed, skipped, seconds, log } = result;
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`;
  return `${failed === 0 ? "ok  " : "FAIL"}  ${runtime}, ${server}: ${counts}${log === undefined ? "" : ` (${log})`}`;
}

const NAMES = { node: "Node", bun: "Bun", deno: "Deno" };

/** @param {Result} result */
function toRow({ runtime, runtimeVersion, server, passed, failed, skipped, seconds }) {
  const name = NAMES[/** @type {keyof typeof NAMES} */ (runtime.replace(/-.*/, ""))];
  return [`${name} ${runtimeVersion}`, server ?? "none", ...[passed, failed, skipped, seconds].map(String)];
}

/** @param {readonly string[]} cells */
function toLine(cells) {
  return `| ${cells.join(" | ")} |`;
}

/** @param {string} text @param {number} width @param {number} column */
function align(text, width, column) {
  return column < 2 ? text.padEnd(width) : text.padStart(width);
}
