import { setTimeout as sleep } from "node:timers/promises";
import { readFileSync } from "node:fs";
import { createCluster } from "@redis/client";
import { expect, onTestFinished, test } from "vitest";

import type { RedisConnection } from "../../../src/redis/connection.ts";
import { slotOf } from "../../../src/redis/key-slot.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { ClusterBus } from "../../support/cluster-bus.ts";
import { RedisCluster, type RedisClusterOptions } from "../../support/redis-cluster.ts";
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

async function clusterForTest(count: number, options?: RedisClusterOptions): Promise<RedisCluster> {
  const cluster = await RedisCluster.start(count, options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

function keyOn(cluster: RedisCluster, index: number): string {
  for (let number = 0; ; number++) {
    if (cluster.nodeOf(`key${number}`) === cluster.nodes[index]) return `key${number}`;
  }
}

const keysOnEach = (cluster: RedisCluster): string[] =>
  cluster.nodes.map((_, index) => keyOn(cluster, index));

async function readEach(connection: RedisConnection, keys: readonly string[]): Promise<unknown[]> {
  return Promise.all(keys.map((key) => connection.command(["GET", key], within(1000), key)));
}

/** Connections that each node has accepted, without those of the test. */
async function acceptedBy(server: RedisServer): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(String(await server.command("INFO", "stats")))?.[1]);
}

async function givenClient(cluster: RedisCluster): Promise<RedisConnectionSettings> {
  const client = createCluster({
    rootNodes: cluster.urls.map((url) => ({ url })),
    defaults: { disableOfflineQueue: true },
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return { client };
}

describeWithRedis("a node that leaves the cluster and keeps running", () => {
  test("costs no command", async () => {
    const cluster = await clusterForTest(3);
    const connection = connectionForTest({ cluster: cluster.urls });
    const keys = await withoutFirst(cluster, connection);
    expect(await readEach(connection, keys)).toEqual([null, null, null]);
  });

  test("costs no command with a client of the application, which ends what is outstanding there", async () => {
    const cluster = await clusterForTest(3);
    const connection = connectionForTest(await givenClient(cluster));
    const keys = await withoutFirst(cluster, connection);
    for (const key of keys) expect(await connection.command(["GET", key], within(2000), key)).toBeNull();
  });

  /** Lets the first node leave. Returns keys that were on each node. */
  async function withoutFirst(cluster: RedisCluster, connection: RedisConnection): Promise<string[]> {
    const [leaving, heir] = cluster.nodes as [RedisServer, RedisServer];
    const keys = keysOnEach(cluster);
    await readEach(connection, keys);
    await cluster.remove(leaving, heir);
    expect(await errorOf(leaving.command("GET", keys[0] ?? ""))).toMatchObject({
      message: "CLUSTERDOWN Hash slot not served",
    });
    return keys;
  }

  test("is no answer to the question for the others: the next node of the settings is asked", async () => {
    const cluster = await clusterForTest(2);
    const stray = await serverForTest({ config: ["cluster-enabled yes"] });
    for (let round = 0; round < 4; round++) {
      const connection = connectionForTest({ cluster: [stray.url, ...cluster.urls] });
      expect(await readEach(connection, keysOnEach(cluster))).toEqual([null, null]);
    }
    const error = await expectConnectionError(
      connectionForTest({ cluster: [stray.url] }).command(["GET", "key"], within(), "key"),
      "not-sent",
    );
    expect(error.message).toContain("belongs to no cluster");
  });
});

describeWithRedis("a slot on its way to another node", () => {
  test.each([
    ["with a connection of its own", (cluster: RedisCluster) => Promise.resolve({ cluster: cluster.urls })],
    ["with a client of the application", givenClient],
  ])("makes commands of several keys wait until it has arrived, %s", async (_title, settingsFor) => {
    const cluster = await clusterForTest(2);
    const connection = connectionForTest(await settingsFor(cluster));
    const key = keyOn(cluster, 0);
    const [here, there] = [`{${key}}here`, `{${key}}there`];
    for (const each of [here, there]) await connection.command(["SET", each, each], within(), each);
    const arrive = await beginMoving(cluster, slotOf(key), there);
    const slow = connection.command(["MGET", here, there], within(400), here);
    const error = await expectServiceError(slow, "not-sent");
    expect(await timeOf(slow)).toBeLessThan(400 + MARGIN);
    expect(error.message).toContain("with TRYAGAIN.");
    const patient = connection.command(["MGET", here, there], within(5000), here);
    await sleep(300);
    await arrive(here);
    expect(await patient).toEqual([here, there]);
  });

  test("does not hold up commands of one key, wherever that is", async () => {
    const cluster = await clusterForTest(2);
    const connection = connectionForTest({ cluster: cluster.urls });
    const key = keyOn(cluster, 0);
    const [here, there] = [`{${key}}here`, `{${key}}there`];
    for (const each of [here, there]) await connection.command(["SET", each, each], within(), each);
    await beginMoving(cluster, slotOf(key), there);
    expect(await readEach(connection, [here, there])).toEqual([here, there]);
    const all = Array.from({ length: 100 }, (_, at) => [here, there][at % 2] ?? "");
    expect(await readEach(connection, all)).toEqual(all);
  });

  /** Moves a key to the second node, and its slot half. */
  async function beginMoving(cluster: RedisCluster, slot: number, moved: string) {
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    const migrate = (key: string) => from.command("MIGRATE", "127.0.0.1", String(to.port), key, "0", "5000");
    const [fromId, toId] = [await from.command("CLUSTER", "MYID"), await to.command("CLUSTER", "MYID")].map(
      String,
    );
    await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId ?? "");
    await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId ?? "");
    await migrate(moved);
    return async (rest: string): Promise<void> => {
      await migrate(rest);
      await cluster.assign([String(slot)], to, [to, from]);
    };
  }
});

