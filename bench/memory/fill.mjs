// @ts-check
// Fills a server with sessions, and looks at what they take.
import { createHash } from "node:crypto";
import { Deadline, RedisRegistry } from "sojourn/redis";

/**
 * @typedef {object} Layout
 * @property {string} name
 * @property {import("sojourn").SessionStoreFactory} store
 */

/** @typedef {import("../../test/support/redis-server.ts").RedisServer} RedisServer */

/** How many sessions are on their way at once. */
const GROUP = 500;
const WEEK = 7 * 86_400_000;

const clock = { now: () => Date.now(), monotonic: () => performance.now() };

/**
 * @param {RedisServer} server Whose data is deleted first.
 * @param {Layout} layout
 * @param {readonly string[]} records
 * @returns {Promise<number>} By how much its memory has grown, in bytes a record.
 */
export async function fill(server, { store: open }, records) {
  await server.command("FLUSHALL", "SYNC");
  const redis = new RedisRegistry({ default: server.settings });
  const store = open({ projectName: "myproject", redis, clock, format: "json" });
  try {
    await store.ping(deadline());
    const before = await usedMemory(server);
    for (let start = 0; start < records.length; start += GROUP) {
      await createAll(store, records.slice(start, start + GROUP), start);
    }
    const after = await usedMemory(server);
    await checkOne(store, records);
    return (after - before) / records.length;
  } finally {
    await redis.close();
  }
}

/**
 * @param {import("sojourn").SessionStore} store
 * @param {readonly string[]} records
 * @param {number} first Number of the first one.
 */
async function createAll(store, records, first) {
  await Promise.all(records.map((record, at) => store.create(keyOf(first + at), record, WEEK, deadline())));
}

/**
 * What cannot be read back has no size.
 *
 * @param {import("sojourn").SessionStore} store
 * @param {readonly string[]} records
 */
async function checkOne(store, records) {
  const last = records.length - 1;
  if ((await store.read(keyOf(last), deadline())) !== records[last])
    throw new Error("A record was not stored.");
}

/**
 * Redis makes its tables larger bit by bit, so this waits until nothing changes any more.
 *
 * @param {RedisServer} server
 */
async function usedMemory(server) {
  for (let before = -1; ;) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const used = Number(/used_memory:(\d+)/.exec(String(await server.command("INFO", "memory")))?.[1]);
    if (Math.abs(used - before) < 10_000) return used;
    before = used;
  }
}

/**
 * A session key, spread as evenly as those that are drawn by lot.
 *
 * @param {number} at
 */
function keyOf(at) {
  const digest = createHash("sha256").update(String(at)).digest("hex");
  return BigInt(`0x${digest}`).toString(36).padStart(32, "0").slice(-32);
}

function deadline() {
  return new Deadline(30_000);
}
