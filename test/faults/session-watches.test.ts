import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { newSessionKey, type SessionKey } from "../../src/core/ids.ts";
import { slotOf } from "../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../src/redis/settings.ts";
import { redisSessionStore } from "../../src/stores/redis/index.ts";
import { EACH_LIBRARY, ioredisClusterForTest } from "../support/ioredis-clients.ts";
import { nodeRedisClusterForTest } from "../support/node-redis-clients.ts";
import { buildProgram } from "../support/program.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { MARGIN, within } from "../support/redis-connections.ts";
import { RedisSentinels } from "../support/redis-sentinels.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import type { TcpProxy } from "./tcp-proxy.ts";
import {
  type Ending,
  type Kind,
  expectEndsAcrossFailover,
  logIn,
  openBoth,
  openOn,
  openSocket,
  reasonsOf,
  SECOND,
  SILENCE,
  UNNOTICED,
  waitForEnd,
} from "./watched-sessions.ts";

/** Longest time until a slot is found to have moved: heartbeat, and the gap between two looks at all. */
const MOVED = 2000 + 1000 + SECOND;

const run = promisify(execFile);
let program: string;

beforeAll(async () => {
  program = await buildProgram(new URL("ending-process.ts", import.meta.url));
});

async function cut(proxy: TcpProxy): Promise<void> {
  await proxy.close();
}