describeWithRedis("a master that cannot be connected", () => {
  test("is reported at once and as not sent to its own commands, when the process starts while it is dead", async () => {
    const cluster = await clusterForTest(3);
    const [dead = "", ...alive] = keysOnEach(cluster);
    await cluster.nodes[0]?.kill();
    const connection = connectionForTest({ cluster: cluster.urls });
    const before = await Promise.all(cluster.nodes.slice(1).map(acceptedBy));
    const end = performance.now() + 1500;
    while (performance.now() < end) {
      const pending = connection.command(["GET", dead], within(), dead);
      const [time, error, values] = await Promise.all([
        timeOf(pending),
        expectConnectionError(pending, "not-sent"),
        readEach(connection, alive),
      ]);
      expect(time).toBeLessThan(MARGIN);
      expect(error.message).toContain("ECONNREFUSED");
      expect(values).toEqual([null, null]);
    }
    const after = await Promise.all(cluster.nodes.slice(1).map(acceptedBy));
    expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1]);
  });

  test("is waited for by its own commands alone, as not sent, when it is frozen", async () => {
    const cluster = await clusterForTest(3);
    const [frozen = "", ...others] = keysOnEach(cluster);
    cluster.nodes[0]?.freeze();
    onTestFinished(() => cluster.nodes[0]?.thaw());
    const connection = connectionForTest({ cluster: cluster.urls });
    const pending = connection.command(["GET", frozen], within(400), frozen);
    expect(await readEach(connection, others)).toEqual([null, null]);
    await expectConnectionError(pending, "not-sent");
    expect(await timeOf(pending)).toBeLessThan(400 + MARGIN);
  });

  test("that has no room for clients says so", async () => {
    const cluster = await clusterForTest(2);
    const [key = ""] = keysOnEach(cluster);
    await cluster.nodes[0]?.command("CONFIG", "SET", "maxclients", "1");
    const connection = connectionForTest({ cluster: cluster.urls.slice(1) });
    const error = await expectServiceError(connection.command(["GET", key], within(), key), "not-sent");
    expect(error.cause).toMatchObject({ message: "ERR max number of clients + cluster connections reached" });
  });

  test("since its certificate is for another name, is reported with that, and `servername` says which", async () => {
    const cluster = await clusterForTest(1, {
      tls: true,
      certificateNames: "DNS:localhost",
      config: ["tls-cluster yes", "cluster-announce-ip 127.0.0.1"],
    });
    const [node] = cluster.nodes as [RedisServer];
    const tls = { ca: readFileSync(node.certificate) };
    const urls = [`rediss://localhost:${node.port}`];
    const refused = connectionForTest({ cluster: urls, tls });
    const error = await expectConnectionError(refused.command(["GET", "key"], within(), "key"), "not-sent");
    expect(error.message).toContain("does not match certificate's altnames");
    expect(error.message).toContain("Check `ca` and `servername` of redis.default.tls.");
    const connection = connectionForTest({ cluster: urls, tls: { ...tls, servername: "localhost" } });
    expect(await connection.command(["GET", "key"], within(), "key")).toBeNull();
  });
});

describeWithRedis("a cluster that announces addresses at which it cannot be reached", () => {
  const announced = (index: number) => [
    `cluster-announce-hostname node${index}.invalid`,
    "cluster-preferred-endpoint-type hostname",
  ];

  test.each(["an object", "a function"])("is reached by `nodeAddressMap`, given as %s", async (form) => {
    const cluster = await clusterForTest(3, { configOf: announced });
    const addresses = Object.fromEntries(
      cluster.nodes.map(({ port }, index) => [`node${index}.invalid:${port}`, { host: "127.0.0.1", port }]),
    );
    const nodeAddressMap = form === "an object" ? addresses : (address: string) => addresses[address];
    const connection = connectionForTest({ cluster: cluster.urls, nodeAddressMap });
    expect(await readEach(connection, keysOnEach(cluster))).toEqual([null, null, null]);
    // Also where a key has moved to.
    const slot = String(slotOf(keyOn(cluster, 0)));
    await cluster.assign([slot], cluster.nodes[1] as RedisServer, cluster.nodes.toReversed());
    expect(await readEach(connection, keysOnEach(cluster))).toEqual([null, null, null]);
  });

  test("is not reached without it, and says which name it has announced", async () => {
    const cluster = await clusterForTest(2, { configOf: announced });
    const connection = connectionForTest({ cluster: cluster.urls.slice(0, 1) });
    const key = keyOn(cluster, 1);
    const error = await expectConnectionError(
      connection.command(["GET", key], within(5000), key),
      "not-sent",
    );
    expect(error.message).toContain("node1.invalid");
  });
});

