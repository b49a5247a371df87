import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { CacheStore } from "../../../src/stores/cache-store.ts";
import { redisCacheStore } from "../../../src/stores/redis/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { errorOf, expectConnectionError, within } from "../../support/redis-connections.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { concurrently, entries, later, leaseOn } from "./cache-store-support.ts";

describeWithRedis("the Redis cache store on a cluster of three masters", () => {
  let cluster: RedisCluster;
  let redis: RedisRegistry;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    redis = new RedisRegistry({ default: { cluster: cluster.urls } });
  });

  afterAll(async () => {
    await redis?.close();
    await cluster?.stop();
  });

  const openStore = (values: "text" | "bytes" = "text"): CacheStore =>
    redisCacheStore()({ redis, clock: systemClock, values });

  describeCacheStore(concurrently, "redis cluster", {
    open: () => ({ store: openStore() }),
    hasTracking: true,
  });
  describeCacheStore(concurrently, "redis cluster, read as bytes", {
    open: () => ({ store: openStore("bytes") }),
    values: "bytes",
    hasTracking: true,
  });

  test("keys of one slot are read and deleted together", async () => {
    const store = openStore();
    const keys = ["{a}1", "{a}2", "{b}1", "{a}3", "{b}2"];
    await store.setMany(
      keys.map((key) => ({ key, value: key, ttl: null })),
      "always",
      later(),
    );
    await cluster.onEach("CONFIG", "RESETSTAT");
    expect(await store.getMany(keys, later())).toEqual(keys);
    expect(await store.deleteMany(keys, later())).toBe(5);
    const stats = (await cluster.onEach("INFO", "commandstats")).join("\n");
    const calls = (name: string) =>
      [...stats.matchAll(new RegExp(`cmdstat_${name}:calls=(\\d+)`, "g"))].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    expect([calls("mget"), calls("unlink")]).toEqual([2, 4]);
  });

  test("a key with braces, whether they make a hash tag or not, is read, written, leased, filled and deleted", async () => {
    const store = openStore();
    for (const key of ["x}y", "x{y", "x{}y", "}{", "{x}y", "x}{y}"]) {
      await store.setMany([{ key, value: key, ttl: 60_000 }], "always", later());
      expect(await store.get(key, later())).toBe(key);
      expect(await store.deleteMany([key], later())).toBe(1);
      expect(await store.lease(leaseOn(key), 1000, later())).toEqual({ status: "leased" });
      const filled = await store.fill(leaseOn(key), { value: "v", ttl: 60_000 }, later());
      expect(filled).toEqual({ status: "stored" });
      expect(await store.compareAndSet(key, "v", undefined, later())).toBe(true);
    }
  });

  test("a node that is gone: what was deleted on the others is not passed off as not sent", async () => {
    const own = await RedisCluster.start();
    onTestFinished(() => own.stop());
    const registry = new RedisRegistry({ default: { cluster: own.urls } });
    onTestFinished(() => registry.close());
    const store = redisCacheStore()({ redis: registry, clock: systemClock });
    const keys = entries("k", 30).map(({ key }) => key);
    await store.setMany(entries("k", 30), "always", later());
    await own.nodes[0]?.kill();
    await errorOf(store.deleteMany(keys, within(2000)));
    await expectConnectionError(store.deleteMany(keys, within(2000)), "unknown");
  });
});

describeWithRedis("the Redis cache store on a cluster that is not known to be one", () => {
  test("learns from the first refusal that keys have to be sent by slots", async () => {
    const cluster = await RedisCluster.start(1);
    onTestFinished(() => cluster.stop());
    const redis = new RedisRegistry({ default: cluster.nodes[0]?.settings });
    onTestFinished(() => redis.close());
    const store = redisCacheStore()({ redis, clock: systemClock });
    await store.setMany(entries("k", 600), "always", later());
    const keys = entries("k", 600).map(({ key }) => key);
    expect(await store.deleteMany(keys.slice(0, 300), later())).toBe(300);
    expect((await store.getMany(keys, later())).filter(Boolean)).toHaveLength(300);
    const another = redisCacheStore()({ redis, clock: systemClock });
    expect((await another.getMany(keys, later())).filter(Boolean)).toHaveLength(300);
    // One command would hold all of these.
    const third = redisCacheStore()({ redis, clock: systemClock });
    const values = entries("k", 600).map(({ value }) => value);
    expect(await third.getMany(keys.slice(250, 350), later())).toEqual(
      values.slice(250, 350).map((value, index) => (index < 50 ? undefined : value)),
    );
  });
});
