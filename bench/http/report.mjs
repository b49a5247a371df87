// @ts-check
// From samples to figures, and from figures to tables.
import { markdown } from "../cache/report.mjs";

/** @typedef {import("./rounds.mjs").Sample} Sample */
/** @typedef {import("./server-kinds.mjs").Framework} Framework */
/** @typedef {import("./server-kinds.mjs").Operation} Operation */
/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */

/** @typedef {{ min: number, median: number, max: number }} Spread Over the rounds. */

/**
 * @typedef {object} Figures What one candidate has reached.
 * @property {Framework} framework
 * @property {string} library
 * @property {string} operation
 * @property {Spread} cpu Microseconds of the server's processor time a request.
 * @property {Spread} extra By how much that exceeds the framework without sessions in the same round.
 * @property {Spread} toExpressSession Ratio of `extra` to that of express-session's same operation.
 * @property {Spread} rate Requests a second.
 * @property {Spread} toGet Ratio of `rate` to that of the framework's bare GET.
 * @property {number} sent Commands that the server sends for a request.
 * @property {number} run Commands that Redis runs for a request, those of scripts too.
 */

const FRAMEWORKS = { express: "Express 5", node: "node:http", fastify: "Fastify 5" };

/**
 * @param {readonly { readonly server: { readonly kind: ServerKind }, readonly operation: Operation }[]}
 *   candidates
 * @param {readonly (readonly Sample[])[]} samples
 * @param {readonly number[]} sent
 * @returns {Figures[]}
 */
export function figuresOf(candidates, samples, sent) {
  /** @param {Framework} framework @param {string} library @param {string} operation */
  const samplesOf = (framework, library, operation) =>
    samples[
      candidates.findIndex(
        ({ server: { kind }, operation: own }) =>
          kind.framework === framework && kind.library === library && own === operation,
      )
    ] ?? [];
  /** @param {Framework} framework @param {readonly Sample[]} own */
  const extras = (framework, own) => {
    const none = samplesOf(framework, "none", "untouched");
    return own.map(({ cpu }, round) => cpu - (none[round]?.cpu ?? Number.NaN));
  };
  return candidates.map(({ server: { kind }, operation }, at) => {
    const { framework, library } = kind;
    const own = samples[at] ?? [];
    const extra = extras(framework, own);
    const expressSession = extras("express", samplesOf("express", "express-session", operation));
    const get = samplesOf(framework, "GET", "read");
    return {
      framework,
      library,
      operation: library === "none" ? "" : operation,
      cpu: spread(own.map(({ cpu }) => cpu)),
      extra: spread(extra),
      toExpressSession: spread(extra.map((each, round) => each / (expressSession[round] ?? Number.NaN))),
      rate: spread(own.map(({ rate }) => rate)),
      toGet: spread(own.map(({ rate }, round) => rate / (get[round]?.rate ?? Number.NaN))),
      sent: sent[at] ?? Number.NaN,
      run: spread(own.map(({ commands }) => commands)).median,
    };
  });
}

/** @param {readonly number[]} values @returns {Spread} */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ index) => sorted[index] ?? Number.NaN;
  return { min: at(0), median: at(Math.floor((sorted.length - 1) / 2)), max: at(sorted.length - 1) };
}

/** @param {readonly Figures[]} figures One table for each framework. */
export function tables(figures) {
  const used = /** @type {Framework[]} */ (Object.keys(FRAMEWORKS)).filter((framework) =>
    figures.some((each) => each.framework === framework),
  );
  return used
    .map((framework) => {
      const rows = figures.filter((each) => each.framework === framework).map(row);
      return `${FRAMEWORKS[framework]}\n\n${markdown([HEAD, ...rows])}`;
    })
    .join("\n\n");
}

const HEAD = ["", "us a request", "extra", "to express-session", "requests/s", "to GET", "sent", "run"];

/** @param {Figures} figures */
function row({ library, operation, cpu, extra, toExpressSession, rate, toGet, sent, run }) {
  const isBase = library === "none";
  return [
    isBase ? "no session" : `${library === "GET" ? "bare GET" : library}, ${operation}`,
    text(cpu, 0),
    isBase ? "" : text(extra, 0),
    isBase || library === "GET" ? "" : text(toExpressSession, 2),
    rate.median.toFixed(0),
    text(toGet, 2),
    short(sent),
    short(run),
  ];
}

/** @param {Spread} spread @param {number} digits */
function text({ min, median, max }, digits) {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}..${max.toFixed(digits)})`;
}

/** @param {number} commands */
function short(commands) {
  return commands.toFixed(1).replace(/\.0$/, "");
}
