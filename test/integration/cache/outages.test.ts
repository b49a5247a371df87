import { describe, expect, onTestFinished, test, vi } from "vitest";

import type { Cache, CacheEvents, CacheSettings } from "../../../src/cache/index.ts";
import { CacheKeyNotFoundError, StoreConnectionError, StoreServiceError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { errorOf, MARGIN, serverForTest, timeOf } from "../../support/redis-connections.ts";
import { describeWithRedis, freePort, type RedisServer } from "../../support/redis-server.ts";
import { openCache, openCacheOn } from "./support.ts";

/** In milliseconds. */
const DEADLINE = 500;
const MISS = { onStoreError: "miss", deadline: DEADLINE / 1000 } as const;

/**
 * A cache on a server that is well, and keeps its data over a kill. Redis has `k` and `l`, each with the
 * value `"old"`.
 */
async function start(settings: CacheSettings): Promise<{ server: RedisServer; cache: Cache }> {
  const server = await serverForTest({ appendonly: true });
  const cache = openCache(server, { keyPrefix: "shop", ...settings });
  // The client library is loaded with the first call, which may take a busy machine longer than the deadline.
  await vi.waitFor(() => cache.ping());
  await cache.setMany({ k: "old", l: "old" });
  return { server, cache };
}

/** A cache whose server is frozen. */
async function frozen(settings: CacheSettings): Promise<Cache> {
  const { server, cache } = await start(settings);
  server.freeze();
  onTestFinished(() => server.thaw());
  return cache;
}

/** A cache whose server refuses connections. */
async function refused(settings: CacheSettings): Promise<Cache> {
  const redis = new RedisRegistry({ default: `redis://127.0.0.1:${await freePort()}` });
  onTestFinished(() => redis.close());
  const cache = openCacheOn(redis, { keyPrefix: "shop", ...settings });
  await errorOf(cache.ping());
  return cache;
}

/** Waits until a cache asks its server again. */
async function recovered(server: RedisServer, cache: Cache): Promise<void> {
  await server.command("SET", "shop:1:probe", "1");
  await vi.waitFor(async () => expect(await cache.get("probe")).toBe(1), { timeout: 10_000 });
}

const calls: [string, (cache: Cache) => Promise<unknown>, unknown][] = [
  ["get", (cache) => cache.get("k"), undefined],
  ["get with a default", (cache) => cache.get("k", { default: 0 }), 0],
  ["get with tags", (cache) => cache.get("k", { tags: ["t"] }), undefined],
  ["getMany", (cache) => cache.getMany(["k", "l"]), new Map()],
  ["set", (cache) => cache.set("k", 1), false],
  ["set with tags", (cache) => cache.set("k", 1, { tags: ["t"] }), false],
  ["set with a short timeout", (cache) => cache.set("k", 1, { timeout: 1 }), false],
  ["setMany", (cache) => cache.setMany({ k: 1, l: 2 }), ["k", "l"]],
  ["add", (cache) => cache.add("k", 1), false],
  ["has", (cache) => cache.has("k"), false],
  ["touch", (cache) => cache.touch("k", 10), false],
  ["touch with null", (cache) => cache.touch("k", null), false],
  ["ttl", (cache) => cache.ttl("k"), undefined],
  ["peek", (cache) => cache.peek("k"), { isHit: false }],
  ["getOrSet", (cache) => cache.getOrSet("k", () => "loaded"), "loaded"],
  ["getOrSet with tags", (cache) => cache.getOrSet("k2", () => "loaded", { tags: ["t"] }), "loaded"],
  ["getOrSet with stale entries", (cache) => cache.getOrSet("k3", () => "loaded", { stale: "1h" }), "loaded"],
  [
    "getOrSetMany",
    (cache) => cache.getOrSetMany(["k4"], () => ({ k4: "loaded" })),
    new Map([["k4", "loaded"]]),
  ],
];

const throwing: [string, (cache: Cache) => Promise<unknown>][] = [
  ["delete", (cache) => cache.delete("k")],
  ["deleteMany", (cache) => cache.deleteMany(["k", "l"])],
  ["touch with 0", (cache) => cache.touch("k", 0)],
  ["set with 0", (cache) => cache.set("k", 1, { timeout: 0 })],
  ["invalidateTags", (cache) => cache.invalidateTags(["t"])],
  ["clear", (cache) => cache.clear()],
  ["deletePattern", (cache) => cache.deletePattern("*")],
  ["incr", (cache) => cache.incr("k")],
  ["ping", (cache) => cache.ping()],
];

const outages = [
  ["frozen", frozen],
  ["refused", refused],
] as const;

/** Runs all calls at the same time. @returns What each gives, or its error. */
async function within(
  limit: number,
  cache: Cache,
  list: readonly (readonly [string, (cache: Cache) => Promise<unknown>, ...unknown[]])[],
) {
  const operations = list.map(([, call]) => call(cache));
  const times = await Promise.all(operations.map(timeOf));
  for (const [index, time] of times.entries()) expect(time, list[index]?.[0]).toBeLessThan(limit);
  return Promise.all(operations.map((operation) => operation.catch((error: unknown) => error)));
}

describeWithRedis("a cache whose server is away", () => {
  describe.each(outages)("%s", (_, begin) => {
    test("throw: every call ends within the deadline, with a typed error, and no loader runs", async () => {
      const cache = await begin({ deadline: DEADLINE / 1000 });
      const load = vi.fn<() => string>(() => "loaded");
      const loads = [["getOrSet", () => cache.getOrSet("k", load)]] as const;
      const results = await within(DEADLINE + MARGIN, cache, [...calls, ...throwing, ...loads]);
      for (const result of results) expect(result).toBeInstanceOf(StoreConnectionError);
      expect(load).not.toHaveBeenCalled();
      expect(cache.stats).toMatchObject({ loads: 0, storeErrors: 0 });
    });

    test("miss: reads find nothing, writes store nothing and loads give their value, within the deadline", async () => {
      const cache = await begin(MISS);
      const results = await within(DEADLINE + MARGIN, cache, calls);
      expect(results).toStrictEqual(calls.map(([, , expected]) => expected));
    });

    test("miss: what deletes or counts throws, within the deadline", async () => {
      const cache = await begin(MISS);
      const results = await within(DEADLINE + MARGIN, cache, throwing);
      for (const [index, result] of results.entries()) {
        expect(result, throwing[index]?.[0]).toBeInstanceOf(StoreConnectionError);
      }
    });

    test("miss with a shared version: the same, within the deadline", async () => {
      const cache = await begin({ ...MISS, sharedVersion: true });
      const results = await within(DEADLINE + MARGIN, cache, calls);
      expect(results).toStrictEqual(calls.map(([, , expected]) => expected));
      expect(await errorOf(cache.bumpVersion())).toBeInstanceOf(StoreConnectionError);
    });

    test("miss: 100 reads one after the other take about one deadline, not 100", async () => {
      const cache = await begin(MISS);
      const readAll = async (): Promise<void> => {
        for (let read = 0; read < 100; read++) expect(await cache.get("k")).toBeUndefined();
      };
      expect(await timeOf(readAll())).toBeLessThan(DEADLINE + MARGIN);
    });

    test("miss: callers who come at the same time still share one load", async () => {
      const cache = await begin(MISS);
      const load = vi.fn<() => Promise<string>>(() => Promise.resolve("loaded"));
      const results = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet("k", load)));
      expect(results).toEqual(Array.from({ length: 20 }, () => "loaded"));
      expect(load).toHaveBeenCalledTimes(1);
    });

    test("miss: each failure is told and counted", async () => {
      const cache = await begin(MISS);
      const events: CacheEvents["storeError"][] = [];
      cache.on("storeError", (event) => events.push(event));
      await cache.get("k");
      await errorOf(cache.delete("k"));
      await errorOf(cache.incr("k"));
      expect(events.map(({ operation }) => operation)).toEqual(["get", "deleteMany", "incr"]);
      for (const { error } of events) expect(error).toBeInstanceOf(StoreConnectionError);
      expect(cache.stats).toMatchObject({ hits: 0, misses: 1, storeErrors: 3, forgotten: 0 });
    });
  });

  test("miss: frozen while a loader runs, what was loaded is given within the deadline", async () => {
    const { server, cache } = await start(MISS);
    onTestFinished(() => server.thaw());
    let loadedAt = 0;
    const load = (): string => {
      server.freeze();
      loadedAt = performance.now();
      return "loaded";
    };
    expect(await cache.getOrSet("new", load)).toBe("loaded");
    expect(performance.now() - loadedAt).toBeLessThan(DEADLINE + MARGIN);
  });
});

