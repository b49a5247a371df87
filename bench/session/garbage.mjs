// @ts-check
// Process that tells how much each candidate allocates. Its young generation is so large that nothing is
// collected meanwhile.
//
//   node --expose-gc --min-semi-space-size=MEGABYTES --max-semi-space-size=MEGABYTES garbage.mjs [TEXT ...]
import { setTimeout as sleep } from "node:timers/promises";
import { GCProfiler } from "node:v8";
import { makeCandidates } from "./candidates.mjs";
import { isNamed } from "./only.mjs";

/** @typedef {import("./candidates.mjs").Candidate} Candidate */

/** @typedef {{ heap: number, external: number }} Garbage Bytes an operation: in the heap, and of buffers outside. */

/** Milliseconds before: compiled code allocates less. */
const WARM_UP = 300;
/** Operations to count: the first number that needs no collection. */
const COUNTS = [100, 30, 10, 3];

const candidates = (await makeCandidates()).filter((candidate) => isNamed(candidate, process.argv.slice(2)));
/** @type {Garbage[]} */
const garbage = [];
for (const { run } of candidates) {
  const end = performance.now() + WARM_UP;
  while (performance.now() < end) await run(10);
  garbage.push(await allocatedBy(run));
}
process.send?.(garbage);
process.disconnect();

/**
 * @param {Candidate["run"]} run
 * @returns {Promise<Garbage>}
 */
async function allocatedBy(run) {
  for (const count of COUNTS) {
    const found = await allocatedIn(run, count);
    if (found !== undefined) return found;
  }
  throw new Error("No operation passes without a collection: its allocations cannot be counted.");
}

/** Twice: V8 frees the buffers of dead objects after a collection. */
async function collect() {
  for (let times = 2; times > 0; times--) {
    globalThis.gc?.();
    await sleep(50);
  }
}

/**
 * @param {Candidate["run"]} run
 * @param {number} count
 * @returns {Promise<Garbage | undefined>} `undefined` when there was a collection.
 */
async function allocatedIn(run, count) {
  await collect();
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage();
  await run(count);
  const after = process.memoryUsage();
  if (profiler.stop().statistics.length > 0) return undefined;
  return {
    heap: (after.heapUsed - before.heapUsed) / count,
    external: (after.external - before.external) / count,
  };
}
