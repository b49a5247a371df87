// @ts-check
// npm run bench:http: what a request costs with a session, beside other libraries and without one.
//
//   npm run bench:http -- [--quick] [--starts=NUMBER] [--json] [--only=TEXT ...]
//
// Plain JavaScript on the built package: a loader of TypeScript would be measured as well.
import { loadavg } from "node:os";
import { tsImport } from "tsx/esm/api";
import { conditions, versionIn } from "../cache/report.mjs";
import { BenchServer } from "./candidates.mjs";
import { check, commandsSent } from "./check.mjs";
import { pinLoad } from "./pin.mjs";
import { figuresOf, tables } from "./report.mjs";
import { measure } from "./rounds.mjs";
import { SERVER_KINDS } from "./server-kinds.mjs";

/** @typedef {import("./candidates.mjs").Candidate} Candidate */
/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */

const options = process.argv.slice(2);
// Processes of one server differ by up to a third for as long as they live, by what V8 has decided while they
// warmed up; so each server is started several times.
const [wantedStarts = 5] = options
  .flatMap((option) => /^--starts=([1-9]\d?)$/.exec(option)?.[1] ?? [])
  .map(Number);
const extent = options.includes("--quick")
  ? { starts: 1, rounds: 3, milliseconds: 300 }
  : { starts: wantedStarts, rounds: 4, milliseconds: 300 };
const only = options.flatMap((option) => /^--only=(.+)$/.exec(option)?.[1]?.toLowerCase() ?? []);

/** @type {{ RedisServer: typeof import("../../test/support/redis-server.ts").RedisServer }} */
const { RedisServer } = await tsImport("../../test/support/redis-server.ts", import.meta.url);
const arePinned = pinLoad();
const redis = await RedisServer.start();
try {
  await main();
} finally {
  await redis.stop();
}

async function main() {
  if (wantedKinds().some(({ framework }) => framework === "next")) {
    const { buildNext } = await import("./next-server.mjs");
    await buildNext();
  }
  /** @type {Awaited<ReturnType<typeof measureStart>>[]} */
  const measured = [];
  for (let start = 0; start < extent.starts; start++) {
    process.stderr.write(`Start ${start + 1} of ${extent.starts} ...\n`);
    measured.push(await measureStart());
  }
  const [first] = measured;
  if (first === undefined) return;
  const { candidates, sent } = first;
  const samples = candidates.map((_, at) => measured.flatMap((start) => start.samples[at] ?? []));
  const figures = figuresOf(candidates, samples, sent);
  const redisVersion = versionIn(await redis.command("INFO", "server"));
  const { node, processors } = conditions();
  const load = loadavg().map((average) => average.toFixed(1));
  const run = { isPinned: arePinned, node, redis: redisVersion, processors, load: load.join(" "), ...extent };
  console.log(
    options.includes("--json")
      ? JSON.stringify({ ...run, figures }, undefined, 2)
      : `${titleOf(run)}\n\n${tables(figures)}`,
  );
}

/** Starts all servers, measures them in turns, and ends them. */
async function measureStart() {
  const servers = wantedKinds().map((kind) => new BenchServer(kind, redis.url, arePinned));
  try {
    for (const server of servers) {
      await server.start();
      await check(server);
    }
    /** @type {Candidate[]} */
    const candidates = servers.flatMap((server) =>
      server.kind.operations.map((operation) => ({ server, operation })),
    );
    const sent = await commandsSent(candidates, redis);
    return { candidates, sent, samples: await measure(candidates, redis, extent) };
  } finally {
    servers.forEach((server) => server.stop());
  }
}

/** Those that the options name, and the ones that they are compared with. */
function wantedKinds() {
  const wanted = SERVER_KINDS.filter(isNamed);
  const frameworks = new Set(["express", ...wanted.map(({ framework }) => framework)]);
  return SERVER_KINDS.filter((kind) => {
    const isBase = kind.library === "none" || kind.library === "GET";
    return (
      wanted.includes(kind) ||
      kind.library === "express-session" ||
      (isBase && frameworks.has(kind.framework))
    );
  });
}

/** @param {ServerKind} kind */
function isNamed({ framework, library }) {
  const name = `${framework}, ${library}`.toLowerCase();
  return only.length === 0 || only.some((text) => name.includes(text));
}

/** @param {{ isPinned: boolean, node: string, redis: string, processors: string, load: string, starts: number, rounds: number, milliseconds: number }} run */
function titleOf({ isPinned, node, redis: version, processors, load, starts, rounds, milliseconds }) {
  const pinned = isPinned ? "the server on one of them, " : "";
  return `${starts} x ${rounds} rounds of ${milliseconds} ms, Node.js ${node}, Redis ${version}, ${processors}, ${pinned}load ${load}`;
}
