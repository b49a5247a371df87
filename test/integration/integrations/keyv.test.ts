import keyvTestSuite, { keyvIteratorTests } from "@keyv/test-suite";
import { createCache } from "cache-manager";
import { Keyv } from "keyv";
import * as vitest from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { CacheUsageError, StoreConnectionError } from "../../../src/core/errors.ts";
import { keyvStore } from "../../../src/integrations/keyv/index.ts";
import { gate } from "../../support/cache-harness.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

const { describe, expect, onTestFinished, test } = vitest;

const HOUR = 3_600_000;

describeOnEngines("Keyv's own test suite", (open) => {
  let cache: Cache | undefined;
  const store = () => keyvStore((cache ??= open()));
  keyvTestSuite(vitest, Keyv, store);
  describe("its tests of iterators", () => keyvIteratorTests(vitest, Keyv, store));
});

describeOnEngines("keyvStore", (open) => {
  test("an entry has Keyv's key, once its namespace and once the cache's prefix, and Keyv's time", async () => {
    const cache = open();
    const keyv = new Keyv({ store: keyvStore(cache), namespace: "cm" });
    await keyv.set("a", 1, HOUR);
    await keyv.set("b", 2);
    expect((await cache.keys("*")).toSorted()).toEqual(["cm:a", "cm:b"]);
    expect(await cache.pttl("cm:a")).toBeGreaterThan(HOUR - 60_000);
    expect(await cache.pttl("cm:a")).toBeLessThanOrEqual(HOUR);
    expect(await cache.pttl("cm:b")).toBeNull();
  });

  test("many at once: values, times and answers in the order of the keys", async () => {
    const cache = open();
    const keyv = new Keyv({ store: keyvStore(cache) });
    const entries = [
      { key: "a", value: 1, ttl: HOUR },
      { key: "b", value: null, ttl: 2 * HOUR },
      { key: "c", value: 3 },
      { key: "a", value: 4 },
    ];
    expect(await keyv.setMany(entries)).toEqual([true, true, true, true]);
    expect(await keyv.getMany(["c", "none", "a", "b"])).toEqual([3, undefined, 4, null]);
    expect(await keyv.hasMany(["c", "none", "b"])).toEqual([true, false, true]);
    expect(await cache.pttl("keyv:a")).toBeNull();
    expect(await cache.pttl("keyv:b")).toBeGreaterThan(HOUR);
    expect(await keyv.deleteMany(["a", "none"])).toBe(false);
    expect(await keyv.deleteMany(["b", "c", "c"])).toBe(true);
    expect(await keyv.getMany(["a", "b", "c"])).toEqual([undefined, undefined, undefined]);
  });

  test("clear() leaves other namespaces, also those with glob characters, and the rest of the cache", async () => {
    const cache = open();
    const keyvs = ["a", "a*", "a:b", "[a]"].map(
      (namespace) => new Keyv({ store: keyvStore(cache), namespace }),
    );
    await cache.set("mine", 1);
    for (const keyv of keyvs) await keyv.set("k", 1);
    await keyvs[1]?.clear();
    await keyvs[3]?.clear();
    expect((await cache.keys("*")).toSorted()).toEqual(["a:b:k", "a:k", "mine"]);
    // In keys, the namespace "a:b" lies within "a".
    await keyvs[0]?.clear();
    expect(await cache.keys("*")).toEqual(["mine"]);
    const all = new Keyv({ store: keyvStore(cache), namespace: "" });
    await all.clear();
    expect(await cache.keys("*")).toEqual([]);
  });

  test("the iterator yields 250 entries of its namespace, whatever lies beside them", async () => {
    const cache = open();
    const keyv = new Keyv({ store: keyvStore(cache), namespace: "n" });
    const numbers = Array.from({ length: 250 }, (_, index) => index);
    await keyv.setMany(numbers.map((value) => ({ key: `k${value}`, value })));
    await cache.set("other", 1);
    const found = new Map<string, number>();
    for await (const [key, value] of keyv.iterator?.({}) ?? []) found.set(key as string, value as number);
    expect(found).toEqual(new Map(numbers.map((value) => [`k${value}`, value])));
  });

  test("objects without Keyv's serializer are objects in the cache", async () => {
    const cache = open();
    const keyv = new Keyv({ store: keyvStore(cache) });
    keyv.serialize = undefined;
    keyv.deserialize = undefined;
    await keyv.set("a", { b: [1] });
    expect(await keyv.get("a")).toEqual({ b: [1] });
    expect(await cache.get("keyv:a")).toEqual({ value: { b: [1] } });
  });

  test("clear() after keys from outside the namespace throws, and deletes nothing", async () => {
    const cache = open();
    const unprefixed = new Keyv({ store: keyvStore(cache), useKeyPrefix: false, throwOnErrors: true });
    await unprefixed.set("a", 1);
    await expect(unprefixed.clear()).rejects.toThrow(CacheUsageError);
    const shared = keyvStore(cache);
    const one = new Keyv({ store: shared, namespace: "one", throwOnErrors: true });
    const other = new Keyv({ store: shared, namespace: "other", throwOnErrors: true });
    await other.set("k", 1);
    await one.set("k", 1);
    await expect(one.clear()).rejects.toThrow("keyvStore() of its own");
    expect(await other.get("k")).toBe(1);
  });

  test("a time to live that is no number is refused, and one of less than 0 stores nothing", async () => {
    const store = keyvStore(open());
    await expect(store.set("a", 1, "1h" as unknown as number)).rejects.toThrow(CacheUsageError);
    await store.set("a", 1, -1);
    expect(await store.get("a")).toBeUndefined();
  });

  test("cache-manager: get, mget, ttl, del, clear and wrap, which loads once", async () => {
    const cache = open();
    const manager = createCache({ stores: [new Keyv({ store: keyvStore(cache), namespace: "cm" })] });
    await manager.set("a", 1, HOUR);
    await manager.mset([
      { key: "b", value: { c: 2 }, ttl: HOUR },
      { key: "d", value: null },
    ]);
    expect(await manager.get("a")).toBe(1);
    expect(await manager.mget(["b", "none", "a"])).toEqual([{ c: 2 }, undefined, 1]);
    const expiresAt = await manager.ttl("a");
    expect((expiresAt ?? 0) - Date.now()).toBeGreaterThan(HOUR - 60_000);
    const isLoaded = gate<string>();
    let loads = 0;
    const load = (): Promise<string> => (loads++, isLoaded.promise);
    const waiting = Array.from({ length: 5 }, () => manager.wrap("w", load, HOUR));
    isLoaded.open("loaded");
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["loaded"]));
    expect(await manager.wrap("w", load, HOUR)).toBe("loaded");
    expect(loads).toBe(1);
    await manager.del("a");
    expect(await manager.get("a")).toBeUndefined();
    await manager.clear();
    expect(await cache.keys("*")).toEqual([]);
  });
});

