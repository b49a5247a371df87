// @ts-check
// Before anything is measured: every server really does what is going to be measured.
import { equal, notEqual } from "node:assert/strict";
import { makeData, nameOf } from "../session/data.mjs";
import { UNTOUCHED } from "./server-kinds.mjs";

/** @typedef {import("./candidates.mjs").BenchServer} BenchServer */
/** @typedef {import("./candidates.mjs").Candidate} Candidate */
/** @typedef {import("./visitor.mjs").Visitor} Visitor */
/** @typedef {import("../../test/support/redis-server.ts").RedisServer} RedisServer */
/** @typedef {import("./server-kinds.mjs").Operation} Operation */

/** @type {Record<Operation, (server: BenchServer, visitor: Visitor, number: number) => Promise<void>>} */
const CHECKS = { untouched: checkUntouched, read: checkRead, write: checkWrite, login: checkLogin };

/** @param {BenchServer} server */
export async function check(server) {
  try {
    for (const operation of server.kind.operations) {
      for (const number of [0, server.visitors.length - 1]) {
        const visitor = /** @type {Visitor} */ (server.visitors[number]);
        await CHECKS[operation](server, visitor, number);
      }
    }
  } catch (cause) {
    throw new Error(`The server with ${server.name} does not do what is to be measured.`, { cause });
  }
}

/** @param {BenchServer} server @param {Visitor} visitor */
async function checkUntouched(server, visitor) {
  await expectBody(server, visitor, "untouched", UNTOUCHED);
}

/** @param {BenchServer} server @param {Visitor} visitor @param {number} number */
async function checkRead(server, visitor, number) {
  await expectBody(server, visitor, "read", nameOf(number));
}

/** @param {BenchServer} server @param {Visitor} visitor @param {number} number */
async function checkWrite(server, visitor, number) {
  const written = await expectBody(server, visitor, "write", undefined);
  notEqual(Number(written), makeData(number).views);
  await expectBody(server, visitor, "views", written);
  await expectBody(server, visitor, "read", nameOf(number));
}

/**
 * The session has a user, keeps its data, and is dead under the old cookie.
 *
 * @param {BenchServer} server @param {Visitor} visitor @param {number} number
 */
async function checkLogin(server, visitor, number) {
  const before = visitor.cookie;
  const views = await expectBody(server, visitor, "views", undefined);
  await expectBody(server, visitor, "login", String(makeData(number).visitor));
  notEqual(visitor.cookie, before);
  await expectBody(server, visitor, "user", String(makeData(number).visitor));
  await expectBody(server, visitor, "views", views);
  if (server.kind.isStateless) return;
  for (const path of ["user", "views"]) {
    const { status, body } = await visitor.get(server.url(path), before);
    notEqual(`${status} ${body}`, `200 ${path === "user" ? String(makeData(number).visitor) : views}`);
  }
}

/**
 * @param {BenchServer} server
 * @param {Visitor} visitor
 * @param {string} path
 * @param {string | undefined} expected `undefined`: any text.
 */
async function expectBody(server, visitor, path, expected) {
  const { status, body } = await visitor.get(server.url(path));
  equal(status, 200, `${path}: ${body}`);
  if (expected !== undefined) equal(body, expected, path);
  return body;
}

/** How many requests are looked at. */
const SAMPLED = 10;

/**
 * @param {readonly Candidate[]} candidates
 * @param {RedisServer} redis
 * @returns {Promise<number[]>} Commands that each candidate sends to Redis for a request.
 */
export async function commandsSent(candidates, redis) {
  const monitor = await redis.monitor();
  try {
    /** @type {number[]} */
    const counts = [];
    for (const { server, operation } of candidates) {
      const visitors = server.visitors.slice(1, 1 + SAMPLED);
      // The first visit may be the one that extends the session.
      for (const visitor of visitors) await visitor.get(server.url(operation));
      await monitor.take();
      for (const visitor of visitors) await visitor.get(server.url(operation));
      counts.push((await monitor.take()).length / SAMPLED);
    }
    return counts;
  } finally {
    monitor.stop();
  }
}
