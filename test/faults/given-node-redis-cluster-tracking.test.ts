import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { slotOf } from "../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../src/redis/settings.ts";
import type { CacheStore } from "../../src/stores/cache-store.ts";
import { tieredCacheStore } from "../../src/stores/tiered/index.ts";
import { keyOn, keysOnEach, sendToEach } from "../integration/redis/cluster-support.ts";
import { nodeRedisClusterForTest } from "../support/node-redis-clients.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { connectionForTest, expectConnectionError, MARGIN, within } from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";

type Options = NonNullable<Parameters<typeof nodeRedisClusterForTest>[1]>;

describeWithRedis("tracking on each master with a node-redis cluster client's options", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    return () => cluster.stop();
  });

  /** Connections to all nodes that track. */
  async function trackers(): Promise<{ node: RedisServer; id: string }[]> {
    const lists = cluster.nodes.map(async (node) => {
      const lines = String(await node.command("CLIENT", "LIST")).split("\n");
      return lines
        .filter((line) => / flags=\w*t/.test(line))
        .map((line) => ({ node, id: /^id=(\d+)/.exec(line)?.[1] ?? "" }));
    });
    return (await Promise.all(lists)).flat();
  }

  async function track(prefix: string, options: Options = {}) {
    const client = await nodeRedisClusterForTest(cluster, options);
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

  async function expectReports({ usual, reads, told, keys }: Awaited<ReturnType<typeof track>>) {
    await vi.waitFor(() => sendToEach(reads, keys), { timeout: 5000 });
    told.length = 0;
    for (const key of keys) await usual.command(["SET", key, "x"], within(), key);
    await reads.pingAll(within());
    expect(told.toSorted()).toEqual(keys.toSorted());
  }

  test.each<[string, Options]>([
    ["usual", {}],
    ["RESP 2", { RESP: 2 }],
    ["few connections", { minimizeConnections: true }],
    ["replicas", { useReplicas: true, commandOptions: { timeout: 1 } }],
  ])("changes on every master are reported before the next confirmation: %s", async (name, options) => {
    const tracked = await track(name, options);
    await expectReports(tracked);
    expect(await trackers()).toHaveLength(cluster.nodes.length);
    await tracked.usual.close();
    await vi.waitFor(async () => expect(await trackers()).toEqual([]));
  });

  test("when one of the connections is killed, that is told, and the next one reports", async () => {
    const tracked = await track("kill");
    const [first] = await trackers();
    await first?.node.command("CLIENT", "KILL", "ID", first.id);
    await vi.waitFor(() => expect(tracked.told).toContain("end"));
    await expectReports(tracked);
    expect(await trackers()).toHaveLength(cluster.nodes.length);
  });

  test("ends with the client", async () => {
    const { client, reads, told, keys } = await track("ends");
    await client.close();
    expect(told).toContain("end");
    await expectConnectionError(reads.command(["GET", keys[0] ?? ""], within(500), keys[0]), "not-sent");
    await vi.waitFor(async () => expect(await trackers()).toEqual([]));
  });

  test("waits for a client that is connecting", async () => {
    const { client } = await track("waits");
    const next = client.duplicate();
    next.on("error", () => {});
    const connecting = next.connect();
    onTestFinished(() => next.destroy());
    const reads = connectionForTest({ client: next }).tracking({ onChange: () => {}, onLinkEnd: () => {} });
    expect(await reads.command(["GET", "k"], within(), "k")).toBeNull();
    await connecting;
  });

  test("a node is reached at the address of the client's nodeAddressMap", async () => {
    const asked: string[] = [];
    const nodeAddressMap = (address: string) => {
      asked.push(address);
      return { host: "localhost", port: Number(address.split(":").at(-1)) };
    };
    const tracked = await track("mapped", { nodeAddressMap, minimizeConnections: true });
    expect(new Set(asked).size).toBe(cluster.nodes.length);
    await expectReports(tracked);
    expect(new Set(asked).size).toBe(cluster.nodes.length);
  });

  const title =
    "a value whose slot has moved is not served for longer than a heartbeat and a look at the slots";
  test.each(isSoak ? [title] : [])("%s", async () => {
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    const client = await nodeRedisClusterForTest(cluster);
    const store = openStore({ client });
    const key = keyOn(cluster, from, "moved");
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
    await vi.waitFor(async () => expect(await store.get(key, within())).toBe("newest"), { interval: 5 });
  });

  test.each(isSoak ? ["a master and its replica change places, twice", "a master dies"] : [])(
    "after a failover the promoted replica reports: %s",
    async (way) => {
      const replicated = await RedisCluster.start(3, { hasReplicas: true, nodeTimeout: 1000 });
      onTestFinished(() => replicated.stop());
      const client = await nodeRedisClusterForTest(replicated, { useReplicas: true });
      const writer = connectionForTest({ cluster: replicated.urls });
      const [master] = replicated.nodes as [RedisServer];
      const [replica] = replicated.replicas as [RedisServer];
      const key = keyOn(replicated, master, "k");
      const store = openStore({ client });
      const expectCoherence = async (value: string): Promise<void> => {
        await vi.waitFor(() => writer.command(["SET", key, value], within(500), key), { timeout: 20_000 });
        const read = (): Promise<unknown> => store.get(key, within(500));
        await vi.waitFor(async () => expect(await read()).toBe(value), { timeout: 20_000 });
        await writer.command(["SET", key, `${value} again`], within(), key);
        await vi.waitFor(async () => expect(await read()).toBe(`${value} again`), { interval: 5 });
      };
      await expectCoherence("first");
      if (way === "a master dies") {
        await master.kill();
        return expectCoherence("after its death");
      }
      for (const [index, next] of [replica, master].entries()) {
        await vi.waitFor(
          async () => {
            if (String(await next.command("ROLE")).startsWith("master")) return;
            await next.command("CLUSTER", "FAILOVER");
            throw new Error("the failover is under way");
          },
          { timeout: 30_000, interval: 1000 },
        );
        await expectCoherence(`failover ${index}`);
        // A connection for reading from replicas would go on to be served after the next failover.
        expect(String(await next.command("CLIENT", "LIST"))).not.toMatch(/ flags=\w*(tr|rt)/);
      }
    },
  );

  function openStore(settings: RedisConnectionSettings): CacheStore {
    const redis = new RedisRegistry({ default: settings });
    onTestFinished(() => redis.close());
    const store = tieredCacheStore({ maxStale: "1s" })({ redis, clock: systemClock, values: "text" });
    onTestFinished(() => store.close());
    return store;
  }
});
