import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { slotOf } from "../../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { tieredCacheStore } from "../../../src/stores/tiered/index.ts";
import { nodeRedisClusterForTest, nodeRedisSentinelForTest } from "../../support/node-redis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisSentinels } from "../../support/redis-sentinels.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { newPrefix, openCacheOn } from "./support.ts";

/** Leaves a test out. */
const unlisted = (_title: string, _run: () => Promise<void>): void => {};

/** The same cache in two processes. */
function openPair(
  settings: RedisConnectionSettings,
  maxStale: "1s",
): { one: Cache; other: Cache; keyPrefix: string } {
  const keyPrefix = newPrefix();
  const open = (): Cache => {
    const redis = new RedisRegistry({ default: settings });
    onTestFinished(() => redis.close());
    return openCacheOn(redis, { keyPrefix, deadline: "10s", store: tieredCacheStore({ maxStale }) });
  };
  return { one: open(), other: open(), keyPrefix };
}

const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
const allAre = (value: string): Map<string, string> => new Map(keys.map((key) => [key, value]));

/** Number of reads that servers have executed so far. */
async function readsOn(servers: readonly RedisServer[]): Promise<number> {
  const stats = await Promise.all(servers.map((server) => server.command("INFO", "commandstats")));
  const counts = stats.flatMap((text) => [...String(text).matchAll(/cmdstat_m?get:calls=(\d+)/g)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

describeWithRedis("memory before a cluster of three masters", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });

  afterAll(() => cluster?.stop());

  describe.each(["settings", "a client of createCluster()"])("with %s", (kind) => {
    const open = async (): Promise<ReturnType<typeof openPair>> =>
      openPair(
        kind === "settings" ? { cluster: cluster.urls } : { client: await nodeRedisClusterForTest(cluster) },
        "1s",
      );

    // On a given client the heartbeats and the looks at the slots are those of settings.
    const soaked = kind === "settings" || isSoak ? test : unlisted;

    test("hits ask no node, and every node reports changes", async () => {
      const { one, other } = await open();
      await one.setMany(allAre("old"));
      // The first reads open the connections to the nodes, which empties the level.
      await vi.waitUntil(async () => {
        const before = await readsOn(cluster.nodes);
        expect(await other.getMany(keys)).toEqual(allAre("old"));
        return (await readsOn(cluster.nodes)) === before;
      });
      await one.setMany(allAre("new"));
      await vi.waitFor(async () => expect(await other.getMany(keys)).toEqual(allAre("new")));
    });

    soaked("values are kept while the level is used, as all nodes answer its heartbeats", async () => {
      const { one, other } = await open();
      await one.setMany(allAre("old"));
      for (let count = 0; count < 3; count++) await other.getMany(keys);
      const before = await readsOn(cluster.nodes);
      const end = performance.now() + 1500;
      while (performance.now() < end) {
        expect(await other.getMany(keys)).toEqual(allAre("old"));
        await pause(20);
      }
      expect(await readsOn(cluster.nodes)).toBe(before);
    });

    test("values of a node that does not answer are given for maxStale at most, though others answer", async () => {
      const { one, other, keyPrefix } = await open();
      await one.setMany(allAre("old"));
      for (let count = 0; count < 3; count++) await other.getMany(keys);
      const frozen = cluster.nodeOf(`${keyPrefix}:1:k0`);
      const elsewhere = keys.filter((key) => cluster.nodeOf(`${keyPrefix}:1:${key}`) !== frozen);
      frozen.freeze();
      onTestFinished(() => frozen.thaw());
      const end = performance.now() + 1100;
      for (let count = 0; performance.now() < end; count++) {
        await one.set(elsewhere[0] ?? "", `${count}`);
        await other.getMany(elsewhere);
        await pause(20);
      }
      const reading = other.get("k0");
      expect(await Promise.race([reading, pause(300, "asked")])).toBe("asked");
      frozen.thaw();
      expect(await reading).toBe("old");
    });

    test("a value whose slot moves to another node is not kept beyond its next change", async () => {
      const { one, other, keyPrefix } = await open();
      await one.set("k0", "old");
      await other.set("warm", "x");
      for (let count = 0; count < 3; count++) expect(await other.get("k0")).toBe("old");
      const whole = `${keyPrefix}:1:k0`;
      const from = cluster.nodeOf(whole);
      const to = cluster.nodes.find((node) => node !== from) as RedisServer;
      await cluster.moveSlot(slotOf(whole), from, to);
      onTestFinished(() => cluster.moveSlot(slotOf(whole), to, from));
      expect(await other.get("k0")).toBe("old");
      await one.set("k0", "new");
      await vi.waitFor(async () => expect(await other.get("k0")).toBe("new"), { interval: 5 });
      await one.set("k0", "newer");
      await vi.waitFor(async () => expect(await other.get("k0")).toBe("newer"), { interval: 5 });
    });

    soaked(
      "all values are read again soon after any slot has moved, since its last node may report nothing",
      async () => {
        const { one, other } = await open();
        await one.setMany(allAre("old"));
        for (let count = 0; count < 3; count++) await other.getMany(keys);
        const [from, to] = cluster.nodes as [RedisServer, RedisServer];
        // The last slot of the first node is as empty as most.
        const slot = Math.floor(16_384 / 3) - 1;
        await cluster.moveSlot(slot, from, to);
        onTestFinished(() => cluster.moveSlot(slot, to, from));
        const before = await readsOn(cluster.nodes);
        await vi.waitUntil(
          async () => {
            expect(await other.getMany(keys)).toEqual(allAre("old"));
            return (await readsOn(cluster.nodes)) > before;
          },
          { timeout: 5000, interval: 20 },
        );
      },
    );
  });
});

describeWithRedis("memory before a master that sentinels watch", () => {
  test("after a failover values come from the new master", async () => {
    const trio = await RedisSentinels.start();
    onTestFinished(() => trio.stop());
    const client = await nodeRedisSentinelForTest(trio);
    const kinds = [{ sentinels: trio.addresses, name: trio.name }, ...(isSoak ? [{ client }] : [])];
    const pairs = kinds.map((settings) => openPair(settings, "1s"));
    for (const { one, other } of pairs) {
      await one.set("k", "old");
      expect([await other.get("k"), await other.get("k")]).toEqual(["old", "old"]);
    }
    const [sentinel] = trio.sentinels as [RedisServer];
    const before = await trio.master();
    await sentinel.command("SENTINEL", "FAILOVER", trio.name);
    await vi.waitUntil(async () => (await trio.master()) !== before, { timeout: 15_000, interval: 50 });
    for (const { one, other } of pairs) {
      await vi.waitFor(() => one.set("k", "new"), { timeout: 10_000 });
      // The old master may keep the connection open; its sentinels tell within a few heartbeats.
      await vi.waitFor(async () => expect(await other.get("k")).toBe("new"), { timeout: 5000, interval: 20 });
      await one.set("k", "newer");
      await vi.waitFor(async () => expect(await other.get("k")).toBe("newer"), { interval: 5 });
    }
  });
});
