// @ts-check
// npm run bench:cache: Sojourn's cache beside the raw client and other libraries, in one process and in the
// same run.
//
//   npm run bench:cache -- [--quick] [--json] [--only=TEXT ...]
//
// Plain JavaScript on the built package: a loader of TypeScript would be measured as well.
import { loadavg } from "node:os";
import { tsImport } from "tsx/esm/api";
import { peerCandidates } from "../peers/candidates.mjs";
import { seedAndCheck } from "./check.mjs";
import { ioredisCandidates } from "./ioredis-candidates.mjs";
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
const server = await RedisServer.start();
try {
  await main(server.url, versionIn(await server.command("INFO", "server")));
} finally {
  await server.stop();
}

/** @param {string} url @param {string} redisVersion */
async function main(url, redisVersion) {
  const all = [
    await rawClient(url),
    await rawTags(url),
    ...sojournCandidates(url),
    ...ioredisCandidates(url),
    rawMap(),
    ...peerCandidates(url),
  ];
  const candidates = all.filter(({ name }, index) => index === 0 || isWanted(name));
  /** @type {Figures[]} */
  const figures = [];
  try {
    for (const candidate of candidates) await seedAndCheck(candidate);
    const names = candidates.map(({ name }) => name);
    for (const workload of WORKLOADS) {
      process.stderr.write(`${workload.operation} by ${workload.concurrency} ...\n`);
      figures.push(...figuresOf(names, workload, await measure(candidates, workload, extent)));
    }
  } finally {
    await Promise.all(all.map((candidate) => candidate.close()));
  }
  const local = new Set(candidates.filter(({ isLocal }) => isLocal).map(({ name }) => name));
  const load = loadavg().map((average) => average.toFixed(1));
  const where = { ...conditions(redisVersion), load: load.join(" "), ...extent };
  console.log(
    options.includes("--json") ? JSON.stringify({ ...where, figures }, undefined, 2) : report(where),
  );

  /** @param {typeof where} run */
  function report({ node, redis, processors, load: loads, rounds, milliseconds }) {
    const run = `${rounds} rounds of ${milliseconds} ms, Node.js ${node}, Redis ${redis}, ${processors}, load ${loads}`;
    return `${run}\n\n${tables(figures, local)}`;
  }
}

/** @param {string} name */
function isWanted(name) {
  return only.length === 0 || only.some((text) => name.toLowerCase().includes(text.toLowerCase()));
}
