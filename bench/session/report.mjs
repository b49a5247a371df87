// @ts-check
// From samples to figures, and from figures to tables.
import { markdown } from "../cache/report.mjs";
import { spread } from "../http/report.mjs";
import { BASE } from "./candidates.mjs";

/** @typedef {import("./candidates.mjs").Candidate} Candidate */
/** @typedef {import("./garbage.mjs").Garbage} Garbage */
/** @typedef {import("../http/report.mjs").Spread} Spread */

/**
 * @typedef {object} Figures What one candidate has reached.
 * @property {string} size
 * @property {string} name
 * @property {Spread} cpu Microseconds of processor time an operation.
 * @property {Spread} toParse Ratio of it to `JSON.parse` of the same data in the same round.
 * @property {Garbage} garbage
 */

/**
 * @param {readonly Candidate[]} candidates
 * @param {readonly (readonly number[])[]} samples
 * @param {readonly Garbage[]} garbage
 * @returns {Figures[]}
 */
export function figuresOf(candidates, samples, garbage) {
  return candidates.map(({ size, name }, at) => {
    const own = samples[at] ?? [];
    const base = samples[candidates.findIndex((each) => each.size === size && each.name === BASE)] ?? [];
    return {
      size,
      name,
      cpu: spread(own),
      toParse: spread(own.map((each, round) => each / (base[round] ?? Number.NaN))),
      garbage: garbage[at] ?? { heap: Number.NaN, external: Number.NaN },
    };
  });
}

/** @param {readonly Figures[]} figures */
export function tables(figures) {
  return [
    table("Microseconds of processor time an operation (median)", figures, ({ cpu }) => cpu.p50.toFixed(1)),
    table("Ratio to JSON.parse in the same round (median, p20..p80)", figures, ({ toParse }) => {
      const [low, median, high] = [toParse.p20, toParse.p50, toParse.p80].map((each) => each.toFixed(1));
      return `${median} (${low}..${high})`;
    }),
    table("Kilobytes allocated an operation: heap + buffers", figures, ({ garbage }) =>
      [garbage.heap, garbage.external].map((bytes) => (bytes / 1000).toFixed(1)).join(" + "),
    ),
  ].join("\n\n");
}

/**
 * One row a candidate, one column a size.
 *
 * @param {string} title
 * @param {readonly Figures[]} figures
 * @param {(figures: Figures) => string} cell
 */
function table(title, figures, cell) {
  const sizes = [...new Set(figures.map(({ size }) => size))];
  const names = [...new Set(figures.map(({ name }) => name))];
  const rows = names.map((name) => [
    name,
    ...sizes.map((size) =>
      figures
        .filter((each) => each.name === name && each.size === size)
        .map(cell)
        .join(),
    ),
  ]);
  return `${title}\n\n${markdown([["", ...sizes], ...rows])}`;
}
