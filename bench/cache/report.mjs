// @ts-check
// From samples to figures, and from figures to a table.
import { cpus } from "node:os";
import { MANY } from "./candidate.mjs";

/** @typedef {import("./rounds.mjs").Sample} Sample */
/** @typedef {import("./rounds.mjs").Workload} Workload */

/**
 * @typedef {object} Figures What one candidate has reached with one workload.
 * @property {string} candidate
 * @property {string} operation
 * @property {number} concurrency
 * @property {number} rate Operations a second: the 80th percentile of the rounds.
 * @property {{ p20: number, p50: number, p80: number }} ratio Of its rate to that of the raw client in the
 *   same round.
 * @property {number} cpu Microseconds of processor time an operation: the 20th percentile of the rounds.
 */

/**
 * @param {readonly string[]} names Of the candidates; the first is the one that all are compared with.
 * @param {Workload} workload
 * @param {readonly (readonly Sample[])[]} samples
 * @returns {Figures[]}
 */
export function figuresOf(names, { operation, concurrency }, samples) {
  const base = samples[0] ?? [];
  return names.map((candidate, index) => {
    const own = samples[index] ?? [];
    const ratios = own.map(({ rate }, round) => rate / (base[round]?.rate ?? Number.NaN));
    return {
      candidate,
      operation,
      concurrency,
      rate: percentile(rates(own), 0.8),
      ratio: { p20: percentile(ratios, 0.2), p50: percentile(ratios, 0.5), p80: percentile(ratios, 0.8) },
      cpu: percentile(
        own.map(({ cpu }) => cpu),
        0.2,
      ),
    };
  });
}

/** @param {readonly Sample[]} samples */
function rates(samples) {
  return samples.map(({ rate }) => rate);
}

/**
 * @param {readonly number[]} values
 * @param {number} part
 */
function percentile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/**
 * Tables in Markdown: rates, ratios, processor time, and what a hit costs that needs no server.
 *
 * @param {readonly Figures[]} figures
 * @param {ReadonlySet<string>} local Names of the candidates whose hits need no server.
 */
export function tables(figures, local) {
  return [
    table("Operations a second, in thousands (p80)", figures, ({ rate }) => thousands(rate)),
    table("Ratio to the raw client in the same round (median)", figures, ({ ratio }) => ratio.p50.toFixed(2)),
    table("Processor time of the client an operation, in microseconds (p20)", figures, ({ cpu }) =>
      microseconds(cpu),
    ),
    table(
      "Nanoseconds of a hit without a server, one caller (p80 of the rate)",
      figures.filter(({ candidate, operation, concurrency }) => {
        return local.has(candidate) && concurrency === 1 && (operation === "get" || operation === "getOrSet");
      }),
      ({ rate }) => String(Math.round(1e9 / rate)),
    ),
  ]
    .slice(0, local.size === 0 ? 3 : 4)
    .join("\n\n");
}

/**
 * One row a candidate, one column a workload.
 *
 * @param {string} title
 * @param {readonly Figures[]} figures
 * @param {(figures: Figures) => string} cell
 */
function table(title, figures, cell) {
  const columns = [...new Set(figures.map(columnOf))];
  const names = [...new Set(figures.map(({ candidate }) => candidate))];
  const rows = names.map((name) => {
    const own = figures.filter(({ candidate }) => candidate === name);
    return [
      name,
      ...columns.map((column) =>
        own
          .filter((each) => columnOf(each) === column)
          .map(cell)
          .join(),
      ),
    ];
  });
  return `${title}\n\n${markdown([["", ...columns], ...rows])}`;
}

/** @param {Figures} figures */
function columnOf({ operation, concurrency }) {
  const name =
    operation === "getMany" ? `getMany(${MANY})` : operation === "getOrSet" ? "getOrSet hit" : operation;
  return `${name} c${concurrency}`;
}

/** @param {readonly (readonly string[])[]} rows The first is the head. */
export function markdown(rows) {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => pad(cell, column, widths[column] ?? 0)));
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [lines[0] ?? [], rule, ...lines.slice(1)].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** @param {string} cell @param {number} column @param {number} width */
function pad(cell, column, width) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** @param {number} rate */
function thousands(rate) {
  return (rate / 1000).toFixed(rate < 100_000 ? 1 : 0);
}

/** @param {number} cpu */
function microseconds(cpu) {
  return cpu.toFixed(cpu < 10 ? 2 : cpu < 100 ? 1 : 0);
}

/** Where and with what it ran: figures without it cannot be compared. */
export function conditions() {
  const processors = cpus();
  return {
    node: process.version,
    processors: `${processors.length} x ${processors[0]?.model.trim() ?? "unknown"}`,
  };
}

/** @param {unknown} info What Redis tells of itself. */
export function versionIn(info) {
  return /redis_version:(\S+)/.exec(String(info))?.[1] ?? "unknown";
}
