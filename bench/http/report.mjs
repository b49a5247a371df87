// @ts-check
// From samples to figures, and from figures to tables.
import { markdown } from "../cache/report.mjs";
import { USUAL_CHOICES } from "./server-kinds.mjs";

/** @typedef {import("./rounds.mjs").Sample} Sample */
/** @typedef {import("./server-kinds.mjs").Framework} Framework */
/** @typedef {import("./server-kinds.mjs").Operation} Operation */
/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */

/**
 * Over the rounds. Processor time is compared by its `p20` and rates by their `p80`, which leave out rounds
 * in which something else had the processors.
 *
 * @typedef {{ p20: number, p50: number, p80: number }} Spread
 */

/**
 * @typedef {object} Figures What one candidate has reached.
 * @property {Framework} framework
 * @property {string} library
 * @property {string} operation
 * @property {Spread} cpu Microseconds of the server's processor time a request.
 * @property {number} extra By how much that exceeds the framework without sessions.
 * @property {number} toUsual Ratio of `extra` to that of the framework's usual choice in the same operation.
 * @property {Spread} rate Requests a second.
 * @property {number} toGet Ratio of `rate` to that of the framework's bare GET.
 * @property {number} sent Commands that the server sends for a request.
 * @property {number} run Commands that Redis runs for a request, those of scripts too.
 */

const FRAMEWORKS = {
  express: "Express 5",
  node: "node:http",
  fastify: "Fastify 5",
  koa: "Koa 3",
  hono: "Hono 4",
  next: "Next 16",
};

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
  const extraOf = (framework, own) => cpuOf(own).p20 - cpuOf(samplesOf(framework, "none", "untouched")).p20;
  return candidates.map(({ server: { kind }, operation }, at) => {
    const { framework, library } = kind;
    const own = samples[at] ?? [];
    const extra = extraOf(framework, own);
    const [usual, choice] = USUAL_CHOICES[framework];
    const extraOfUsual = extraOf(usual, samplesOf(usual, choice, operation));
    return {
      framework,
      library,
      operation: library === "none" ? "" : operation,
      cpu: cpuOf(own),
      extra,
      toUsual: extra / extraOfUsual,
      rate: rateOf(own),
      toGet: rateOf(own).p80 / rateOf(samplesOf(framework, "GET", "read")).p80,
      sent: sent[at] ?? Number.NaN,
      run: spread(own.map(({ commands }) => commands)).p50,
    };
  });
}

/** @param {readonly Sample[]} samples */
function cpuOf(samples) {
  return spread(samples.map(({ cpu }) => cpu));
}

/** @param {readonly Sample[]} samples */
function rateOf(samples) {
  return spread(samples.map(({ rate }) => rate));
}

/** @param {readonly number[]} values @returns {Spread} */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ part) => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
  return { p20: at(0.2), p50: at(0.5), p80: at(0.8) };
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

const HEAD = ["", "us a request", "extra", "to usual choice", "requests/s", "to GET", "sent", "run"];

/** @param {Figures} figures */
function row({ library, operation, cpu, extra, toUsual, rate, toGet, sent, run }) {
  const isBase = library === "none";
  return [
    isBase ? "no session" : `${library === "GET" ? "bare GET" : library}, ${operation}`,
    `${cpu.p20.toFixed(1)} (${cpu.p50.toFixed(0)})`,
    isBase ? "" : extra.toFixed(1),
    isBase || library === "GET" ? "" : toUsual.toFixed(2),
    rate.p80.toFixed(0),
    toGet.toFixed(2),
    short(sent),
    short(run),
  ];
}

/** @param {number} commands */
function short(commands) {
  return commands.toFixed(1).replace(/\.0$/, "");
}
