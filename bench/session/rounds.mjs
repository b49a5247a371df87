// @ts-check
// Measures all candidates in turns, many short rounds after one another: what disturbs the machine disturbs
// all of them.

/** @typedef {import("./candidates.mjs").Candidate} Candidate */

/** Milliseconds of a candidate's turns before the first round, in which V8 compiles. */
const WARM_UP_TIME = 400;

/** Operations between two looks at the clock take about so many milliseconds. */
const BLOCK = 2;

/**
 * @param {readonly Candidate[]} candidates
 * @param {{ rounds: number, milliseconds: number }} extent
 * @param {number} [warmUp] In milliseconds.
 * @returns {Promise<number[][]>} For each candidate, microseconds of processor time an operation, one figure
 *   a round. Garbage collection is in it.
 */
export async function measure(candidates, { rounds, milliseconds }, warmUp = WARM_UP_TIME) {
  /** @type {number[]} */
  const blocks = [];
  for (const { run } of candidates) {
    const { each } = await turn(run, 1, warmUp);
    blocks.push(Math.max(1, Math.round(BLOCK / each)));
  }
  /** @type {number[][]} */
  const samples = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < candidates.length; place++) {
      const at = (place + round) % candidates.length;
      const { run } = /** @type {Candidate} */ (candidates[at]);
      samples[at]?.push((await turn(run, blocks[at] ?? 1, milliseconds)).cpu);
    }
  }
  return samples;
}

/**
 * @param {Candidate["run"]} run
 * @param {number} block
 * @param {number} milliseconds
 * @returns {Promise<{ cpu: number, each: number }>} Microseconds of processor time, and milliseconds, an
 *   operation.
 */
async function turn(run, block, milliseconds) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  let count = 0;
  do {
    await run(block);
    count += block;
  } while (performance.now() < began + milliseconds);
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / count, each: (performance.now() - began) / count };
}
