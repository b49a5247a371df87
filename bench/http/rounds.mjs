// @ts-check
// Measures all candidates in turns, one server at a time.
import { load } from "../peers/load.mjs";

/** @typedef {import("./candidates.mjs").Candidate} Candidate */
/** @typedef {import("../../test/support/redis-server.ts").RedisServer} RedisServer */

/**
 * One turn of one candidate.
 *
 * @typedef {object} Sample
 * @property {number} cpu Microseconds of the server's processor time a request, also of its garbage
 *   collection.
 * @property {number} rate Requests a second.
 * @property {number} commands That Redis has run for a request, those of scripts too.
 */

const CONNECTIONS = 100;

/** Requests in a turn before the first round, of which each candidate has several. */
const WARM_UP = 5000;

/**
 * Milliseconds before the first round for each candidate: until then, the processor time a request falls, as
 * V8 compiles.
 */
const WARM_UP_TIME = 2000;

/** Least requests to a server before the first round: for a slow one, the time above is a turn or less. */
const WARM_UP_LEAST = 20_000;

/**
 * @param {readonly Candidate[]} candidates
 * @param {RedisServer} redis
 * @param {{ rounds: number, milliseconds: number }} extent
 * @returns {Promise<Sample[][]>} For each candidate, one sample a round.
 */
export async function measure(candidates, redis, { rounds, milliseconds }) {
  /** @type {number[]} */
  const requests = [];
  for (const candidate of candidates) {
    requests.push(toRequests(await warmUp(candidate, redis), milliseconds));
  }
  /** @type {Sample[][]} */
  const samples = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let place = 0; place < candidates.length; place++) {
      const at = (place + round) % candidates.length;
      const candidate = /** @type {Candidate} */ (candidates[at]);
      samples[at]?.push(await turn(candidate, redis, requests[at] ?? WARM_UP));
    }
  }
  return samples;
}

/**
 * @param {Candidate} candidate
 * @param {RedisServer} redis
 * @returns {Promise<number>} Requests a second in the last turn.
 */
async function warmUp(candidate, redis) {
  const end = performance.now() + WARM_UP_TIME;
  const { server } = candidate;
  for (;;) {
    const { rate } = await turn(candidate, redis, WARM_UP);
    const warmed = (warmedUp.get(server) ?? 0) + WARM_UP;
    warmedUp.set(server, warmed);
    if (performance.now() > end && warmed >= WARM_UP_LEAST) return rate;
  }
}

/** Requests that each server got before it was measured. @type {WeakMap<object, number>} */
const warmedUp = new WeakMap();

/**
 * The same number for each connection, as none may end long before the others.
 *
 * @param {number} rate Requests a second.
 * @param {number} milliseconds
 */
function toRequests(rate, milliseconds) {
  return CONNECTIONS * Math.max(10, Math.round(((rate / 1000) * milliseconds) / CONNECTIONS));
}

/**
 * The first tenth of the requests opens the connections, in the last one connections end: both are not
 * counted.
 *
 * @param {Candidate} candidate
 * @param {RedisServer} redis
 * @param {number} requests
 * @returns {Promise<Sample>}
 */
async function turn({ server, operation }, redis, requests) {
  const counted = Math.round(requests * 0.8);
  const usage = server.usageOf({ skipped: Math.round(requests / 10), counted });
  await redis.command("CONFIG", "RESETSTAT");
  const { visitors } = server;
  const sent = load({ url: server.url(operation), visitors, connections: CONNECTIONS, amount: requests });
  const [{ cpu, milliseconds }] = await Promise.all([usage, sent]);
  const commands = commandsIn(String(await redis.command("INFO", "commandstats"))) / requests;
  return { cpu: cpu / counted, rate: (counted / milliseconds) * 1000, commands };
}

/** @param {string} info */
function commandsIn(info) {
  const calls = [...info.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)];
  return calls.reduce((sum, [, name, count]) => (isOurs(name) ? sum : sum + Number(count)), 0);
}

/** @param {string | undefined} name Whether the benchmark itself has sent it, or a client's handshake. */
function isOurs(name = "") {
  return ["config", "info", "hello", "client", "ping", "monitor"].includes(name);
}
