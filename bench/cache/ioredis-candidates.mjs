// @ts-check
// ioredis alone, and Sojourn on a client of it that the application has made.
import { Redis } from "ioredis";
import { createSojourn } from "sojourn";
import { redisCacheStore } from "sojourn/stores/redis";
import { noLoad, TTL_SECONDS } from "./candidate.mjs";
import { operationsOf, parse } from "./own-candidates.mjs";

/** @typedef {import("./candidate.mjs").Candidate} Candidate */

/**
 * @param {string} url
 * @returns {Candidate[]}
 */
export function ioredisCandidates(url) {
  return [rawIoredis(url), onIoredis(url)];
}

/**
 * The client alone, with JSON and its defaults.
 *
 * @param {string} url
 * @returns {Candidate}
 */
function rawIoredis(url) {
  const [client, errors] = connect(url);
  /** @param {string} key */
  const get = async (key) => parse(await client.get(`io:1:${key}`));
  return {
    name: "ioredis (raw)",
    isLocal: false,
    errors,
    operations: {
      get,
      set: (key, value) => client.set(`io:1:${key}`, JSON.stringify(value), "EX", TTL_SECONDS),
      getOrSet: async (key) => (await get(key)) ?? noLoad(),
      getMany: async (keys) => (await client.mget(keys.map((key) => `io:1:${key}`))).map(parse),
    },
    close: async () => client.disconnect(),
  };
}

/**
 * @param {string} url
 * @returns {Candidate}
 */
function onIoredis(url) {
  const [client, errors] = connect(url);
  const { caches, close } = createSojourn({
    projectName: "bench-ioredis",
    secretKey: "a key that signs nothing here at all",
    redis: { default: { client } },
    caches: { default: { store: redisCacheStore(), keyPrefix: "own-io", timeout: TTL_SECONDS } },
  });
  return {
    name: "Sojourn on an ioredis client",
    isLocal: false,
    errors,
    operations: operationsOf(caches.default),
    close: async () => {
      await close();
      client.disconnect();
    },
  };
}

/**
 * @param {string} url
 * @returns {[Redis, Error[]]}
 */
function connect(url) {
  /** @type {Error[]} */
  const errors = [];
  const client = new Redis(url);
  client.on("error", (error) => errors.push(error));
  return [client, errors];
}