/** The gate kills a master; elsewhere are a frozen server and one that is cut off. */
const testInSoak: (title: string, run: () => Promise<void>) => void = isSoak ? test : () => {};

describeWithRedis("a cluster of six", () => {
  // A take-over does not ask the old master, which may go on for a moment: what it takes then is lost (see
  // the guide).
  test.each([
    { kind: "FAILOVER", options: [], most: 0 },
    { kind: "TAKEOVER", options: ["TAKEOVER"], most: 100 },
  ])("costs no command when a replica takes over by $kind", async ({ options, most }) => {
    const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 5000 });
    const connection = connectionForTest({ cluster: cluster.urls });
    const key = keyOn(cluster, 0);
    await connection.command(["GET", key], within(), key);
    await cluster.nodes[0]?.command("SET", key, "0");
    expect(await cluster.nodes[0]?.command("WAIT", "1", "5000")).toBe(1);
    const replica = cluster.replicas[0] as RedisServer;
    await replica.command("CLUSTER", "FAILOVER", ...options);
    let count = 0;
    for (const end = performance.now() + 3000; performance.now() < end; await sleep(5)) {
      await connection.command(["INCR", key], within(1000), key);
      count++;
    }
    expect(String(await replica.command("ROLE"))).toMatch(/^master/);
    const lost = count - Number(await connection.command(["GET", key], within(), key));
    expect(lost).toBeGreaterThanOrEqual(0);
    expect(lost).toBeLessThanOrEqual(most);
  });

  test("heals by itself when a master is killed, and nothing is executed twice", async () => {
    const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 1000 });
    const connection = connectionForTest({ cluster: cluster.urls });
    const key = keyOn(cluster, 0);
    await connection.command(["GET", key], within(), key);
    await cluster.nodes[0]?.command("SET", key, "0");
    expect(await cluster.nodes[0]?.command("WAIT", "1", "5000")).toBe(1);
    await cluster.nodes[0]?.kill();
    await expect
      .poll(() => connection.command(["GET", key], within(500), key).catch(() => "down"), { timeout: 15_000 })
      .toBe("0");
    await Promise.all(
      Array.from({ length: 100 }, () => connection.command(["INCR", key], within(1000), key)),
    );
    expect(await connection.command(["GET", key], within(), key)).toBe("100");
  });

  testInSoak(
    "heals by itself when a master is cut off from the others, and clients still reach it",
    async () => {
      const bus = await ClusterBus.of(6);
      onTestFinished(() => bus.close());
      const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 1000, bus });
      const [lonely, ...others] = cluster.nodes as [RedisServer, ...RedisServer[]];
      const [replica] = cluster.replicas as [RedisServer];
      const connection = connectionForTest({ cluster: cluster.urls });
      const [key = "", ...further] = keysOnEach(cluster);
      await readEach(connection, [key, ...further]);
      bus.cutOff(0, String(await lonely.command("CLUSTER", "MYID")));
      const codeOf = (error: unknown): string => /^[A-Z]+/.exec((error as Error).message)?.[0] ?? "";
      await expect
        .poll(async () => codeOf(await errorOf(lonely.command("GET", key))), { timeout: 15_000 })
        .toBe("CLUSTERDOWN");
      for (const server of [replica, ...others]) {
        const stateOf = async () =>
          String(await server.command("CLUSTER", "INFO")).includes("cluster_state:ok");
        await expect.poll(stateOf, { timeout: 15_000 }).toBe(true);
      }
      await expect
        .poll(async () => String(await replica.command("ROLE")), { timeout: 15_000 })
        .toMatch(/^master/);
      expect(await connection.command(["SET", key, "1"], within(2000), key)).toBe("OK");
      expect(await readEach(connection, [key, ...further])).toEqual(["1", null, null]);
      expect(await errorOf(lonely.command("GET", key))).toMatchObject({
        message: expect.stringMatching(/^CLUSTERDOWN/),
      });
    },
  );

  testInSoak("heals by itself when a master is frozen", async () => {
    const cluster = await clusterForTest(3, { hasReplicas: true, nodeTimeout: 1000 });
    const connection = connectionForTest({ cluster: cluster.urls });
    const [key = "", ...others] = keysOnEach(cluster);
    await readEach(connection, [key, ...others]);
    cluster.nodes[0]?.freeze();
    onTestFinished(() => cluster.nodes[0]?.thaw());
    await expect
      .poll(() => connection.command(["SET", key, "1"], within(300), key).catch(() => "down"), {
        timeout: 15_000,
      })
      .toBe("OK");
    expect(await readEach(connection, [key, ...others])).toEqual(["1", null, null]);
  });
});
