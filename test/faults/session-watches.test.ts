import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { buildProgram } from "../support/program.ts";
import { RedisCluster } from "../support/redis-cluster.ts";
import { RedisSentinels } from "../support/redis-sentinels.ts";
import { describeWithRedis } from "../support/redis-server.ts";
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

  test("on a cluster the records are polled", async () => {
    const cluster = await RedisCluster.start(2);
    onTestFinished(() => cluster.stop());
    const connection = { cluster: cluster.urls };
    const [here, elsewhere] = [openOn(connection, "strings", "10s"), openOn(connection, "strings", "10s")];
    here.watch({ pollEvery: "300ms" });
    const told = await openSocket(here, (await logIn(here, 7)).cookieHeader);
    const alive = await openSocket(here, (await logIn(here, 8)).cookieHeader);
    await elsewhere.revokeUser(7);
    await waitForEnd(told, SECOND);
    expect([reasonsOf(told), alive]).toStrictEqual([["gone"], []]);
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
