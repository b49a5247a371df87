import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";

import { say } from "../../scripts/lib/project.mjs";
import { ioredisClusterForTest, LIBRARIES } from "../support/ioredis-clients.ts";
import { ClusterBus } from "../support/cluster-bus.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { RedisSentinels } from "../support/redis-sentinels.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import { type Account, Traffic } from "./traffic.ts";

const NODE_TIMEOUT = 2000;
/** How long after the servers have got over an event everything has to work again. */
const HEALING = 2000;
/** For how long it has to, then. */
const HEALED = 1000;

const ROWS = [
  "event | acknowledged | updates lost | logged out, yet back | twice | locks left | longest gap | longest request | errors",
];
/** The first message of each error. */
const MESSAGES: string[] = [];
afterAll(() => say([...ROWS.map((row) => `| ${row} |`), ...MESSAGES].join("\n")));

/** An event. When it has resolved, the servers have recovered. */
type Event<Servers> = (servers: Servers, replicas: number) => Promise<void>;

interface Cluster {
  readonly cluster: RedisCluster;
  readonly bus: ClusterBus;
}

const CLUSTER_EVENTS: Record<string, Event<Cluster>> = {
  "CLUSTER FAILOVER": async ({ cluster }) => {
    await takeOver(cluster, []);
  },
  "kill -9 of a master": async ({ cluster }, replicas) => {
    const [killed] = cluster.nodes as [RedisServer];
    const [heir] = cluster.replicas as [RedisServer];
    await killed.kill();
    await isMaster(heir);
    await allAgree(cluster, [1, 2]);
    if (replicas === 0) return;
    await killed.restart();
    await follow(heir, replicas);
  },
  "SIGSTOP of a master": async ({ cluster }) => {
    cluster.nodes[0]?.freeze();
    await isMaster(cluster.replicas[0]);
    await allAgree(cluster, [1, 2]);
    await sleep(3000);
    cluster.nodes[0]?.thaw();
    await sleep(NODE_TIMEOUT);
  },
  "CLUSTER FAILOVER TAKEOVER": async ({ cluster }) => {
    await takeOver(cluster, ["TAKEOVER"]);
  },
  "2000 slots there and back": async ({ cluster }) => {
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    for (let slot = 0; slot < 2000; slot++) await cluster.moveSlot(slot, from, to);
    for (let slot = 0; slot < 2000; slot++) await cluster.moveSlot(slot, to, from);
  },
  "an interrupted reshard": async ({ cluster }) => {
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    for (let slot = 0; slot < 1000; slot++) await cluster.beginMove(slot, from, to);
    await sleep(3000);
    for (let slot = 0; slot < 1000; slot++) await cluster.moveSlot(slot, from, to);
  },
  "del-node": async ({ cluster }) => {
    const [leaving, heir] = cluster.nodes as [RedisServer, RedisServer];
    for (let slot = 0; slot <= 5461; slot++) await cluster.moveSlot(slot, leaving, heir);
    await cluster.forget(leaving);
  },
  "a master cut off": async ({ cluster, bus }) => {
    const [lonely] = cluster.nodes as [RedisServer];
    bus.cutOff(0, String(await lonely.command("CLUSTER", "MYID")));
    await isMaster(cluster.replicas[0]);
    await allAgree(cluster, [1, 2]);
    await sleep(2000);
    bus.heal();
    await sleep(NODE_TIMEOUT);
  },
  "memory full": async ({ cluster }) => {
    await cluster.nodes[0]?.command("CONFIG", "SET", "maxmemory", "1mb");
    await sleep(3000);
    await cluster.nodes[0]?.command("CONFIG", "SET", "maxmemory", "0");
  },
};

const SENTINEL_EVENTS: Record<string, Event<RedisSentinels>> = {
  "SENTINEL FAILOVER": async (trio, replicas) => {
    const old = await trio.master();
    await trio.sentinels[0]?.command("SENTINEL", "FAILOVER", trio.name);
    await isAnother(trio, old, replicas);
  },
  "kill -9 of the master": async (trio, replicas) => {
    const old = await trio.master();
    await old.kill();
    if (replicas === 2) {
      await isAnother(trio, old, 1);
      await old.restart();
    }
    await isAnother(trio, old, replicas);
  },
};

const GATE = new Set(["CLUSTER FAILOVER", "SENTINEL FAILOVER"]);
const chosen = <Servers>(events: Record<string, Event<Servers>>): [string, Event<Servers>][] =>
  Object.entries(events).filter(([title]) => isSoak || GATE.has(title));

async function takeOver(cluster: RedisCluster, options: readonly string[]): Promise<void> {
  await cluster.replicas[0]?.command("CLUSTER", "FAILOVER", ...options);
  await isMaster(cluster.replicas[0]);
  await allAgree(cluster, [0, 1, 2]);
}

async function isMaster(server: RedisServer | undefined): Promise<void> {
  while (!String(await server?.command("ROLE")).startsWith("master")) await sleep(20);
}

/** Waits until masters say that the whole cluster serves. */
async function allAgree(cluster: RedisCluster, masters: readonly number[]): Promise<void> {
  const servers = [cluster.replicas[0], ...masters.map((index) => cluster.nodes[index])];
  for (const server of servers) {
    while (!String(await server?.command("CLUSTER", "INFO")).includes("cluster_state:ok")) await sleep(20);
  }
}

async function isAnother(trio: RedisSentinels, old: RedisServer, replicas: number): Promise<void> {
  while ((await trio.master()) === old) await sleep(20);
  const master = await trio.master();
  await isMaster(master);
  await follow(master, replicas);
}

