import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { slotOf } from "../../../src/redis/key-slot.ts";
import type { RedisConnection } from "../../../src/redis/connection.ts";
import { RedisScript } from "../../../src/redis/script.ts";
import { EACH_LIBRARY, ioredisClusterForTest } from "../../support/ioredis-clients.ts";
import type { RedisCluster } from "../../support/redis-cluster.ts";
import {
  connectionForTest,
  errorOf,
  expectConnectionError,
  expectServiceError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { clusterForTest, keyOn, keysOnEach, sendToEach } from "./cluster-support.ts";

const INCR = new RedisScript("incr", "return redis.call('INCRBY', KEYS[1], ARGV[1])");
const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5");

describe.each(libraries)("a cluster client of %s that the application has made", (_name, library) => {
  /** Other processes may occupy the machine while it connects. */
  const connectTo = (cluster: RedisCluster): RedisConnection =>
    connectionForTest({ client: ioredisClusterForTest(library, cluster.nodes), connectTimeout: "20s" });

  describeWithRedis("whose slots move", () => {
    test("follows MOVED and ASK", async () => {
      const cluster = await clusterForTest(3);
      const [from, to] = cluster.nodes as [RedisServer, RedisServer];
      const connection = connectTo(cluster);
      const key = keyOn(cluster, from);
      const keys = Array.from({ length: 6 }, (_, index) => `{${key}}${index}`);
      for (const each of keys) await connection.command(["SET", each, "1"], within(), each);
      await cluster.beginMove(slotOf(key), from, to);
      expect(await sendToEach(connection, keys)).toEqual(keys.map(() => "1"));
      await cluster.moveSlot(slotOf(key), from, to);
      expect(await sendToEach(connection, keys)).toEqual(keys.map(() => "1"));
      expect(await Promise.all(keys.map((each) => connection.run(INCR, [each], ["1"], within())))).toEqual(
        keys.map(() => 2),
      );
    });
  });

  if (!isSoak) return;

  describeWithRedis("whose nodes change or fail", () => {
    test("waits for a slot that is half moved: TRYAGAIN", async () => {
      const cluster = await clusterForTest(2);
      const [from, to] = cluster.nodes as [RedisServer, RedisServer];
      const connection = connectTo(cluster);
      const key = keyOn(cluster, from);
      const keys = [`{${key}}0`, `{${key}}1`, `{${key}}2`];
      for (const each of keys) await connection.command(["SET", each, "1"], within(), each);
      await cluster.beginMove(slotOf(key), from, to);
      const slow = connection.command(["MGET", ...keys], within(400), key);
      expect((await expectServiceError(slow, "not-sent")).message).toContain("with TRYAGAIN.");
      expect(await timeOf(slow)).toBeLessThan(400 + MARGIN);
      const patient = connection.command(["MGET", ...keys], within(), key);
      await cluster.moveSlot(slotOf(key), from, to);
      expect(await patient).toEqual(["1", "1", "1"]);
    });

    test("follows a slot to a node that had none", async () => {
      const cluster = await clusterForTest(3);
      const [from] = cluster.nodes as [RedisServer];
      const added = await serverForTest({ config: ["cluster-enabled yes"] });
      const connection = connectTo(cluster);
      const key = keyOn(cluster, from);
      const keys = Array.from({ length: 6 }, (_, index) => `{${key}}${index}`);
      for (const each of keys) await connection.command(["SET", each, "1"], within(), each);
      await added.command("CLUSTER", "MEET", "127.0.0.1", String(from.port));
      const knownTo = async (node: RedisServer): Promise<boolean> =>
        String(await node.command("CLUSTER", "INFO")).includes("known_nodes:4");
      for (const node of [added, ...cluster.nodes])
        await expect.poll(() => knownTo(node), { timeout: 15_000 }).toBe(true);
      const stateOf = async (): Promise<string> => String(await added.command("CLUSTER", "INFO"));
      await expect.poll(stateOf, { timeout: 15_000 }).toContain("cluster_state:ok");
      await cluster.beginMove(slotOf(key), from, added);
      expect(await sendToEach(connection, keys)).toEqual(keys.map(() => "1"));
      await cluster.moveSlot(slotOf(key), from, added);
      expect(await sendToEach(connection, keys)).toEqual(keys.map(() => "1"));
    });

    test("costs no command when a node leaves the cluster and keeps running", async () => {
      const cluster = await clusterForTest(3);
      const connection = connectTo(cluster);
      const [leaving, heir] = cluster.nodes as [RedisServer, RedisServer];
      const keys = keysOnEach(cluster);
      await sendToEach(connection, keys);
      await cluster.remove(leaving, heir);
      expect(await errorOf(leaving.command("GET", keys[0] ?? ""))).toMatchObject({
        message: "CLUSTERDOWN Hash slot not served",
      });
      for (const key of keys) expect(await connection.command(["GET", key], within(2000), key)).toBeNull();
    });

    test("costs the commands of a frozen node their deadlines, and the others nothing", async () => {
      const cluster = await clusterForTest();
      const connection = connectTo(cluster);
      const [frozenKey = "", ...others] = keysOnEach(cluster);
      await sendToEach(connection, [frozenKey, ...others]);
      cluster.nodes[0]?.freeze();
      onTestFinished(() => cluster.nodes[0]?.thaw());
      for (let round = 0; round < 5; round++) {
        const stuck = connection.command(["INCR", frozenKey], within(300), frozenKey);
        expect(await sendToEach(connection, others)).toEqual([null, null]);
        await expectConnectionError(stuck, "unknown");
        expect(await timeOf(stuck)).toBeLessThan(300 + MARGIN);
      }
      cluster.nodes[0]?.thaw();
      expect(await connection.command(["GET", frozenKey], within(), frozenKey)).toBe("5");
    });

    test("costs no command of another node when one is dead, whose own fail at once as not sent", async () => {
      const cluster = await clusterForTest();
      const connection = connectTo(cluster);
      const [deadKey = "", ...others] = keysOnEach(cluster);
      await sendToEach(connection, [deadKey, ...others]);
      await cluster.nodes[0]?.kill();
      await sleep(100);
      for (let round = 0; round < 5; round++) {
        const failing = connection.command(["INCR", deadKey], within(), deadKey);
        expect((await expectConnectionError(failing, "not-sent")).message).toContain("ECONNREFUSED");
        expect(await sendToEach(connection, others)).toEqual([null, null]);
      }
      await cluster.nodes[0]?.restart();
      await expect
        .poll(() => connection.command(["GET", deadKey], within(1000), deadKey).catch(() => "down"), {
          timeout: 15_000,
        })
        .toBeNull();
    });

    test.each([
      { kind: "FAILOVER", options: [], most: 0 },
      { kind: "TAKEOVER", options: ["TAKEOVER"], most: 100 },
    ])("costs no command when a replica takes over by $kind", async ({ options, most }) => {
      const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 5000 });
      const [first] = cluster.nodes as [RedisServer];
      const connection = connectTo(cluster);
      const key = keyOn(cluster, first);
      await first.command("SET", key, "0");
      expect(await first.command("WAIT", "1", "5000")).toBe(1);
      await connection.command(["GET", key], within(), key);
      await cluster.replicas[0]?.command("CLUSTER", "FAILOVER", ...options);
      let count = 0;
      for (const end = performance.now() + 3000; performance.now() < end; await sleep(5)) {
        await connection.command(["INCR", key], within(1000), key);
        count++;
      }
      const lost = count - Number(await connection.command(["GET", key], within(), key));
      expect(lost).toBeGreaterThanOrEqual(0);
      expect(lost).toBeLessThanOrEqual(most);
    });

    test.each(["killed", "frozen"])(
      "heals by itself when a master is %s, and nothing is executed twice",
      async (fate) => {
        const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 1000 });
        const [first] = cluster.nodes as [RedisServer];
        const connection = connectTo(cluster);
        const key = keyOn(cluster, first);
        await first.command("SET", key, "0");
        expect(await first.command("WAIT", "1", "5000")).toBe(1);
        await connection.command(["GET", key], within(), key);
        if (fate === "killed") await first.kill();
        else first.freeze();
        onTestFinished(() => first.thaw());
        await expect
          .poll(() => connection.command(["GET", key], within(500), key).catch(() => "down"), {
            timeout: 20_000,
          })
          .toBe("0");
        await Promise.all(
          Array.from({ length: 100 }, () => connection.command(["INCR", key], within(1000), key)),
        );
        expect(await connection.command(["GET", key], within(), key)).toBe("100");
      },
    );
  });

  describeWithRedis("whose nodes announce addresses at which they cannot be reached", () => {
    test.each(["an object", "a function"])("is led by its natMap, given as %s", async (form) => {
      const configOf = (index: number): string[] => [
        `cluster-announce-hostname node${index}.invalid`,
        "cluster-preferred-endpoint-type hostname",
      ];
      const cluster = await clusterForTest(3, { configOf });
      const addresses = Object.fromEntries(
        cluster.nodes.map(({ port }, index) => [`node${index}.invalid:${port}`, { host: "127.0.0.1", port }]),
      );
      const natMap = form === "an object" ? addresses : (address: string) => addresses[address];
      const client = ioredisClusterForTest(library, cluster.nodes, { natMap });
      const connection = connectionForTest({ client, connectTimeout: "20s" });
      expect(await sendToEach(connection, keysOnEach(cluster))).toEqual([null, null, null]);
      const slot = String(slotOf(keyOn(cluster, cluster.nodes[0] as RedisServer)));
      await cluster.assign([slot], cluster.nodes[1] as RedisServer, cluster.nodes.toReversed());
      expect(await sendToEach(connection, keysOnEach(cluster))).toEqual([null, null, null]);
    });
  });
});