describeWithRedis("a watch of sessions on Redis", () => {
  test.each([
    ["revokeUser", "revoked"],
    ["logout", "logout"],
  ] as const)("%s in another process is told to each socket within a second", async (how, reason) => {
    const { server, here } = await openBoth();
    const { cookieHeader = "" } = await logIn(here, 7);
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(here, cookieHeader)));
    const other = await openSocket(here, (await logIn(here, 8)).cookieHeader);
    const { stdout } = await run(process.execPath, [program, String(server.port), "7", cookieHeader, how]);
    const { begin, end } = JSON.parse(stdout) as { begin: number; end: number };
    for (const told of sockets) {
      await waitForEnd(told, SECOND);
      expect(told[0]?.reason).toBe(reason);
      expect(told[0]?.at).toBeGreaterThanOrEqual(begin);
      expect(told[0]?.at).toBeLessThan(end + SECOND);
    }
    expect(other).toStrictEqual([]);
  });

  describe.each<Kind>(isSoak ? ["strings", "buckets"] : ["strings"])("in %s", (kind) => {
    test("a connection that is cut is told of once; what ended meanwhile is told within a second after it is back", async () => {
      const { proxy, here, elsewhere } = await openBoth({ kind });
      const failures = vi.fn();
      here.on("watchFailed", failures);
      const sessions = [await logIn(here, 7), await logIn(here, 8), await logIn(here, 9)];
      const [ended, after, alive] = await Promise.all(
        sessions.map(({ cookieHeader }) => openSocket(here, cookieHeader)),
      );
      await sleep(SILENCE);
      await cut(proxy);
      await elsewhere.revokeUser(7);
      await sleep(1500);
      expect(ended).toStrictEqual([]);
      expect(failures).toHaveBeenCalledOnce();
      await proxy.admit();
      await waitForEnd(ended ?? [], SECOND + 250);
      expect(reasonsOf(ended ?? [])).toStrictEqual(["revoked"]);
      await elsewhere.revokeUser(8);
      await waitForEnd(after ?? [], SECOND);
      expect(alive).toStrictEqual([]);
      expect(failures).toHaveBeenCalledOnce();
    });

    test("an expiry is told when it comes, and a deletion by another program as a revocation", async () => {
      const { server, here, elsewhere } = await openBoth({ kind });
      const session = await elsewhere.create({ a: 1 });
      session.setExpiry(2);
      await session.save();
      const begin = Date.now();
      const expired = await openSocket(here, session.cookieHeader);
      const deleted = await openSocket(here, (await elsewhere.create({ a: 1 })).cookieHeader);
      await waitForEnd(expired, 4000);
      expect(reasonsOf(expired)).toStrictEqual(["expired"]);
      expect((expired[0]?.at ?? 0) - begin).toBeLessThan(2000 + (kind === "buckets" ? SECOND : 0) + SECOND);
      expect(deleted).toStrictEqual([]);
      await server.command("FLUSHALL");
      await waitForEnd(deleted, SECOND);
      expect(reasonsOf(deleted)).toStrictEqual(["revoked"]);
    });
  });

  test("a connection that is dropped silently is missed within seconds, and no end is lost", async () => {
    const { proxy, here, elsewhere } = await openBoth({ deadline: "1s" });
    const told = await openSocket(here, (await logIn(here, 7)).cookieHeader);
    await sleep(SILENCE);
    proxy.halfOpen();
    await elsewhere.revokeUser(7);
    await waitForEnd(told, UNNOTICED + 4 * SECOND);
    expect(reasonsOf(told)).toStrictEqual(["revoked"]);
  });

  test("a server that is restarted without its data has ended every session", async () => {
    const { server, here } = await openBoth();
    const sockets = await Promise.all(
      [1, 2, 3].map(async (user) => openSocket(here, (await logIn(here, user)).cookieHeader)),
    );
    await sleep(SILENCE);
    await server.kill();
    await sleep(SILENCE);
    await server.restart();
    for (const told of sockets) await waitForEnd(told, 2 * SECOND);
    expect(sockets.flatMap(reasonsOf)).toStrictEqual(["revoked", "revoked", "revoked"]);
  });

  test("2000 sessions are looked at again after a cut, and those that ended are told", async () => {
    const { server, proxy, here } = await openBoth();
    const sockets: Ending[][] = [];
    for (let user = 0; user < 100; user++) {
      const created = await Promise.all(Array.from({ length: 20 }, () => here.create({ user })));
      sockets.push(...(await Promise.all(created.map(({ cookieHeader }) => openSocket(here, cookieHeader)))));
    }
    await sleep(SILENCE);
    await cut(proxy);
    await server.command("FLUSHALL");
    await proxy.admit();
    await vi.waitFor(() => expect(sockets.filter((told) => told.length === 1)).toHaveLength(2000), {
      timeout: 10_000,
      interval: 50,
    });
  });

  test("the deletion of a record by another program, as Django's logout does it, is a revocation", async () => {
    const { server, here } = await openBoth();
    const session = await logIn(here, 7);
    const told = await openSocket(here, session.cookieHeader);
    await sleep(SILENCE);
    await server.command("DEL", `shop:session:${session.cookieHeader?.split("=")[1]}`);
    await waitForEnd(told, SECOND);
    expect(reasonsOf(told)).toStrictEqual(["revoked"]);
  });

  test("with Sentinel the watch follows a failover, and no end is lost", async () => {
    const trio = await RedisSentinels.start();
    onTestFinished(() => trio.stop());
    const connection = { sentinels: trio.addresses, name: trio.name };
    const [here, elsewhere] = [openOn(connection, "strings", "10s"), openOn(connection, "strings", "10s")];
    await expectEndsAcrossFailover(trio, here, elsewhere);
  });

  describe("on a cluster", () => {
    let cluster: RedisCluster;

    beforeAll(async () => {
      cluster = await RedisCluster.start();
      return () => cluster.stop();
    });

    const connections: [string, () => RedisConnectionSettings | Promise<RedisConnectionSettings>][] = [
      ["settings", () => ({ cluster: cluster.urls })],
      ...(isSoak ? given() : []),
    ];

    function given(): typeof connections {
      return [
        ["a client of createCluster()", async () => ({ client: await nodeRedisClusterForTest(cluster) })],
        ...EACH_LIBRARY.map(([name, library]): (typeof connections)[number] => [
          `a cluster client of ${name}`,
          () => ({ client: ioredisClusterForTest(library, cluster.nodes) }),
        ]),
      ];
    }

    describe.each(connections)("with %s", (_name, connect) => {
      /** Opens sockets of sessions that lie on each of the nodes. */
      async function openSockets(kind: Kind = "strings") {
        const here = openOn(await connect(), kind, "2s");
        const elsewhere = openOn({ cluster: cluster.urls }, kind, "10s");
        // Polling would not tell in time, nor why.
        here.watch({ pollEvery: "1h" });
        const sockets = await Promise.all(
          Array.from({ length: 12 }, async (_, user) => {
            const session = await logIn(elsewhere, user);
            const key = `shop:session:${session.cookieHeader?.split("=")[1]}`;
            return {
              user,
              told: await openSocket(here, session.cookieHeader),
              key,
              node: cluster.nodeOf(key),
            };
          }),
        );
        await sleep(SILENCE);
        return { elsewhere, sockets };
      }

      test.each(["strings", "buckets"] as const)(
        "in %s: ends elsewhere are told within moments, by reports of each node",
        async (kind) => {
          const { elsewhere, sockets } = await openSockets(kind);
          const begin = Date.now();
          for (const { user } of sockets.slice(2)) await elsewhere.revokeUser(user);
          for (const { told } of sockets.slice(2)) await waitForEnd(told, 2 * SECOND);
          const ends = sockets.flatMap(({ told }) => told);
          expect(ends.map(({ reason }) => reason)).toStrictEqual(Array.from({ length: 10 }, () => "revoked"));
          expect(Math.max(...ends.map(({ at }) => at)) - begin).toBeLessThan(SECOND + MARGIN);
        },
      );

      test("a session whose slot has moved goes on, and its end is told", async () => {
        const { elsewhere, sockets } = await openSockets();
        const [from, to] = cluster.nodes as [RedisServer, RedisServer];
        const moved = sockets.find(({ node }) => node === from);
        await cluster.moveSlot(slotOf(moved?.key ?? ""), from, to);
        onTestFinished(() => cluster.moveSlot(slotOf(moved?.key ?? ""), to, from));
        await sleep(SILENCE);
        expect(sockets.flatMap(({ told }) => told)).toStrictEqual([]);
        await elsewhere.revokeUser(moved?.user ?? 0);
        await waitForEnd(moved?.told ?? [], MOVED);
        expect(reasonsOf(moved?.told ?? [])).toStrictEqual(["revoked"]);
        expect(sockets.flatMap(({ told }) => told)).toHaveLength(1);
      });

      const silent = isSoak ? ["a node"] : [];
      test.each(silent)(
        "while %s is silent, records that leave the others are told of within a second",
        async () => {
          const redis = new RedisRegistry({ default: await connect() });
          onTestFinished(() => redis.close());
          const store = redisSessionStore()({ projectName: "shop", redis, clock: systemClock });
          const [gone, failures]: [string[], unknown[]] = [[], []];
          const watch = store.watch?.({
            onGone: (key) => void gone.push(key),
            onFailure: (error) => void failures.push(error),
          });
          onTestFinished(() => watch?.close());
          const keys = Array.from({ length: 12 }, newSessionKey);
          const nodeOf = (key: SessionKey): RedisServer => cluster.nodeOf(`shop:session:${key}`);
          const remove = (key: SessionKey): Promise<unknown> =>
            nodeOf(key).command("DEL", `shop:session:${key}`);
          for (const key of keys) await store.create(key, "a record", 3_600_000, within());
          for (const key of keys) watch?.add(key);
          await sleep(SILENCE);
          const [first] = keys as [SessionKey];
          const frozen = nodeOf(first);
          frozen.freeze();
          onTestFinished(() => frozen.thaw());
          await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 10_000 });
          const others = keys.filter((key) => nodeOf(key) !== frozen).slice(0, 4);
          for (const key of others) {
            await remove(key);
            await vi.waitFor(() => expect(gone).toContain(key), { timeout: SECOND + MARGIN, interval: 5 });
          }
          frozen.thaw();
          await remove(first);
          await vi.waitFor(() => expect(gone).toContain(first), { timeout: MOVED + SECOND });
          expect(gone.toSorted()).toStrictEqual([first, ...others].toSorted());
          // The outage of one node is told once.
          expect(failures).toHaveLength(1);
        },
      );
    });

    test.each(isSoak ? ["a master"] : [])("when %s dies, no end is lost", async () => {
      const replicated = await RedisCluster.start(3, { hasReplicas: true, nodeTimeout: 1000 });
      onTestFinished(() => replicated.stop());
      const connection = { cluster: replicated.urls };
      const [here, elsewhere] = [openOn(connection, "strings", "2s"), openOn(connection, "strings", "2s")];
      here.watch({ pollEvery: "1h" });
      const sockets = await Promise.all(
        Array.from({ length: 12 }, async (_, user) =>
          openSocket(here, (await logIn(elsewhere, user)).cookieHeader),
        ),
      );
      await sleep(SILENCE);
      await replicated.nodes[0]?.kill();
      for (let user = 0; user < 6; user++)
        await vi.waitFor(() => elsewhere.revokeUser(user), { timeout: 20_000 });
      for (const told of sockets.slice(0, 6)) await waitForEnd(told, 20 * SECOND);
      expect(sockets.map(reasonsOf)).toStrictEqual(sockets.map((_, user) => (user < 6 ? ["revoked"] : [])));
    });
  });

  test("a small table of tracked keys at the server tells nothing false, and misses nothing", async () => {
    const { here, elsewhere } = await openBoth({ config: ["tracking-table-max-keys 5"] });
    const sockets = await Promise.all(
      Array.from({ length: 50 }, async (_, user) => openSocket(here, (await logIn(here, user)).cookieHeader)),
    );
    await sleep(SILENCE);
    expect(sockets.flat()).toStrictEqual([]);
    for (const user of [3, 30]) await elsewhere.revokeUser(user);
    for (const user of [3, 30]) await waitForEnd(sockets[user] ?? [], SECOND);
    expect(sockets.flat()).toHaveLength(2);
  });

  test("costs no command of a request: a look of its own after each change of a watched session", async () => {
    const { server, here } = await openBoth();
    const session = await logIn(here, 7);
    const request = async (): Promise<string[]> => {
      const visit = await here.open(session.cookieHeader);
      await visit.update((data) => (data["n"] = Number(data["n"] ?? 0) + 1));
      await sleep(SILENCE);
      return monitor.take();
    };
    const monitor = await server.monitor();
    await request();
    expect(await request()).toStrictEqual(["GET", "EVALSHA"]);
    const told = await openSocket(here, session.cookieHeader);
    await sleep(SILENCE);
    expect(await monitor.take()).toStrictEqual(["GET", "PTTL"]);
    expect(await request()).toStrictEqual(["GET", "EVALSHA", "PTTL"]);
    expect(told).toStrictEqual([]);
  });
});
