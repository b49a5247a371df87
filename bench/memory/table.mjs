// @ts-check

/**
 * @typedef {object} Column What one server takes.
 * @property {string} version
 * @property {readonly number[]} bytes A session, for each layout.
 */

/**
 * @param {readonly string[]} names Of the layouts; the first is the one that all are compared with.
 * @param {readonly Column[]} columns
 * @returns {string} Lines of Markdown.
 */
export function table(names, columns) {
  const head = ["", ...columns.map(({ version }) => `Redis ${version}`)];
  const rows = names.map((name, at) => [name, ...columns.map(({ bytes }) => cell(bytes, at))]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const lines = [head, widths.map(toRule), ...rows].map((row) =>
    row.map((text, column) => pad(text, column, widths)),
  );
  return lines.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** @param {readonly number[]} bytes @param {number} at */
function cell(bytes, at) {
  const ratio = (bytes[at] ?? Number.NaN) / (bytes[0] ?? Number.NaN);
  return `${Math.round(bytes[at] ?? Number.NaN)} (${ratio.toFixed(2)})`;
}

/** @param {number} width @param {number} column */
function toRule(width, column) {
  return column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`;
}

/** @param {string} text @param {number} column @param {readonly number[]} widths */
function pad(text, column, widths) {
  return column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
}
