import { createStorage, restoreSnapshot, snapshot } from "unstorage";
import { expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { CacheUsageError, StoreConnectionError } from "../../../src/core/errors.ts";
import { unstorageDriver } from "../../../src/integrations/unstorage/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

const HOUR = 3600;

describeOnEngines("unstorage", (open) => {
  test("items of all kinds come back as they were, and missing ones are null", async () => {
    const storage = createStorage({ driver: unstorageDriver(open(), { base: "s" }) });
    const items = { text: "a", number: 1, zero: 0, no: false, object: { b: [1, null] }, "a:b:c": "deep" };
    for (const [key, value] of Object.entries(items)) await storage.setItem(key, value);
    for (const [key, value] of Object.entries(items)) expect(await storage.getItem(key)).toEqual(value);
    expect(await storage.getItem("none")).toBeNull();
    expect(await storage.hasItem("text")).toBe(true);
    expect(await storage.hasItem("none")).toBe(false);
    await storage.removeItem("text");
    expect(await storage.hasItem("text")).toBe(false);
  });

  test("bytes come back as they were", async () => {
    const storage = createStorage({ driver: unstorageDriver(open()) });
    const bytes = Buffer.from([0, 255, 126, 10]);
    await storage.setItemRaw("bytes", bytes);
    expect(Buffer.from((await storage.getItemRaw<Uint8Array>("bytes")) ?? [])).toEqual(bytes);
  });

  test("many items: in the order of the keys, each with its own time", async () => {
    const cache = open();
    const storage = createStorage({ driver: unstorageDriver(cache, { base: "s", ttl: HOUR }) });
    await storage.setItems([
      { key: "a", value: "1" },
      { key: "b", value: "2", options: { ttl: 2 * HOUR } },
      { key: "c", value: "3", options: { ttl: null } },
    ]);
    expect(await storage.getItems(["c", "none", "a"])).toEqual([
      { key: "c", value: 3 },
      { key: "none", value: null },
      { key: "a", value: 1 },
    ]);
    expect(await cache.ttl("s:a")).toBe(HOUR);
    expect(await cache.ttl("s:b")).toBe(2 * HOUR);
    expect(await cache.ttl("s:c")).toBeNull();
    expect(await storage.getMeta("a")).toMatchObject({ ttl: HOUR });
    expect(await storage.getMeta("c")).not.toHaveProperty("ttl");
    await storage.setItem("a", "1", { ttl: 0 });
    expect(await storage.getItem("a")).toBeNull();
  });

  test("keys and clear() stay within their base, whatever characters it has", async () => {
    const cache = open();
    await cache.set("mine", 1);
    const driver = unstorageDriver(cache, { base: "s*" });
    const storage = createStorage({ driver });
    const other = createStorage({ driver: unstorageDriver(cache, { base: "sx" }) });
    for (const key of ["a", "a:b", "a:c", "ab", "d"]) await storage.setItem(key, key);
    await other.setItem("a", 1);
    expect((await storage.getKeys()).toSorted()).toEqual(["a", "a:b", "a:c", "ab", "d"]);
    expect((await storage.getKeys("a")).toSorted()).toEqual(["a:b", "a:c"]);
    expect((await storage.getKeys("", { maxDepth: 0 })).toSorted()).toEqual(["a", "ab", "d"]);
    await driver.clear("a:");
    expect((await storage.getKeys()).toSorted()).toEqual(["a", "ab", "d"]);
    await storage.clear();
    expect(await storage.getKeys()).toEqual([]);
    expect(await other.getKeys()).toEqual(["a"]);
    expect((await cache.keys("*")).toSorted()).toEqual(["mine", "sx:a"]);
  });

  test("a snapshot is taken and restored, also beneath a mount", async () => {
    const storage = createStorage();
    storage.mount("cache", unstorageDriver(open(), { base: "s" }));
    await storage.setItem("cache:a", 1);
    await storage.setItem("cache:b:c", { d: 2 });
    const taken = await snapshot(storage, "cache");
    await storage.clear("cache");
    expect(await storage.getKeys("cache")).toEqual([]);
    await restoreSnapshot(storage, taken, "cache");
    expect(await storage.getItem("cache:b:c")).toEqual({ d: 2 });
    await storage.dispose();
  });

  test("wrong options are refused", async () => {
    const cache = open();
    const make = unstorageDriver as (...given: unknown[]) => unknown;
    expect(() => make({})).toThrow("unstorageDriver() expected a cache");
    expect(() => make(cache, { prefix: "a" })).toThrow(CacheUsageError);
    expect(() => make(cache, { base: 1 })).toThrow('"base" of unstorageDriver()');
    expect(() => make(cache, { ttl: "soon" })).toThrow(CacheUsageError);
    const storage = createStorage({ driver: unstorageDriver(cache) });
    await expect(storage.setItem("a", 1, { ttl: "soon" })).rejects.toThrow(CacheUsageError);
  });
});

describeWithRedis("unstorage on Redis", () => {
  redisTest("many items are one command", async ({ server }) => {
    const storage = createStorage({ driver: unstorageDriver(openCache(server)) });
    await storage.setItem("a", 1);
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await storage.getItems(["a", "b", "c"]);
    expect(await monitor.take()).toEqual(["MGET"]);
  });
});

test("unstorage with a server that cannot be reached: an error, no empty storage", async () => {
  const cache: Cache = await openUnreachable();
  const storage = createStorage({ driver: unstorageDriver(cache) });
  await expect(storage.getItem("a")).rejects.toThrow(StoreConnectionError);
  await expect(storage.getKeys()).rejects.toThrow(StoreConnectionError);
});
