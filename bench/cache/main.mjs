// @ts-check
// npm run bench:cache: Sojourn's cache beside the raw client and other libraries, in one process and in the
// same run.
//
//   npm run bench:cache -- [--quick] [--json] [--only=TEXT ...]
//
// Plain JavaScript on the built package: a loader of TypeScript would be measured as well.
import { loadavg } from "node:os";
import { tsImport } from "tsx/esm/api";
import { memjsCandidate, peerCandidates } from "../peers/candidates.mjs";
import { seedAndCheck } from "./check.mjs";
import { rawMetaClient, sojournOnMemcached, startMemcached } from "./memcached-candidates.mjs";
import { rawClient, rawMap, rawTags, sojournCandidates } from "./own-candidates.mjs";
import { conditions, figuresOf, tables, versionIn } from "./report.mjs";
import { measure, WORKLOADS } from "./rounds.mjs";

/** @typedef {import("./report.mjs").Figures} Figures */

const options = process.argv.slice(2);
const isQuick = options.includes("--quick");
const extent = isQuick ? { rounds: 5, milliseconds: 60 } : { rounds: 15, milliseconds: 110 };
const only = options.flatMap((option) => /^--only=(.+)$/.exec(option)?.[1] ?? []);

/** @type {{ RedisServer: typeof import("../../test/support/redis-server.ts").RedisServer }} */
const { RedisServer } = await tsImport("../../test/support/redis-server.ts", import.meta.url);

/** @type {object[]} */
const runs = [];
const redis = await RedisServer.start();
try {
  const version = versionIn(await redis.command("INFO", "server"));
  const { url } = redis;
  runs.push(
    await compare(`Redis ${version}`, [
      await rawClient(url),
      await rawTags(url),
      ...sojournCandidates(url),
      rawMap(),
      ...peerCandidates(url),
    ]),
  );
} finally {
  await redis.stop();
}
const memcached = await startMemcached();
try {
  const { address, version } = memcached;
  const candidates = [await rawMetaClient(address), sojournOnMemcached(address), memjsCandidate(address)];
  runs.push(await compare(`memcached ${version}`, candidates));
} finally {
  await memcached.stop();
}
if (options.includes("--json")) console.log(JSON.stringify(runs, undefined, 2));

/**
 * Measures candidates on one server, all in the same rounds, and prints their tables.
 *
 * @param {string} server
 * @param {readonly import("./candidate.mjs").Candidate[]} all The first is the one that all are compared with.
 */
async function compare(server, all) {
  const candidates = all.filter(({ name }, index) => index === 0 || isWanted(name));
  /** @type {Figures[]} */
  const figures = [];
  try {
    if (candidates.length > 1) for (const candidate of candidates) await seedAndCheck(candidate);
    const names = candidates.map(({ name }) => name);
    for (const workload of candidates.length > 1 ? WORKLOADS : []) {
      process.stderr.write(`${server}: ${workload.operation} by ${workload.concurrency} ...\n`);
      figures.push(...figuresOf(names, workload, await measure(candidates, workload, extent)));
    }
  } finally {
    await Promise.all(all.map((candidate) => candidate.close()));
  }
  const load = loadavg().map((average) => average.toFixed(1));
  const { node, processors } = conditions();
  const { rounds, milliseconds } = extent;
  if (figures.length > 0 && !options.includes("--json")) {
    const local = new Set(candidates.filter(({ isLocal }) => isLocal).map(({ name }) => name));
    const run = `${rounds} rounds of ${milliseconds} ms, Node.js ${node}, ${server}, ${processors}, load ${load.join(" ")}`;
    console.log(`${run}\n\n${tables(figures, local)}\n`);
  }
  return { node, server, processors, load: load.join(" "), ...extent, figures };
}

/** @param {string} name */
function isWanted(name) {
  return only.length === 0 || only.some((text) => name.toLowerCase().includes(text.toLowerCase()));
}
