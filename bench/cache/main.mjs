// @ts-check
// npm run bench:cache: Sojourn's cache beside the raw client and other libraries, all of one server in one process
// and in the same run. Each server has a process of its own: code that Redis and four other libraries have used before is
// optimised for all of them, which costs 0.3 us of a set on memcached.
//
//   npm run bench:cache -- [--quick] [--json] [--only=TEXT ...]
//
// Plain JavaScript on the built package: a loader of TypeScript would be measured as well.
import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";
import { memjsCandidate, peerCandidates } from "../peers/candidates.mjs";
import { seedAndCheck } from "./check.mjs";
import { ioredisCandidates } from "./ioredis-candidates.mjs";
import { rawMetaClient, sojournOnMemcached, startMemcached } from "./memcached-candidates.mjs";
import { rawClient, rawMap, rawTags, sojournCandidates } from "./own-candidates.mjs";
import { conditions, figuresOf, tables, versionIn } from "./report.mjs";
import { measure, WORKLOADS } from "./rounds.mjs";

/** @typedef {import("./report.mjs").Figures} Figures */

const options = process.argv.slice(2);
const isQuick = options.includes("--quick");
const extent = isQuick ? { rounds: 5, milliseconds: 60 } : { rounds: 15, milliseconds: 110 };
const only = options.flatMap((option) => /^--only=(.+)$/.exec(option)?.[1] ?? []);

const servers = { redis: measureRedis, memcached: measureMemcached };

const server = options.flatMap((option) => /^--server=(redis|memcached)$/.exec(option)?.[1] ?? [])[0];
if (server === undefined) await measureEach();
else process.send?.(await servers[/** @type {keyof typeof servers} */ (server)]());

async function measureEach() {
  /** @type {unknown[]} */
  const runs = [];
  for (const name of Object.keys(servers)) {
    const child = fork(fileURLToPath(import.meta.url), [...options, `--server=${name}`]);
    child.on("message", (run) => runs.push(run));
    const [code] = await once(child, "close");
    if (code !== 0) process.exitCode = 1;
  }
  if (options.includes("--json")) console.log(JSON.stringify(runs, undefined, 2));
}

async function measureRedis() {
  /** @type {{ RedisServer: typeof import("../../test/support/redis-server.ts").RedisServer }} */
  const { RedisServer } = await tsImport("../../test/support/redis-server.ts", import.meta.url);
  const redis = await RedisServer.start();
  try {
    const version = versionIn(await redis.command("INFO", "server"));
    const { url } = redis;
    return await compare(`Redis ${version}`, [
      await rawClient(url),
      await rawTags(url),
      ...sojournCandidates(url),
      ...ioredisCandidates(url),
      rawMap(),
      ...peerCandidates(url),
    ]);
  } finally {
    await redis.stop();
  }
}

async function measureMemcached() {
  const memcached = await startMemcached();
  try {
    const { address, version } = memcached;
    const candidates = [await rawMetaClient(address), sojournOnMemcached(address), memjsCandidate(address)];
    return await compare(`memcached ${version}`, candidates);
  } finally {
    await memcached.stop();
  }
}

/**
 * Measures candidates on one server, all in the same rounds, and prints their tables.
 *
 * @param {string} serverName
 * @param {readonly import("./candidate.mjs").Candidate[]} all The first is the one that all are compared with.
 */
async function compare(serverName, all) {
  const candidates = all.filter(({ name }, index) => index === 0 || isWanted(name));
  /** @type {Figures[]} */
  const figures = [];
  try {
    if (candidates.length > 1) for (const candidate of candidates) await seedAndCheck(candidate);
    const names = candidates.map(({ name }) => name);
    for (const workload of candidates.length > 1 ? WORKLOADS : []) {
      process.stderr.write(`${serverName}: ${workload.operation} by ${workload.concurrency} ...\n`);
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
    const run = `${rounds} rounds of ${milliseconds} ms, Node.js ${node}, ${serverName}, ${processors}, load ${load.join(" ")}`;
    console.log(`${run}\n\n${tables(figures, local)}\n`);
  }
  return { node, server: serverName, processors, load: load.join(" "), ...extent, figures };
}

/** @param {string} name */
function isWanted(name) {
  return only.length === 0 || only.some((text) => name.toLowerCase().includes(text.toLowerCase()));
}
