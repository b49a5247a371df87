import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { createLimiter } from "../../../src/cache/limits/index.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisCacheStore } from "../../../src/stores/redis/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { gate } from "../../support/cache-harness.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { expectConnectionError } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCacheOn } from "./support.ts";

// The masters share two cores with all else, and none of these tests is about time.
const DEADLINE = "20s";

describeWithRedis("a cache on a cluster of three masters", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });

  afterAll(() => cluster?.stop());

  /** The same cache in several processes. */
  function openMany(count: number, settings: CacheSettings = {}): { caches: Cache[]; keyPrefix: string } {
    const keyPrefix = newPrefix();
    const caches = Array.from({ length: count }, () => {
      const redis = new RedisRegistry({ default: { cluster: cluster.urls } });
      onTestFinished(() => redis.close());
      return openCacheOn(redis, { keyPrefix, deadline: DEADLINE, ...settings });
    });
    return { caches, keyPrefix };
  }

  const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

  /** Whole keys with a prefix, of all nodes. */
  async function rawKeys(prefix: string): Promise<string[]> {
    return ((await cluster.onEach("KEYS", `${prefix}:*`)) as string[][]).flat();
  }

  test.each(["own", "django-redis"] as const)(
    "locks of any key are taken, extended and released: %s",
    async (locks) => {
      const {
        caches: [one, other],
        keyPrefix,
      } = openMany(2, { store: redisCacheStore({ locks }) });
      const names = [
        "plain",
        "with{tag}inside",
        "a}b",
        "a{b",
        "{}",
        "user:{id",
        'json:{"a":1}',
        "/users/{id}/posts/{post}",
      ];
      for (const name of names) {
        const lock = one?.lock(name, { timeout: 10 });
        await lock?.acquire();
        expect(await other?.lock(name, { timeout: 10, blocking: false }).acquire()).toBe(false);
        await lock?.extend("1m");
        const token = lock?.fencingToken ?? Number.NaN;
        await lock?.release();
        const run = other
          ?.lock(name, { timeout: "1m", blocking: false })
          .run((_, fencingToken) => fencingToken);
        expect(await run).toBeGreaterThan(token);
      }
      // The fences remain for an hour.
      const left = (await rawKeys(keyPrefix)).filter((key) => !key.includes("fence"));
      expect(left).toEqual([]);
    },
  );

  test("limits hold over three processes, whatever braces prefixes and ids have", async () => {
    for (const prefix of ["l:", "{", "a}b", "{x}"]) {
      const { caches } = openMany(3);
      for (const algorithm of ["fixed", "sliding"] as const) {
        // A window of less than a minute, whose beginning ends a lease too.
        const settings = { algorithm, limit: 5, window: "20s", prefix, clock: new ManualClock() } as const;
        const limiters = caches.map((cache) => createLimiter(cache, settings));
        const answers = await Promise.all(
          Array.from({ length: 15 }, async (_, at) => limiters[at % 3]?.consume("a{b")),
        );
        expect(answers.filter((answer) => answer?.isAllowed)).toHaveLength(5);
      }
    }
  });

  test("50 cold keys with four callers each in three processes are loaded once each, and no lease is left", async () => {
    const { caches, keyPrefix } = openMany(3);
    const runs = new Map<string, number>();
    const load = async (key: string): Promise<string> => {
      runs.set(key, (runs.get(key) ?? 0) + 1);
      await cluster.onEach("PING");
      return `value of ${key}`;
    };
    const keys = [...keysOf(48), "{tagged}:1", "with~tilde"];
    const callers = caches.flatMap((cache) => [cache, cache, cache, cache]);
    const values = await Promise.all(
      keys.flatMap((key) =>
        callers.map(async (cache) => [key, await cache.getOrSet(key, () => load(key))] as const),
      ),
    );
    for (const [key, value] of values) expect(value).toBe(`value of ${key}`);
    expect(runs).toEqual(new Map(keys.map((key) => [key, 1])));
    expect((await rawKeys(keyPrefix)).toSorted()).toEqual(
      keys.map((key) => `${keyPrefix}:1:${key}`).toSorted(),
    );
    expect(new Set(keys.map((key) => cluster.nodeOf(`${keyPrefix}:1:${key}`))).size).toBe(3);
  });

  test("a delete by another process during a load wins, on every node", async () => {
    const { caches } = openMany(2);
    const [loading, deleting] = caches as [Cache, Cache];
    const keys = keysOf(20);
    const { promise, open: finish } = gate<string>();
    let running = 0;
    const all = gate();
    const results = keys.map((key) =>
      loading.getOrSet(key, () => {
        if (++running === keys.length) all.open();
        return promise;
      }),
    );
    await all.promise;
    expect(await deleting.deleteMany(keys)).toBe(0);
    finish("old");
    expect(new Set(await Promise.all(results))).toEqual(new Set(["old"]));
    expect(await deleting.getMany(keys)).toEqual(new Map());
    expect(await deleting.getOrSet("k0", () => "new")).toBe("new");
  });

  test("tags lie in other slots than their entries, and invalidate them all the same", async () => {
    const { caches, keyPrefix } = openMany(2);
    const [one, other] = caches as [Cache, Cache];
    const tags = keysOf(12);
    const keys = keysOf(20);
    await one.setMany(Object.fromEntries(keys.map((key) => [key, 1])), { tags });
    const nodes = [...tags.map((tag) => `~tag:${tag}`), ...keys].map((key) =>
      cluster.nodeOf(`${keyPrefix}:1:${key}`),
    );
    expect(new Set(nodes.slice(0, tags.length)).size).toBeGreaterThan(1);
    expect(new Set(nodes.slice(tags.length)).size).toBe(3);
    expect((await other.getMany(keys, { tags })).size).toBe(20);
    expect(await other.get("k1")).toBe(1);
    await other.invalidateTags(["k7"]);
    expect(await one.getMany(keys, { tags })).toEqual(new Map());
    expect(await one.get("k1")).toBeUndefined();
    expect(await one.getOrSet("k1", () => "new", { tags })).toBe("new");
    expect(await other.get("k1", { tags })).toBe("new");
  });

  test("an invalidation during a load wins, wherever token and entry lie", async () => {
    const { caches } = openMany(2);
    const [loading, other] = caches as [Cache, Cache];
    for (const key of keysOf(6)) {
      const { promise, open: finish } = gate<string>();
      const started = gate();
      const result = loading.getOrSet(key, () => (started.open(), promise), { tags: ["t"] });
      await started.promise;
      await other.invalidateTags(["t"]);
      finish("old");
      expect(await result).toBe("old");
      expect(await other.get(key)).toBeUndefined();
    }
  });

  test("getOrSetMany loads what is missing at once, from all nodes, and another process finds it", async () => {
    const { caches } = openMany(2);
    const [one, other] = caches as [Cache, Cache];
    const keys = keysOf(200);
    await one.setMany(Object.fromEntries(keys.slice(0, 100).map((key) => [key, "there"])));
    const loads: (readonly string[])[] = [];
    const load = (missing: readonly string[]): Record<string, string> => {
      loads.push(missing);
      return Object.fromEntries(missing.map((key) => [key, "loaded"]));
    };
    const expected = new Map(keys.map((key, index) => [key, index < 100 ? "there" : "loaded"]));
    expect(await one.getOrSetMany(keys, load)).toEqual(expected);
    expect(await other.getOrSetMany(keys, load)).toEqual(expected);
    expect(loads).toEqual([keys.slice(100)]);
  });

  test("two processes that getOrSetMany the same cold keys load each of them once", async () => {
    const { caches } = openMany(2);
    const keys = keysOf(100);
    const loaded: string[] = [];
    const load = async (missing: readonly string[]): Promise<Record<string, string>> => {
      loaded.push(...missing);
      await cluster.onEach("PING");
      return Object.fromEntries(missing.map((key) => [key, "loaded"]));
    };
    const results = await Promise.all(caches.map((cache) => cache.getOrSetMany(keys, load)));
    for (const result of results) expect(result).toEqual(new Map(keys.map((key) => [key, "loaded"])));
    expect(loaded.toSorted()).toEqual(keys.toSorted());
  });

  test("clear runs on every master, deletes its own keys and leases alone, and tells how far it is", async () => {
    const { caches, keyPrefix } = openMany(1);
    const [cache] = caches as [Cache];
    const { caches: neighbours, keyPrefix: neighbour } = openMany(1);
    await cache.setMany(Object.fromEntries(keysOf(3000).map((key) => [key, 1])));
    await neighbours[0]?.setMany(Object.fromEntries(keysOf(300).map((key) => [key, 1])));
    const progress: number[] = [];
    expect(await cache.clear({ onProgress: (count) => progress.push(count) })).toBe(3000);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress).toEqual(progress.toSorted((left, right) => left - right));
    expect(progress.at(-1)).toBe(3000);
    expect(await rawKeys(keyPrefix)).toEqual([]);
    expect(await rawKeys(neighbour)).toHaveLength(300);
  });

  test("clear and bumpVersion during loads win, on every node", async () => {
    for (const empty of [(cache: Cache) => cache.clear(), (cache: Cache) => cache.bumpVersion()]) {
      const { caches } = openMany(2, { sharedVersion: true });
      const [loading, other] = caches as [Cache, Cache];
      const keys = keysOf(9);
      const { promise, open: finish } = gate<string>();
      let running = 0;
      const all = gate();
      const results = keys.map((key) =>
        loading.getOrSet(key, () => {
          if (++running === keys.length) all.open();
          return promise;
        }),
      );
      await all.promise;
      await empty(other);
      finish("old");
      await Promise.all(results);
      expect(await other.getMany(keys)).toEqual(new Map());
      expect(await loading.getMany(keys)).toEqual(new Map());
    }
  });

  test("a master that does not answer fails getOrSetMany, and leaves no key of the others leased", async () => {
    const { caches, keyPrefix } = openMany(2, { deadline: "500ms", lease: "100ms" });
    const [cache, other] = caches as [Cache, Cache];
    for (const each of caches) await vi.waitFor(() => each.getMany(keysOf(30)));
    const load = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, 1]));
    const frozen = cluster.nodeOf(`${keyPrefix}:1:k0`);
    const keys = keysOf(30).filter((key) => cluster.nodeOf(`${keyPrefix}:1:${key}`) !== frozen);
    // After the read, before the leases.
    cache.on("miss", () => frozen.freeze());
    onTestFinished(() => frozen.thaw());
    await expectConnectionError(cache.getOrSetMany(["k0", ...keys], load), "unknown");
    frozen.thaw();
    // Longer than a lease that nobody renews.
    await pause(250);
    const leases = (await rawKeys(keyPrefix)).filter((key) => key.includes("~"));
    expect(leases).toEqual([]);
    expect(await other.getOrSetMany(keys, load)).toEqual(new Map(keys.map((key) => [key, 1])));
  });

  test.each(["a}b", "a{b", "a{}b", "}{"])(
    "a key with braces that make no hash tag works as any other: %s",
    async (key) => {
      const { caches } = openMany(1);
      const [cache] = caches as [Cache];
      expect(await cache.getOrSet(key, 1)).toBe(1);
      expect(await cache.getOrSet(key, 2)).toBe(1);
      expect(await cache.delete(key)).toBe(true);
      expect(await cache.getOrSet(key, 2)).toBe(2);
    },
  );
});