/** Waits until so many replicas follow a master. */
async function follow(master: RedisServer, replicas: number): Promise<void> {
  const online = async (): Promise<number> =>
    String(await master.command("INFO", "replication")).split("state=online").length - 1;
  while ((await online()) < replicas) await sleep(20);
}

interface Ordeal extends Account {
  /** Whether every visitor has had a success since the servers have got over it. */
  readonly isHealed: boolean;
}

/** Lets something happen under load. */
async function endure(traffic: Traffic, happen: () => Promise<void>): Promise<Ordeal> {
  await traffic.start();
  await sleep(1000);
  await happen();
  const over = performance.now();
  await sleep(HEALING);
  const isHealed = traffic.hasHealedSince(over);
  traffic.expectNoErrors();
  await sleep(HEALED);
  return { ...(await traffic.stop()), isHealed };
}

function expectHeld(title: string, account: Ordeal, mayLose: boolean): void {
  const { acknowledged, lostUpdates, resurrections, doubled, locksLeft, longestGap, longestRequest, errors } =
    account;
  const counted = Object.entries(errors).map(([name, count]) => `${count} ${name}`);
  const cells = [acknowledged, lostUpdates, resurrections, doubled, locksLeft, `${longestGap} ms`];
  ROWS.push([title, ...cells, `${longestRequest} ms`, counted.join(", ") || "none"].join(" | "));
  MESSAGES.push(...Object.values(account.messages).map((message) => `${title}: ${message}`));
  expect(account.isHealed).toBe(true);
  expect(account.lateErrors).toEqual([]);
  expect(acknowledged).toBeGreaterThan(100);
  expect(doubled).toBe(0);
  expect(Object.keys(errors).join()).not.toContain("TRYAGAIN");
  // The deadline of an operation is a second, and a request has two.
  expect(longestRequest).toBeLessThan(2500);
  // A server that is lost takes the release of a lock with it.
  expect(LOSING.test(title) ? 0 : locksLeft - account.uncertainLocks).toBeLessThanOrEqual(0);
  // A write that no replica has may be lost; no other.
  expect(mayLose ? 0 : lostUpdates + resurrections).toBe(0);
}

/** Starts a cluster of three masters with a replica each. */
async function startCluster(): Promise<Cluster> {
  const bus = await ClusterBus.of(6);
  onTestFinished(() => bus.close());
  const config = ["cluster-migration-barrier 100"];
  const cluster = await RedisCluster.start(3, { hasReplicas: true, nodeTimeout: NODE_TIMEOUT, config, bus });
  onTestFinished(() => cluster.stop());
  return { cluster, bus };
}

/** Events that may lose acknowledged writes for which no replica was waited. */
const LOSING = /kill|STOP|TAKEOVER|cut off|SENTINEL/;

describeWithRedis("a cluster of six under load", () => {
  test.each(chosen(CLUSTER_EVENTS))("%s", async (title, happen) => {
    const servers = await startCluster();
    const account = await endure(new Traffic({ cluster: servers.cluster.urls }), () => happen(servers, 0));
    expectHeld(title, account, LOSING.test(title));
  });

  test.each(chosen(CLUSTER_EVENTS).filter(([title]) => isSoak && LOSING.test(title)))(
    "%s, with one replica waited for",
    async (title, happen) => {
      const servers = await startCluster();
      const traffic = new Traffic({ cluster: servers.cluster.urls }, { replicas: 1, commits: true });
      const account = await endure(traffic, () => happen(servers, 1));
      expectHeld(`${title}, 1 waited for`, account, true);
    },
  );

  test.each(isSoak ? Object.entries(CLUSTER_EVENTS) : [])(
    "%s, with a client of ioredis",
    async (title, happen) => {
      const servers = await startCluster();
      const client = ioredisClusterForTest(LIBRARIES["ioredis 5"], servers.cluster.nodes);
      const account = await endure(new Traffic({ client }), () => happen(servers, 0));
      expectHeld(`${title}, ioredis`, account, LOSING.test(title));
    },
  );

  test("a process that starts while a master is dead", async () => {
    const { cluster } = await startCluster();
    await cluster.nodes[0]?.kill();
    const account = await endure(new Traffic({ cluster: cluster.urls }), async () => {
      await isMaster(cluster.replicas[0]);
      await allAgree(cluster, [1, 2]);
    });
    expectHeld("a process that starts while a master is dead", account, false);
  });
});

/** How many of the two replicas are waited for. That both are, loses nothing; one may be the other one. */
const WAITED = isSoak ? [0, 1, 2] : [2];

describeWithRedis("a master with two replicas behind three sentinels under load", () => {
  describe.each(WAITED)("with %i replicas waited for", (replicas) => {
    test.each(chosen(SENTINEL_EVENTS))("%s", async (title, happen) => {
      const trio = await RedisSentinels.start();
      onTestFinished(() => trio.stop());
      const traffic = new Traffic(
        { sentinels: trio.addresses, name: trio.name },
        replicas === 0 ? undefined : { replicas, commits: true },
      );
      const account = await endure(traffic, () => happen(trio, replicas));
      expectHeld(`${title}, ${replicas} waited for`, account, replicas < 2);
    });
  });

  test.each(isSoak ? Object.entries(SENTINEL_EVENTS) : [])(
    "%s, with a client of ioredis",
    async (title, happen) => {
      const trio = await RedisSentinels.start();
      onTestFinished(() => trio.stop());
      const { Redis } = LIBRARIES["ioredis 5"];
      const client = new Redis({ sentinels: trio.addresses, name: trio.name, failoverDetector: true });
      client.on("error", () => {});
      onTestFinished(() => client.disconnect());
      const account = await endure(new Traffic({ client }), () => happen(trio, 0));
      expectHeld(`${title}, ioredis`, account, true);
    },
  );
});
