// The other libraries. This file alone imports them; it is not type-checked, since they are not installed
// with the project.
import KeyvRedis from "@keyv/redis";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisDriver } from "bentocache/drivers/redis";
import { createCache } from "cache-manager";
import { Cacheable } from "cacheable";
import { Redis } from "ioredis";
import { Keyv } from "keyv";
import memjs from "memjs";
import { ITEMS, noLoad, TTL_SECONDS } from "../cache/candidate.mjs";

const TTL = TTL_SECONDS * 1000;

/**
 * Each as its documentation sets it up, but that failures are thrown or recorded, never hidden.
 *
 * @param {string} url
 * @returns {import("../cache/candidate.mjs").Candidate[]}
 */
export function peerCandidates(url) {
  return [
    bentocache(url, "bentocache, Redis", (store, redis) => store.useL2Layer(redis)),
    bentocache(url, "bentocache, memory + Redis", (store, redis) =>
      store.useL1Layer(memoryDriver({ maxItems: 2 * ITEMS })).useL2Layer(redis),
    ),
    cacheManager(url),
    cacheable("cacheable, Redis", (errors) => ({ primary: keyvRedis(url, "cb2", errors) })),
    cacheable("cacheable, memory + Redis", (errors) => ({ secondary: keyvRedis(url, "cb12", errors) })),
  ];
}

/**
 * memjs speaks the binary protocol.
 *
 * @param {string} address Of memcached.
 * @returns {import("../cache/candidate.mjs").Candidate}
 */
export function memjsCandidate(address) {
  const client = memjs.Client.create(address, {
    expires: TTL_SECONDS,
    timeout: 30,
    logger: { log: () => {} },
  });
  const get = async (key) => {
    const { value } = await client.get(`mj:${key}`);
    return value === null ? null : JSON.parse(value.toString());
  };
  return {
    name: "memjs",
    isLocal: false,
    errors: [],
    operations: {
      get,
      set: (key, value) => client.set(`mj:${key}`, JSON.stringify(value), {}),
      getOrSet: async (key) => (await get(key)) ?? noLoad(),
      // It has no operation for many keys.
      getMany: (keys) => Promise.all(keys.map(get)),
    },
    close: async () => client.close(),
  };
}

/** Without a bus, which would make writes slower: the second one is coherent in a single process only. */
function bentocache(url, name, layer) {
  const errors = [];
  const connection = new Redis(url);
  connection.on("error", (error) => errors.push(error));
  const store = layer(
    bentostore(),
    redisDriver({ connection, prefix: name.includes("memory") ? "bc12" : "bc2" }),
  );
  const cache = new BentoCache({ default: "all", ttl: TTL, suppressL2Errors: false, stores: { all: store } });
  const get = (key) => cache.get({ key });
  return {
    name,
    isLocal: name.includes("memory"),
    errors,
    operations: {
      get,
      set: (key, value) => cache.set({ key, value }),
      getOrSet: (key) => cache.getOrSet({ key, factory: noLoad }),
      // It has no operation for many keys.
      getMany: (keys) => Promise.all(keys.map(get)),
    },
    close: () => cache.disconnectAll(),
  };
}

function cacheManager(url) {
  const errors = [];
  const cache = createCache({ stores: [keyvRedis(url, "cm", errors)], ttl: TTL });
  for (const event of ["get", "mget", "set"]) cache.on(event, ({ error }) => error && errors.push(error));
  return {
    name: "cache-manager + @keyv/redis",
    isLocal: false,
    errors,
    operations: {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      getOrSet: (key) => cache.wrap(key, noLoad),
      getMany: (keys) => cache.mget(keys),
    },
    close: () => cache.disconnect(),
  };
}

function cacheable(name, stores) {
  const errors = [];
  const cache = new Cacheable({ ...stores(errors), ttl: TTL });
  cache.on("error", (error) => errors.push(error));
  return {
    name,
    isLocal: name.includes("memory"),
    errors,
    operations: {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      getOrSet: (key) => cache.getOrSet(key, noLoad, { throwErrors: true }),
      getMany: (keys) => cache.getMany(keys),
    },
    close: () => cache.disconnect(),
  };
}

function keyvRedis(url, namespace, errors) {
  const store = new KeyvRedis(url, { throwOnErrors: true, throwOnConnectError: true });
  const keyv = new Keyv({ store, namespace, useKeyPrefix: false, throwOnErrors: true });
  keyv.on("error", (error) => errors.push(error));
  return keyv;
}