describeWithRedis("keyvStore on Redis", () => {
  redisTest("many keys are one command, and one entry is one", async ({ server }) => {
    const keyv = new Keyv({ store: keyvStore(openCache(server)) });
    await keyv.set("warm", 1);
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await keyv.set("a", 1, HOUR);
    await keyv.get("a");
    await keyv.getMany(["a", "b", "c"]);
    await keyv.hasMany(["a", "b", "c"]);
    expect(await monitor.take()).toEqual(["SET", "GET", "MGET", "MGET"]);
  });

  redisTest("two processes of cache-manager see the same values", async ({ server }) => {
    const keyPrefix = newPrefix();
    const [one, other] = [0, 1].map(() =>
      createCache({ stores: [new Keyv({ store: keyvStore(openCache(server, { keyPrefix })) })] }),
    );
    await one?.set("a", 1);
    expect(await other?.get("a")).toBe(1);
    await other?.del("a");
    expect(await one?.get("a")).toBeUndefined();
  });
});

describe("keyvStore without its server", () => {
  test("each call fails, or is reported as the event `error` where Keyv goes on", async () => {
    const keyv = new Keyv({ store: keyvStore(await openUnreachable()) });
    const errors: unknown[] = [];
    keyv.on("error", (error: unknown) => errors.push(error));
    expect(await keyv.get("a")).toBeUndefined();
    expect(await keyv.set("a", 1)).toBe(false);
    expect(await keyv.delete("a")).toBe(false);
    await keyv.clear();
    expect(errors).toHaveLength(4);
    for (const error of errors) expect(error).toBeInstanceOf(StoreConnectionError);
    await expect(keyv.getMany(["a"])).rejects.toThrow(StoreConnectionError);
    await expect(keyv.has("a")).rejects.toThrow(StoreConnectionError);
    await expect(keyvStore(await openUnreachable()).get("a")).rejects.toThrow(StoreConnectionError);
  });

  test("what is no cache is refused", () => {
    for (const wrong of [undefined, {}, new Map(), "redis://localhost"])
      expect(() => keyvStore(wrong as unknown as Cache)).toThrow("keyvStore() expected a cache");
  });
});
