// @ts-check
import { mkdtempSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** @typedef {import("./candidates.mjs").Candidate} Candidate */
/** @typedef {import("node:inspector").Profiler.Profile} Profile */

/** Functions that are printed. */
const TOP = 20;
/** Microseconds between two samples. */
const INTERVAL = 200;

/**
 * Writes a profile of each candidate into a new folder, as `--cpu-prof` does.
 *
 * @param {readonly Candidate[]} candidates
 * @param {number} milliseconds
 */
export async function writeProfiles(candidates, milliseconds) {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-profiles-"));
  for (const { name, size, run } of candidates) {
    await runFor(run, milliseconds / 4);
    const profile = await profileOf(() => runFor(run, milliseconds));
    const file = join(folder, `${name}, ${size}`.replaceAll(/\W+/g, "-").concat(".cpuprofile"));
    writeFileSync(file, JSON.stringify(profile));
    console.log(`${name}, ${size}: ${file}\n\n${topOf(profile).join("\n")}\n`);
  }
}

/** @param {Candidate["run"]} run @param {number} milliseconds */
async function runFor(run, milliseconds) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) await run(10);
}

/** @param {() => Promise<void>} work @returns {Promise<Profile>} */
async function profileOf(work) {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: INTERVAL });
    await session.post("Profiler.start");
    await work();
    const { profile } = await session.post("Profiler.stop");
    return profile;
  } finally {
    session.disconnect();
  }
}

/**
 * @param {Profile} profile
 * @returns {string[]} The functions with the most time of their own.
 */
function topOf({ nodes, samples = [] }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const id of samples) {
    const name = names.get(id) ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([name, count]) => `${((count / samples.length) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

/** @param {import("node:inspector").Runtime.CallFrame} frame */
function describe({ functionName, url, lineNumber }) {
  const place = url === "" ? "" : ` ${basename(url)}:${lineNumber + 1}`;
  return `${functionName === "" ? "(anonymous)" : functionName}${place}`;
}
