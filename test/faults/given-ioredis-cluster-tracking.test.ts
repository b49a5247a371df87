import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { slotOf } from "../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { tieredCacheStore } from "../../src/stores/tiered/index.ts";
import { keyOn, keysOnEach, sendToEach } from "../integration/redis/cluster-support.ts";
import { EACH_LIBRARY, type IoredisLibrary, ioredisClusterForTest } from "../support/ioredis-clients.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { connectionForTest, MARGIN, within } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";

describeWithRedis("tracking on each master with a cluster client's options", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    return () => cluster.stop();
  });

  /** Number of connections on all nodes that track or subscribe. */
  async function trackers(): Promise<number> {
    const lists = (await cluster.onEach("CLIENT", "LIST")).map(String);
    return lists.flatMap((list) => list.split("\n")).filter((line) => / flags=\w*[tP]/.test(line)).length;
  }

  async function track(library: IoredisLibrary, prefix: string) {
    const client = ioredisClusterForTest(library, cluster.nodes);
    const usual = connectionForTest({ client });
    const told: string[] = [];
    const reads = usual.tracking({
      onChange: (key = "all") => void told.push(key),
      onLinkEnd: () => void told.push("end"),
    });
    const keys = keysOnEach(cluster, prefix);
    await sendToEach(reads, keys);
    told.length = 0;
    return { client, usual, reads, told, keys };
  }

  // The gate has one of them with the other tests of clusters.
  describe.each(EACH_LIBRARY)("%s", (name, library) => {
    test("changes on every master are reported before the next confirmation", async () => {
      const { usual, reads, told, keys } = await track(library, `${name}-each`);
      expect(await trackers()).toBe(2 * cluster.nodes.length);
      for (const key of keys) await usual.command(["SET", key, "x"], within(), key);
      await reads.pingAll(within());
      expect(told.toSorted()).toEqual(keys.toSorted());
      await usual.close();
      await vi.waitFor(async () => expect(await trackers()).toBe(0));
    });

    test("when one of the reports' connections is killed, that is told, and the next one reports", async () => {
      const { usual, reads, told, keys } = await track(library, `${name}-kill`);
      await cluster.nodes[0]?.command("CLIENT", "KILL", "TYPE", "pubsub");
      await vi.waitFor(() => expect(told).toEqual(["end"]));
      await vi.waitFor(() => sendToEach(reads, keys));
      told.length = 0;
      for (const key of keys) await usual.command(["SET", key, "x"], within(), key);
      await reads.pingAll(within());
      expect(told.toSorted()).toEqual(keys.toSorted());
    });

    test("a value whose slot has moved is not served for longer than a heartbeat and a look at the slots", async () => {
      const [from, to] = cluster.nodes;
      if (from === undefined || to === undefined) throw new Error("the cluster has too few nodes");
      const client = ioredisClusterForTest(library, cluster.nodes);
      const redis = new RedisRegistry({ default: { client } });
      onTestFinished(() => redis.close());
      const context = { redis, clock: systemClock, values: "text" } as const;
      const store = tieredCacheStore({ maxStale: "1s" })(context);
      onTestFinished(() => store.close());
      const key = keyOn(cluster, from, `${name}-moved`);
      await store.set({ key, value: "old", ttl: null }, "always", within());
      expect(await store.get(key, within())).toBe("old");
      await cluster.moveSlot(slotOf(key), from, to);
      onTestFinished(() => cluster.moveSlot(slotOf(key), to, from));
      await to.command("SET", key, "new");
      const changedAt = performance.now();
      let oldAt = changedAt;
      for (let now = changedAt; now < changedAt + 3000; now = performance.now()) {
        if ((await store.get(key, within())) === "old") oldAt = now;
        await pause(5);
      }
      expect(oldAt - changedAt).toBeLessThan(1000 + 1000 + MARGIN);
      await to.command("SET", key, "newest");
      await vi.waitFor(async () => expect(await store.get(key, within())).toBe("newest"), { timeout: 250 });
    });
  });
});