describeWithRedis('onStoreError "miss", when the server is back', () => {
  const writes: [string, (cache: Cache) => Promise<unknown>][] = [
    ["delete", (cache) => errorOf(cache.delete("k"))],
    ["touch with 0", (cache) => errorOf(cache.touch("k", 0))],
    ["set with 0", (cache) => errorOf(cache.set("k", "new", { timeout: 0 }))],
    ["set", (cache) => cache.set("k", "new")],
    ["set with a short timeout", (cache) => cache.set("k", "new", { timeout: 1 })],
    ["set with tags", (cache) => cache.set("k", "new", { tags: ["t"] })],
    ["setMany", (cache) => cache.setMany({ k: "new" })],
  ];

  test.each(writes)(
    "a key whose %s has failed is not given, and is gone from Redis after the next call",
    async (...row) => {
      const [, write] = row;
      const { server, cache } = await start(MISS);
      await server.kill();
      await write(cache);
      await server.restart();
      expect(await server.command("GET", "shop:1:k")).toBe('"old"');
      await recovered(server, cache);
      expect(await server.command("EXISTS", "shop:1:k")).toBe(0);
      expect(await cache.get("k")).toBeUndefined();
      expect(await cache.getMany(["k", "l"])).toEqual(new Map([["l", "old"]]));
      expect(await cache.getOrSet("k", () => "loaded")).toBe("loaded");
      expect(await cache.get("k")).toBe("loaded");
    },
  );

  test("a write that a frozen server carries out after all is undone too", async () => {
    const { server, cache } = await start(MISS);
    server.freeze();
    expect(await cache.set("k", "new")).toBe(false);
    expect(await errorOf(cache.delete("l"))).toBeInstanceOf(StoreConnectionError);
    server.thaw();
    await recovered(server, cache);
    expect(await server.command("EXISTS", "shop:1:k", "shop:1:l")).toBe(0);
    expect(await cache.getMany(["k", "l"])).toEqual(new Map());
  });

  test("a counter whose set has failed does not go on from its old count", async () => {
    const { server, cache } = await start(MISS);
    await cache.set("n", 5);
    await server.kill();
    expect(await cache.set("n", 0)).toBe(false);
    await server.restart();
    await vi.waitFor(() => cache.ping());
    await expect(cache.incr("n")).rejects.toThrow(CacheKeyNotFoundError);
  });

  test("an add that has failed leaves alone what was there", async () => {
    const { server, cache } = await start(MISS);
    await server.kill();
    expect(await cache.add("k", "new")).toBe(false);
    await server.restart();
    await recovered(server, cache);
    expect(await cache.get("k")).toBe("old");
  });

  test.each(writes)(
    "with a shared version, a key whose %s has failed is not given either",
    async (...row) => {
      const [, write] = row;
      const { server, cache } = await start({ ...MISS, sharedVersion: true });
      await server.kill();
      await write(cache);
      await server.restart();
      await vi.waitFor(async () => expect(await cache.get("l")).toBe("old"), { timeout: 10_000 });
      expect(await cache.get("k")).toBeUndefined();
    },
  );

  test("with a shared version, what was there before the outage is there after it", async () => {
    const { server, cache } = await start({ ...MISS, sharedVersion: true });
    await server.kill();
    expect(await cache.get("k")).toBeUndefined();
    await server.restart();
    await vi.waitFor(async () => expect(await cache.get("k")).toBe("old"), { timeout: 10_000 });
  });

  test("tags whose invalidation has failed count as invalidated", async () => {
    const { server, cache } = await start(MISS);
    await cache.set("tagged", "old", { tags: ["t"] });
    await server.kill();
    expect(await errorOf(cache.invalidateTags(["t"]))).toBeInstanceOf(StoreConnectionError);
    await server.restart();
    await recovered(server, cache);
    expect(await cache.get("tagged")).toBeUndefined();
    expect(await server.command("EXISTS", "shop:1:~tag:t")).toBe(0);
  });
});

