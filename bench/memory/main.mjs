// @ts-check
// npm run bench:memory: bytes of Redis's memory a session, in each layout.
//
//   npm run bench:memory -- [--sessions=200000] [--json]
import { makeSessionDictionary, redisBucketSessionStore, redisSessionStore } from "sojourn/stores/redis";
import { tsImport } from "tsx/esm/api";
import { conditions } from "../cache/report.mjs";
import { fill } from "./fill.mjs";
import { makeRecords } from "./records.mjs";
import { table } from "./table.mjs";

/** @typedef {import("./fill.mjs").Layout} Layout */
/** @typedef {import("./table.mjs").Column} Column */

/** Limits that the store asks for. */
const CONFIG = ["hash-max-listpack-value 1024", "hash-max-listpack-entries 512"];

const options = process.argv.slice(2);
const count = Number(options.flatMap((option) => /^--sessions=(\d+)$/.exec(option)?.[1] ?? [])[0] ?? 200_000);

/** @type {typeof import("../../test/support/redis-server.ts")} */
const { RedisServer, recentRedis } = await tsImport("../../test/support/redis-server.ts", import.meta.url);

const layouts = layoutsWith(makeSessionDictionary(makeRecords(3000, 2)));
const records = makeRecords(count, 1);
/** @type {Column[]} */
const columns = [];
for (const command of servers()) columns.push(await measureOn(command));
console.log(report());

/** The one on PATH, and beside it one that expires fields of hashes, where there is one. */
function servers() {
  return new Set(["redis-server", ...(recentRedis === undefined ? [] : [recentRedis])]);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Layout[]}
 */
function layoutsWith(bytes) {
  return [
    { name: "strings", store: redisSessionStore() },
    { name: "buckets", store: redisBucketSessionStore({ compressor: null }) },
    { name: "buckets, zlib", store: redisBucketSessionStore({ minLength: 0 }) },
    { name: "buckets, dictionary", store: redisBucketSessionStore({ dictionaries: [{ id: 1, bytes }] }) },
  ];
}

/** @param {string} command */
async function measureOn(command) {
  const server = await RedisServer.start({ command, config: CONFIG });
  try {
    const version =
      /redis_version:(\S+)/.exec(String(await server.command("INFO", "server")))?.[1] ?? "unknown";
    /** @type {number[]} */
    const bytes = [];
    for (const layout of layouts) {
      process.stderr.write(`Redis ${version}, ${layout.name} ...\n`);
      bytes.push(await fill(server, layout, records));
    }
    return { version, bytes };
  } finally {
    await server.stop();
  }
}

function report() {
  const size = records.reduce((sum, record) => sum + Buffer.byteLength(record), 0) / records.length;
  const { node, processors } = conditions();
  const names = layouts.map(({ name }) => name);
  const figures = { node, processors, sessions: count, recordBytes: size, names, columns };
  if (options.includes("--json")) return JSON.stringify(figures, undefined, 2);
  const run = `${count} sessions with records of ${Math.round(size)} bytes on average, Node.js ${node}, ${processors}`;
  return `${run}\n\nBytes a session (ratio to strings)\n\n${table(names, columns)}`;
}
