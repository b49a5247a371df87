import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { RedisOptions } from "ioredis";
import { EACH_LIBRARY, type IoredisLibrary, ioredisForTest } from "../support/ioredis-clients.ts";
import { RedisSentinels } from "../support/redis-sentinels.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import {
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

const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5");

/** A client of the application, which leaves a silent server after half a second. */
const clientOn =
  (library: IoredisLibrary, options: RedisOptions = {}) =>
  ({ port }: { readonly port: number }) => ({
    client: ioredisForTest(library, { port }, { socketTimeout: 500, retryStrategy: () => 20, ...options }),
  });

describeWithRedis("a watch of sessions with an application's client of ioredis", () => {
  describe.each(libraries)("%s", (_name, library) => {
    const openHere = (options: Parameters<typeof openBoth>[0] = {}) =>
      openBoth({ ...options, connect: clientOn(library) });

    test.each(isSoak ? (["strings", "buckets"] as const) : (["strings"] as const))(
      "in %s: ends elsewhere are told within moments, by reports",
      async (kind) => {
        const { server, here, elsewhere } = await openHere({ kind });
        const sessions = await Promise.all([7, 8, 9].map((user) => logIn(here, user)));
        const [out, revoked, alive] = await Promise.all(
          sessions.map(({ cookieHeader }) => openSocket(here, cookieHeader)),
        );
        await sleep(SILENCE);
        const monitor = await server.monitor();
        await sleep(SECOND);
        // A heartbeat on each of the two connections at most: no record is read.
        expect((await monitor.take()).filter((command) => command !== "PING")).toEqual([]);
        const begin = Date.now();
        await (await elsewhere.open(sessions[0]?.cookieHeader)).logout();
        await elsewhere.revokeUser(8);
        await waitForEnd(out ?? [], SECOND);
        await waitForEnd(revoked ?? [], SECOND);
        expect([reasonsOf(out ?? []), reasonsOf(revoked ?? [])]).toStrictEqual([["logout"], ["revoked"]]);
        expect(Math.max(out?.[0]?.at ?? 0, revoked?.[0]?.at ?? 0) - begin).toBeLessThan(SECOND);
        expect(alive).toStrictEqual([]);
      },
    );

    const cut = isSoak ? ["a cut"] : [];
    test.each(cut)("%s is told of once, and what ended meanwhile soon after", async () => {
      const { proxy, here, elsewhere } = await openHere();
      const failures = vi.fn();
      here.on("watchFailed", failures);
      const [ended, alive] = await Promise.all(
        [7, 8].map(async (user) => openSocket(here, (await logIn(here, user)).cookieHeader)),
      );
      await sleep(SILENCE);
      await proxy.close();
      await elsewhere.revokeUser(7);
      await sleep(SECOND);
      expect(ended).toStrictEqual([]);
      await proxy.admit();
      await waitForEnd(ended ?? [], 2 * SECOND);
      expect(alive).toStrictEqual([]);
      expect(failures).toHaveBeenCalledOnce();
    });

    const silent = [
      ["the reports", "subscribe"],
      ["the reads", "TRACKING"],
    ] as const;
    test.each(silent.slice(0, isSoak ? 2 : 1))(
      "when the connection of %s is dropped silently, no end is lost",
      async (_of, word) => {
        const { proxy, here, elsewhere } = await openHere({ deadline: "1s" });
        const told = await openSocket(here, (await logIn(here, 7)).cookieHeader);
        await sleep(SILENCE);
        expect(proxy.halfOpen(word)).toBe(1);
        await elsewhere.revokeUser(7);
        await waitForEnd(told, UNNOTICED + 4 * SECOND);
        expect(reasonsOf(told)).toStrictEqual(["revoked"]);
      },
    );

    test("a small table of tracked keys tells nothing false, and misses nothing", async () => {
      const { here, elsewhere } = await openHere({ config: ["tracking-table-max-keys 5"] });
      const sockets = await Promise.all(
        Array.from({ length: 50 }, async (_, user) =>
          openSocket(here, (await logIn(here, user)).cookieHeader),
        ),
      );
      await sleep(SILENCE);
      expect(sockets.flat()).toStrictEqual([]);
      for (const user of [3, 30]) await elsewhere.revokeUser(user);
      for (const user of [3, 30]) await waitForEnd(sockets[user] ?? [], SECOND);
      expect(sockets.flat()).toHaveLength(2);
    });
  });

  test.each(isSoak ? libraries : [])("behind sentinels it follows a failover: %s", async (_name, library) => {
    const trio = await RedisSentinels.start();
    onTestFinished(() => trio.stop());
    const sentinels = trio.addresses;
    const { client } = clientOn(library, { sentinels, name: trio.name })({ port: 0 });
    const here = openOn({ client }, "strings", "10s");
    const elsewhere = openOn({ sentinels, name: trio.name }, "strings", "10s");
    await expectEndsAcrossFailover(trio, here, elsewhere);
  });
});