describeWithRedis("a cache whose server is full", () => {
  /** A server without memory for anything new. Redis has `k`, with the value `"old"`. */
  async function full(settings: CacheSettings): Promise<{ server: RedisServer; cache: Cache }> {
    const { server, cache } = await start(settings);
    await server.command("CONFIG", "SET", "maxmemory", "1");
    return { server, cache };
  }

  test("throw: reads and deletes go on, writes and loads say what is wrong, and no loader runs", async () => {
    const { cache } = await full({});
    const load = vi.fn<() => string>(() => "loaded");
    expect(await cache.get("k")).toBe("old");
    for (const call of [() => cache.set("k", 1), () => cache.getOrSet("new", load)]) {
      expect(await errorOf(call())).toBeInstanceOf(StoreServiceError);
    }
    expect(load).not.toHaveBeenCalled();
    expect(await cache.delete("k")).toBe(true);
  });

  test("miss: loads give their value, and a key that could not be overwritten is deleted", async () => {
    const { server, cache } = await full(MISS);
    expect(await cache.getOrSet("new", () => "loaded")).toBe("loaded");
    expect(await cache.get("l")).toBe("old");
    expect(await cache.set("k", "new")).toBe(false);
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.get("l")).toBe("old");
    expect(await server.command("EXISTS", "shop:1:k")).toBe(0);
    expect(cache.stats.storeErrors).toBeGreaterThan(0);
  });

  test("full while a loader runs: throw fails with what is wrong and leaves no lease, miss gives what was loaded", async () => {
    const fill = (server: RedisServer) => async (): Promise<string> => {
      await server.command("CONFIG", "SET", "maxmemory", "1");
      return "loaded";
    };
    const strict = await start({});
    expect(await errorOf(strict.cache.getOrSet("new", fill(strict.server)))).toBeInstanceOf(
      StoreServiceError,
    );
    expect(await strict.server.command("KEYS", "*~*")).toEqual([]);
    const forgiving = await start(MISS);
    expect(await forgiving.cache.getOrSet("new", fill(forgiving.server))).toBe("loaded");
  });
});
