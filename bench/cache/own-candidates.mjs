// @ts-check
// The two ends of the scale, the Redis client and the map in memory without any cache around them, and
// Sojourn between.
import { createClient } from "@redis/client";
import { LRUCache } from "lru-cache";
import { createSojourn } from "sojourn";
import { memoryCacheStore } from "sojourn/stores/memory";
import { redisCacheStore } from "sojourn/stores/redis";
import { tieredCacheStore } from "sojourn/stores/tiered";
import { ITEMS, noLoad, TTL_SECONDS } from "./candidate.mjs";

/** @typedef {import("./candidate.mjs").Candidate} Candidate */
/** @typedef {import("./candidate.mjs").Item} Item */

/** The tags that Sojourn's entries have where they have some. */
const TAGS = ["org:3", "user:7", "items"];

/**
 * The client alone, with JSON. Its own timeout is off, as in Sojourn: it costs more than half of the throughput.
 *
 * @param {string} url
 * @returns {Promise<Candidate>}
 */
export async function rawClient(url) {
  const client = createClient({ url, RESP: 3, commandOptions: { timeout: 0 } });
  /** @type {Error[]} */
  const errors = [];
  client.on("error", (error) => errors.push(error));
  await client.connect();
  /** @param {string} key */
  const get = async (key) => parse(await client.get(`raw:1:${key}`));
  return {
    name: "node-redis (raw)",
    isLocal: false,
    errors,
    operations: {
      get,
      set: (key, value) =>
        client.set(`raw:1:${key}`, JSON.stringify(value), { expiration: { type: "EX", value: TTL_SECONDS } }),
      getOrSet: async (key) => (await get(key)) ?? noLoad(),
      getMany: async (keys) => (await client.mGet(keys.map((key) => `raw:1:${key}`))).map(parse),
    },
    close: () => client.close(),
  };
}

/**
 * The floor for entries with tags: the least that can be sent for a value and its three tokens. A read gets
 * all of them with one command, and a write reads the tokens beside itself.
 *
 * @param {string} url
 * @returns {Promise<Candidate>}
 */
export async function rawTags(url) {
  const client = createClient({ url, RESP: 3, commandOptions: { timeout: 0 } });
  /** @type {Error[]} */
  const errors = [];
  client.on("error", (error) => errors.push(error));
  await client.connect();
  const tokens = TAGS.map((tag) => `raw:1:~tag:${tag}`);
  for (const token of tokens) await client.set(token, "0123456789abcdef");
  /** @param {string} key */
  const get = async (key) => parse((await client.mGet([`raw:1:${key}`, ...tokens]))[0] ?? null);
  return {
    name: "node-redis (raw), 3 tags",
    isLocal: false,
    errors,
    operations: {
      get,
      set: (key, value) =>
        Promise.all([
          client.set(`raw:1:${key}`, JSON.stringify(value), {
            expiration: { type: "EX", value: TTL_SECONDS },
          }),
          client.mGet(tokens),
        ]),
      getOrSet: async (key) => (await get(key)) ?? noLoad(),
      getMany: async (keys) =>
        (await client.mGet([...keys.map((key) => `raw:1:${key}`), ...tokens]))
          .slice(0, keys.length)
          .map(parse),
    },
    close: () => client.close(),
  };
}

/**
 * The floor for hits in memory: nothing is copied, whoever changes what he gets changes it for all.
 *
 * @returns {Candidate}
 */
export function rawMap() {
  /** @type {LRUCache<string, Item>} */
  const map = new LRUCache({ max: 2 * ITEMS, ttl: TTL_SECONDS * 1000 });
  return {
    name: "lru-cache (raw)",
    isLocal: true,
    errors: [],
    operations: {
      get: (key) => map.get(key),
      set: (key, value) => map.set(key, value),
      getOrSet: (key) => map.get(key) ?? noLoad(),
      getMany: (keys) => keys.map((key) => map.get(key)),
    },
    close: async () => map.clear(),
  };
}

/**
 * @param {string} url
 * @returns {Candidate[]}
 */
export function sojournCandidates(url) {
  const { caches, close } = createSojourn({
    projectName: "bench",
    secretKey: "a key that signs nothing here at all",
    redis: { default: url },
    caches: {
      default: { store: redisCacheStore(), keyPrefix: "own", timeout: TTL_SECONDS },
      tagged: { store: redisCacheStore(), keyPrefix: "tag", timeout: TTL_SECONDS },
      memory: { store: memoryCacheStore({ maxEntries: 2 * ITEMS }), keyPrefix: "mem", timeout: TTL_SECONDS },
      frozen: {
        store: memoryCacheStore({ maxEntries: 2 * ITEMS }),
        keyPrefix: "ice",
        timeout: TTL_SECONDS,
        frozen: true,
      },
      tiered: {
        store: tieredCacheStore({ memory: { maxEntries: 2 * ITEMS } }),
        keyPrefix: "tier",
        timeout: TTL_SECONDS,
      },
      "tiered-frozen": {
        store: tieredCacheStore({ memory: { maxEntries: 2 * ITEMS } }),
        keyPrefix: "tier-ice",
        timeout: TTL_SECONDS,
        frozen: true,
      },
    },
  });
  return [
    {
      name: "Sojourn on Redis",
      isLocal: false,
      errors: [],
      operations: operationsOf(caches.default),
      close,
    },
    {
      name: "Sojourn on Redis, 3 tags",
      isLocal: false,
      errors: [],
      operations: operationsOf(caches.tagged, { tags: TAGS }),
      close: async () => {},
    },
    {
      name: "Sojourn in memory",
      isLocal: true,
      errors: [],
      operations: operationsOf(caches.memory),
      close: async () => {},
    },
    {
      name: "Sojourn in memory, frozen",
      isLocal: true,
      errors: [],
      operations: operationsOf(caches.frozen),
      close: async () => {},
    },
    {
      name: "Sojourn, memory + Redis",
      isLocal: true,
      errors: [],
      operations: operationsOf(caches.tiered),
      close: async () => {},
    },
    {
      name: "Sojourn, memory + Redis, frozen",
      isLocal: true,
      errors: [],
      operations: operationsOf(caches["tiered-frozen"]),
      close: async () => {},
    },
  ];
}

/**
 * @param {import("sojourn").Cache} cache
 * @param {{ readonly tags: readonly string[] }} [options]
 * @returns {import("./candidate.mjs").Operations}
 */
export function operationsOf(cache, options) {
  return {
    get: (key) => cache.get(key, options),
    set: (key, value) => cache.set(key, value, options),
    getOrSet: (key) => cache.getOrSet(key, noLoad, options),
    getMany: async (keys) => {
      /** @type {Map<string, Item>} */
      const found = await cache.getMany(keys, options);
      return keys.map((key) => found.get(key));
    },
  };
}

/**
 * @param {string | null} text
 * @returns {Item | null}
 */
function parse(text) {
  return text === null ? null : JSON.parse(text);
}
