// @ts-check
// npm run bench:session: what a session costs in the process, without a server and a store outside.
//
//   npm run bench:session -- [--quick] [--json] [--profile] [--only=TEXT ...]
//
// Plain JavaScript on the built package: a loader of TypeScript would be measured as well.
import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { conditions } from "../cache/report.mjs";
import { BASE, makeCandidates } from "./candidates.mjs";
import { isNamed } from "./only.mjs";
import { writeProfiles } from "./profile.mjs";
import { figuresOf, tables } from "./report.mjs";
import { measure } from "./rounds.mjs";

/** @typedef {import("./garbage.mjs").Garbage} Garbage */

/** Megabytes of the young generation where allocations are counted. */
const YOUNG_GENERATION = 256;

const options = process.argv.slice(2);
const isQuick = options.includes("--quick");
const extent = isQuick ? { rounds: 5, milliseconds: 60 } : { rounds: 20, milliseconds: 110 };
const only = options.flatMap((option) => /^--only=(.+)$/.exec(option)?.[1] ?? []);

const candidates = (await makeCandidates()).filter((candidate) => isNamed(candidate, only));
if (options.includes("--profile")) {
  await writeProfiles(
    candidates.filter(({ name }) => name !== BASE),
    isQuick ? 500 : 3000,
  );
} else {
  const figures = figuresOf(candidates, await measure(candidates, extent), await countGarbage());
  const { node, processors } = conditions();
  const load = loadavg()
    .map((average) => average.toFixed(1))
    .join(" ");
  const run = `${extent.rounds} rounds of ${extent.milliseconds} ms, Node.js ${node}, ${processors}, load ${load}`;
  console.log(
    options.includes("--json")
      ? JSON.stringify({ node, processors, load, ...extent, figures }, undefined, 2)
      : `${run}\n\n${tables(figures)}`,
  );
}

/** @returns {Promise<Garbage[]>} */
async function countGarbage() {
  const space = [`--min-semi-space-size=${YOUNG_GENERATION}`, `--max-semi-space-size=${YOUNG_GENERATION}`];
  const child = fork(new URL("garbage.mjs", import.meta.url), only, { execArgv: ["--expose-gc", ...space] });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`The process that counts allocations has ended with ${String(code)}.`);
  });
  const [garbage] = await Promise.race([once(child, "message"), ended]);
  return garbage;
}
