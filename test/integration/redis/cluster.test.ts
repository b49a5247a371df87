import { setTimeout as sleep } from "node:timers/promises";
import { createCluster } from "@redis/client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisConnectionError } from "../../../src/core/errors.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { slotOf } from "../../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { Sessions } from "../../../src/session/sessions.ts";
import { redisSessionStore } from "../../../src/stores/redis/index.ts";
import { CACHE_INCR as INCR } from "../../../src/stores/redis/scripts/scripts.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import type { UserIndex } from "../../../src/stores/user-index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { EACH_LIBRARY, ioredisClusterForTest, LIBRARIES } from "../../support/ioredis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  within,
} from "../../support/redis-connections.ts";
import { describeWithRedis, freePort, type RedisServer } from "../../support/redis-server.ts";
import { isSoak } from "../../support/scale.ts";
import { Browser, type Data } from "../../support/session-harness.ts";
import { clusterForTest, collect, keysOnEach, later, sendToEach } from "./cluster-support.ts";

/** Each test has records of its own, and many wait for something to expire. */
const concurrently = { describe, it: test.concurrent };

describeWithRedis("on a cluster", () => {
  let cluster: RedisCluster;
  let redis: RedisRegistry;
  let projects = 0;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    redis = new RedisRegistry({ default: { cluster: cluster.urls, connectTimeout: "20s" } });
  });

  afterAll(async () => {
    await redis?.close();
    await cluster?.stop();
  });

  const openStore = (): SessionStore =>
    redisSessionStore()({ projectName: `project${++projects}`, redis, clock: systemClock });

  describeSessionStore(concurrently, "redis on a cluster", {
    hasWatch: true,
    open: () => ({ store: openStore() }),
  });

  describe("a connection", () => {
    test("sends a command to the node of its key", async () => {
      const connection = connectionForTest({ cluster: cluster.urls });
      for (const [index, key] of keysOnEach(cluster, "routed").entries()) {
        await connection.command(["SET", key, "value"], within(), key);
        expect(await cluster.nodes[index]?.command("EXISTS", key)).toBe(1);
        expect(await cluster.nodes[index]?.command("CLUSTER", "KEYSLOT", key)).toBe(slotOf(key));
      }
      expect(await connection.command(["PING"], within())).toBe("PONG");
    });

    test("needs one node of its settings only, and is open when the others are not there", async () => {
      const [url = ""] = cluster.urls;
      const dead = `redis://127.0.0.1:${await freePort()}`;
      const connection = connectionForTest({ cluster: [dead, dead, dead, url] });
      expect(await sendToEach(connection, keysOnEach(cluster, "absent"))).toEqual([null, null, null]);
    });

    test("without any of them is reported at once and as not sent", async () => {
      const connection = connectionForTest({ cluster: [`redis://127.0.0.1:${await freePort()}`] });
      const error = await expectConnectionError(
        connection.command(["GET", "key"], within(), "key"),
        "not-sent",
      );
      expect(error.message).toContain("ECONNREFUSED");
    });

    test("commands with keys in several slots are refused as not sent", async () => {
      const connection = connectionForTest({ cluster: cluster.urls });
      const keys = keysOnEach(cluster, "many");
      const error = await expectServiceError(
        connection.command(["MGET", ...keys], within(), keys[0]),
        "not-sent",
      );
      expect(error.message).toContain("with CROSSSLOT. The keys lie in different slots of the cluster.");
    });

    test("follows a key whose slot has moved to another node", async () => {
      const moving = await clusterForTest(2);
      const [from, to] = moving.nodes as [RedisServer, RedisServer];
      const connection = connectionForTest({ cluster: moving.urls });
      const [key, slot] = ["moving", String(slotOf("moving"))];
      const [source, target] = moving.nodeOf(key) === from ? [from, to] : [to, from];
      await connection.command(["SET", key, "value"], within(), key);
      await connection.run(INCR, ["{moving}n"], ["1"], within());
      const id = String(await target.command("CLUSTER", "MYID"));
      await target.command(
        "CLUSTER",
        "SETSLOT",
        slot,
        "IMPORTING",
        String(await source.command("CLUSTER", "MYID")),
      );
      await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", id);
      await source.command("MIGRATE", "127.0.0.1", String(target.port), key, "0", "5000");
      expect(await connection.command(["GET", key], within(), key)).toBe("value");
      for (const node of [target, source]) await node.command("CLUSTER", "SETSLOT", slot, "NODE", id);
      expect(await connection.command(["GET", key], within(), key)).toBe("value");
      // The script was loaded on the old node only.
      await connection.command(["SET", "{moving}n", "1"], within(), "{moving}n");
      expect(await connection.run(INCR, ["{moving}n"], ["1"], within())).toBe("2");
    });

    test("logs in to every node, and a wrong password is an error that says so", async () => {
      const password = "p@ss";
      const locked = await clusterForTest(2, { password });
      const connection = connectionForTest({ cluster: locked.urls, password });
      expect(await sendToEach(connection, keysOnEach(locked))).toEqual([null, null]);
      const wrong = connectionForTest({ cluster: locked.urls, password: "hunter2" });
      const error = await expectServiceError(wrong.command(["PING"], within()), "not-sent");
      expect(error.message).toContain("Redis answered PING with WRONGPASS.");
      expect(String(error.cause)).not.toContain("hunter2");
    });

    test("close() leaves no connection behind", async () => {
      const registry = new RedisRegistry({ default: { cluster: cluster.urls } });
      const before = await clientCounts(cluster);
      await sendToEach(registry.get(), keysOnEach(cluster));
      expect(await clientCounts(cluster)).toEqual(before.map((count) => count + 1));
      await registry.close();
      await expect.poll(() => clientCounts(cluster)).toEqual(before);
    });
  });

  describe("a script", () => {
    test("is loaded once a node", async () => {
      const monitors = await Promise.all(cluster.nodes.map((node) => node.monitor()));
      onTestFinished(() => monitors.forEach((monitor) => monitor.stop()));
      const connection = connectionForTest({ cluster: cluster.urls });
      const keys = keysOnEach(cluster, "script");
      for (let round = 0; round < 3; round++) {
        for (const key of keys) await connection.run(INCR, [key], ["1"], within());
      }
      for (const monitor of monitors) {
        const commands = (await monitor.take()).filter((command) => command.startsWith("EVAL"));
        expect(commands).toEqual(["EVAL", "EVALSHA", "EVALSHA"]);
      }
    });

    test("that all nodes have forgotten (SCRIPT FLUSH) is loaded again; no run is lost or doubled", async () => {
      const connection = connectionForTest({ cluster: cluster.urls });
      const keys = keysOnEach(cluster, "flushed");
      for (const key of keys) await connection.command(["SET", key, "0"], within(), key);
      for (const key of keys) await connection.run(INCR, [key], ["1"], within());
      await cluster.onEach("SCRIPT", "FLUSH");
      const runs = keys.flatMap((key) =>
        Array.from({ length: 30 }, () => connection.run(INCR, [key], ["1"], within())),
      );
      await Promise.all(runs);
      expect(await sendToEach(connection, keys)).toEqual(["31", "31", "31"]);
    });
  });

  describe("a walk over the keys", () => {
    test("visits every master, each key once", async () => {
      const connection = connectionForTest({ cluster: cluster.urls });
      const keys = Array.from({ length: 300 }, (_, number) => `walked${number}`);
      await Promise.all(keys.map((key) => connection.command(["SET", key, "value"], within(), key)));
      const found = await collect(connection.scanKeys("walked*", 20, later));
      expect(found.toSorted()).toEqual(keys.toSorted());
    });

    test("fails when a node does not answer, for its keys would be missing", async () => {
      const freezing = await clusterForTest(2);
      const connection = connectionForTest({ cluster: freezing.urls });
      const pages = connection.scanKeys("*", 10, () => within(300));
      await pages.next();
      for (const node of freezing.nodes) node.freeze();
      await expect(collect(pages)).rejects.toBeInstanceOf(RedisConnectionError);
    });
  });

  describe("a cluster client that the application has made", () => {
    const quietly = { disableOfflineQueue: true };

    async function clientForTest() {
      const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })), defaults: quietly });
      client.on("error", () => {});
      await client.connect();
      onTestFinished(() => client.destroy());
      return client;
    }

    test("is used as it is, and stays open when the registry closes", async () => {
      const client = await clientForTest();
      const registry = new RedisRegistry({ default: { client } });
      const connection = registry.get();
      const keys = keysOnEach(cluster, "given");
      for (const key of keys) await connection.command(["SET", key, "1"], within(), key);
      for (const key of keys) expect(await connection.run(INCR, [key], ["1"], within())).toBe("2");
      const found = await collect(connection.scanKeys("given*", 1000, later));
      expect(found.toSorted()).toEqual(keys.toSorted());
      await registry.close();
      expect(await client.get(keys[0] ?? "")).toBe("2");
    });

    const options = [{}, { lazyConnect: true }, { scaleReads: "all" }, { enableAutoPipelining: true }];
    const cases = EACH_LIBRARY.flatMap(([name, library]) => options.map((each) => ({ name, library, each })));
    test.each(isSoak ? cases : cases.slice(0, 1))(
      "of $name is used as it is, and stays open when the registry closes, with $each",
      async ({ library, each }) => {
        const client = ioredisClusterForTest(library, cluster.nodes, each);
        const registry = new RedisRegistry({ default: { client, connectTimeout: "20s" } });
        const connection = registry.get();
        const keys = keysOnEach(cluster, `ioredis${++projects}-`);
        for (const key of keys) expect(await connection.command(["SET", key, "1"], within(), key)).toBe("OK");
        for (const key of keys) expect(await connection.run(INCR, [key], ["1"], within())).toBe("2");
        const found = await collect(connection.scanKeys(`ioredis${projects}-*`, 1000, later));
        expect(found.toSorted()).toEqual(keys.toSorted());
        await connection.pingAll(within());
        await registry.close();
        expect(await client.get(keys[0] ?? "")).toBe("2");
      },
    );

    test("of ioredis reports changes on every master, over two connections to each", async () => {
      const client = ioredisClusterForTest(LIBRARIES["ioredis 5"], cluster.nodes);
      const connection = connectionForTest({ client, connectTimeout: "20s" });
      const told: string[] = [];
      const onLinkEnd = (): void => void told.push("end");
      const reads = connection.tracking({ onChange: (key = "all") => void told.push(key), onLinkEnd });
      const keys = keysOnEach(cluster, "tracked");
      await sendToEach(reads, keys);
      told.length = 0;
      for (const key of keys) await connection.command(["SET", key, "x"], within(), key);
      await reads.pingAll(within());
      expect(told.toSorted()).toEqual(keys.toSorted());
    });

    test("that was never connected is refused at once, one that is connecting is waited for", async () => {
      const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })), defaults: quietly });
      const connection = connectionForTest({ client });
      const error = await expectConnectionError(connection.command(["PING"], within()), "not-sent");
      expect(error.message).toContain("call its connect() first");
      const connected = client.connect();
      onTestFinished(() => client.destroy());
      await sleep(60);
      expect(await connection.command(["PING"], within())).toBe("PONG");
      await connected;
    });
  });

  describe("sessions", () => {
    function open(settings: object = {}): { sessions: Sessions<Data>; store: SessionStore } {
      let store: SessionStore | undefined;
      const sojourn = createSojourn<Data>({
        projectName: `project${++projects}`,
        secretKey: "a secret of the tests, long enough",
        redis: { session: { cluster: cluster.urls } },
        sessions: { ...settings, store: (context) => (store = redisSessionStore()(context)) },
      });
      onTestFinished(() => sojourn.close());
      if (store === undefined) throw new Error("createSojourn made no store");
      return { sessions: sojourn.sessions, store };
    }

    async function listOf(sessions: Sessions<Data>, userId: number): Promise<unknown[]> {
      const listed: unknown[] = [];
      for await (const session of sessions.ofUser(userId)) listed.push(session);
      return listed;
    }

    async function keysOf(store: SessionStore): Promise<string[]> {
      const keys: string[] = [];
      for await (const key of store.scan(later)) keys.push(key);
      return keys;
    }

    test("are spread over the nodes, read, changed and ended", async () => {
      const { sessions, store } = open();
      const browsers = Array.from({ length: 30 }, () => new Browser(sessions));
      await Promise.all(browsers.map((browser) => browser.request((session) => (session.data["n"] = 1))));
      await Promise.all(browsers.map((browser) => browser.request((session) => session.data["n"]++)));
      for (const browser of browsers) expect(await browser.request((session) => session.data["n"])).toBe(2);
      const prefix = `project${projects}:session:`;
      const nodes = (await keysOf(store)).map((key) => cluster.nodeOf(prefix + key));
      expect(nodes).toHaveLength(30);
      expect(new Set(nodes).size).toBe(3);
      for (const browser of browsers) await browser.request((session) => session.logout());
      expect(await keysOf(store)).toEqual([]);
    });

    describe.each(["login", "cycleKey"] as const)("20 of %s in flight when the user is revoked", (act) => {
      test.each([
        ["in the order of their coming", (waiting: unknown[]) => waiting],
        ["in the reverse order", (waiting: unknown[]) => waiting.toReversed()],
        ["every other one first", evenFirst],
      ] as const)("are dead, also when they go on %s", async (_order, order) => {
        const { sessions, store } = open();
        const browsers = Array.from({ length: 20 }, () => new Browser(sessions));
        for (const browser of browsers) {
          await browser.request(async (session) => {
            if (act === "cycleKey") await session.login(1);
            else session.data["a"] = 1;
          });
        }
        const held = holdChecks(indexOf(store));
        const requests = browsers.map((browser) => browser.begin());
        const acts = requests.map(async (request) => {
          const session = await request.session();
          await (act === "login" ? session.login(1) : session.cycleKey());
        });
        const outcomes = Promise.allSettled(acts);
        await expect.poll(() => held.arrived()).toBe(20);
        await sessions.revokeUser(1);
        await held.release(order as (waiting: (() => void)[]) => (() => void)[]);
        expect(new Set((await outcomes).map(({ status }) => status))).toStrictEqual(new Set(["rejected"]));
        await Promise.all(requests.map((request) => request.finish(500)));
        expect(await listOf(sessions, 1)).toStrictEqual([]);
        // A login that was undone leaves the visitor as he was.
        expect(await keysOf(store)).toHaveLength(act === "login" ? 20 : 0);
        for (const browser of browsers) {
          expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
        }
      });
    });

    test("maxPerUser holds under 50 parallel logins", async () => {
      const { sessions, store } = open({ maxPerUser: 5 });
      const browsers = Array.from({ length: 50 }, () => new Browser(sessions));
      const outcomes = await Promise.allSettled(
        browsers.map((browser) => browser.request((session) => session.login(1))),
      );
      expect(await keysOf(store)).toHaveLength(5);
      expect(await listOf(sessions, 1)).toHaveLength(5);
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        expect(outcome.reason).toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
      }
    });

    test("revokeUser with scan finds sessions on every master that no list has", async () => {
      const { sessions, store } = open();
      const browsers = Array.from({ length: 12 }, () => new Browser(sessions));
      for (const browser of browsers) await browser.request((session) => session.login(1));
      await new Browser(sessions).request((session) => session.login(2));
      const { sessions: listed } = await indexOf(store).page("1", { after: undefined, limit: 200 }, later());
      const prefix = `project${projects}:session:`;
      expect(new Set(listed.map(({ key }) => cluster.nodeOf(prefix + key))).size).toBeGreaterThan(1);
      await indexOf(store).remove(
        "1",
        listed.map(({ key }) => ({ key })),
        later(),
      );
      expect(await sessions.revokeUser(1)).toBe(0);
      expect(await sessions.revokeUser(1, { scan: true })).toBe(12);
      expect(await keysOf(store)).toHaveLength(1);
    });
  });
});

function indexOf({ users }: SessionStore): UserIndex {
  if (users === undefined) throw new Error("the store has no index");
  return users;
}

/** Holds the last step of creations until the test lets them go, one after the other. */
function holdChecks(index: UserIndex): {
  arrived: () => number;
  release: (order: (waiting: (() => void)[]) => (() => void)[]) => Promise<void>;
} {
  const original = index.check.bind(index);
  const waiting: (() => void)[] = [];
  let isOpen = false;
  index.check = async (...args) => {
    if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
    return original(...args);
  };
  return {
    arrived: () => waiting.length,
    async release(order) {
      isOpen = true;
      for (const go of order(waiting.splice(0))) {
        go();
        await new Promise(setImmediate);
      }
    },
  };
}

function evenFirst<Item>(items: readonly Item[]): Item[] {
  return [...items.filter((_, index) => index % 2 === 0), ...items.filter((_, index) => index % 2 === 1)];
}

/** How many clients are connected to each node. */
async function clientCounts(cluster: RedisCluster): Promise<number[]> {
  const lists = await cluster.onEach("CLIENT", "LIST", "TYPE", "normal");
  return lists.map((list) => String(list).trim().split("\n").length);
}
