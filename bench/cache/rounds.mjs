// @ts-check
// Measures all candidates in turns, many short rounds after one another: what disturbs the machine disturbs
// all of them.
import { expectNoErrors } from "./check.mjs";
import { ITEMS, KEYS, makeItem, MANY } from "./candidate.mjs";

/** @typedef {import("./candidate.mjs").Candidate} Candidate */
/** @typedef {import("./candidate.mjs").Operations} Operations */
/** @typedef {import("./candidate.mjs").OperationName} OperationName */

/**
 * Measurement of an operation, with a number of callers at a time.
 *
 * @typedef {{ readonly operation: OperationName, readonly concurrency: number }} Workload
 */

/**
 * One turn of one candidate.
 *
 * @typedef {object} Sample
 * @property {number} rate Operations a second.
 * @property {number} cpu Microseconds of this process's processor time an operation, also of its garbage
 *   collection.
 */

/**
 * An operation of a candidate, and what looks at its result. Apart, so that `await` stands between them and
 * not another asynchronous function, which would cost as much as a hit in memory.
 *
 * @typedef {{ readonly start: () => unknown, readonly check: (result: any) => void }} Run
 */

/** @type {readonly Workload[]} */
export const WORKLOADS = ["get", "set", "getOrSet", "getMany"].flatMap((operation) =>
  [1, 100].map((concurrency) => ({ operation: /** @type {OperationName} */ (operation), concurrency })),
);

const BATCHES = Array.from({ length: ITEMS / MANY }, (_, index) =>
  KEYS.slice(index * MANY, (index + 1) * MANY),
);

/** Operations between two looks at the clock take about so many milliseconds. */
const BLOCK = 1;
const MAX_IN_A_BLOCK = 500;

/**
 * @param {readonly Candidate[]} candidates
 * @param {Workload} workload
 * @param {{ rounds: number, milliseconds: number }} extent
 * @returns {Promise<Sample[][]>} For each candidate, one sample a round.
 */
export async function measure(candidates, workload, { rounds, milliseconds }) {
  const runs = candidates.map(({ operations }) => runOf(operations, workload.operation));
  /** @type {number[]} */
  const blocks = [];
  // Twice: the first time compiles, the second tells how many operations make a block.
  for (const run of runs) {
    await turn(run, workload.concurrency, 1, milliseconds);
    const { rate } = await turn(run, workload.concurrency, 1, milliseconds);
    blocks.push(blockFor(rate / workload.concurrency));
  }
  /** @type {Sample[][]} */
  const samples = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < candidates.length; place++) {
      const at = (place + round) % candidates.length;
      const run = /** @type {Run} */ (runs[at]);
      samples[at]?.push(await turn(run, workload.concurrency, blocks[at] ?? 1, milliseconds));
    }
  }
  candidates.forEach(expectNoErrors);
  return samples;
}

/** @param {number} rate Operations a second of one caller. */
function blockFor(rate) {
  return Math.max(1, Math.min(MAX_IN_A_BLOCK, Math.round((rate / 1000) * BLOCK)));
}

/**
 * @param {Run} run
 * @param {number} concurrency
 * @param {number} block
 * @param {number} milliseconds
 * @returns {Promise<Sample>}
 */
async function turn({ start, check }, concurrency, block, milliseconds) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + milliseconds;
  let count = 0;
  const caller = async () => {
    while (performance.now() < end) {
      for (let left = block; left > 0; left--) check(await start());
      count += block;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const took = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (count / took) * 1000, cpu: (user + system) / count };
}

/**
 * One operation after another, each with the next key. A miss ends the benchmark.
 *
 * @param {Operations} operations
 * @param {OperationName} operation
 * @returns {Run}
 */
function runOf(operations, operation) {
  const item = makeItem(0, 1002);
  let at = 0;
  const nextKey = () => KEYS[(at = (at + 1) % ITEMS)] ?? "";
  const nextBatch = () => BATCHES[(at = (at + 1) % BATCHES.length)] ?? [];
  switch (operation) {
    case "get":
      return { start: () => operations.get(nextKey()), check: expectHit };
    case "set":
      return { start: () => operations.set(nextKey(), item), check: () => {} };
    case "getOrSet":
      return { start: () => operations.getOrSet(nextKey()), check: expectHit };
    case "getMany":
      return { start: () => operations.getMany(nextBatch()), check: (values) => values.forEach(expectHit) };
  }
}

/** @param {unknown} value */
function expectHit(value) {
  if (value === undefined || value === null) throw new Error("There was a miss where a hit is measured.");
}
