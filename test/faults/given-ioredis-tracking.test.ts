import { setTimeout as pause } from "node:timers/promises";
import type { RedisOptions } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import type { RedisConnection } from "../../src/redis/connection.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { CacheStore } from "../../src/stores/cache-store.ts";
import { tieredCacheStore } from "../../src/stores/tiered/index.ts";
import {
  EACH_LIBRARY,
  type IoredisLibrary,
  ioredisForTest,
  type TestClient,
} from "../support/ioredis-clients.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Words that the two connections of a link have sent, by what they are for. */
const WORDS = { reads: "TRACKING", reports: "subscribe" } as const;

interface Tracked {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly client: TestClient;
  readonly usual: RedisConnection;
  readonly reads: RedisConnection;
  /** Keys that were reported, "all", and "end" for the end of a link. */
  readonly told: string[];
}

/** Tracked reads on a client behind a proxy; the key `k` was read. */
async function track(library: IoredisLibrary, options: RedisOptions = {}): Promise<Tracked> {
  const server = await serverForTest();
  const proxy = await TcpProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const client = ioredisForTest(library, proxy, options);
  const usual = connectionForTest({ client, stallTimeout: "500ms" });
  const told: string[] = [];
  const reads = usual.tracking({
    onChange: (key = "all") => void told.push(key),
    onLinkEnd: () => void told.push("end"),
  });
  await reads.command(["GET", "k"], within());
  return { server, proxy, client, usual, reads, told };
}

/** Lines of CLIENT LIST with a flag: `t` tracks, `P` is a subscriber. */
async function clientsWith(server: RedisServer, flag: string): Promise<string[]> {
  const list = String(await server.command("CLIENT", "LIST"));
  return list.split("\n").filter((line) => new RegExp(` flags=\\w*${flag}`).test(line));
}

async function killThoseWith(server: RedisServer, flag: string): Promise<void> {
  for (const line of await clientsWith(server, flag))
    await server.command("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(line)?.[1] ?? "");
}

/** Reads `k`, changes it, and waits for the report. */
async function expectReports({ server, reads, told }: Tracked): Promise<void> {
  await vi.waitFor(() => reads.command(["GET", "k"], within(1000)), { timeout: 10_000 });
  told.length = 0;
  await server.command("SET", "k", "x");
  await vi.waitFor(() => expect(told).toEqual(["k"]));
}

const libraries = EACH_LIBRARY.filter(([name]) => isSoak || name === "ioredis 5");

describeWithRedis("tracking over two connections with a client's options", () => {
  describe.each(libraries)("%s", (_name, library) => {
    test("the change of a key that was read is reported once, and a change of all", async () => {
      const tracked = await track(library);
      await expectReports(tracked);
      const { server, reads, told } = tracked;
      await server.command("SET", "k", "y");
      await server.command("FLUSHALL");
      await reads.pingAll(within());
      expect(told).toEqual(["k", "all"]);
    });

    test.each([
      ["the reads", "t"],
      ["the reports", "P"],
    ])("when the connection of %s is killed, the link ends, and the next one reports", async (_of, flag) => {
      const tracked = await track(library);
      const { server, told } = tracked;
      await killThoseWith(server, flag);
      await vi.waitFor(() => expect(told).toEqual(["end"]));
      // Both are gone: the other one was of no use any more.
      await vi.waitFor(async () => expect(await clientsWith(server, "[tP]")).toEqual([]));
      await expectReports(tracked);
      expect(await clientsWith(server, "[tP]")).toHaveLength(2);
    });

    test("when the server is restarted, the link ends, and the next one reports", async () => {
      const tracked = await track(library);
      await tracked.server.restart();
      await vi.waitFor(() => expect(tracked.told).toEqual(["end"]));
      await expectReports(tracked);
    });

    test.each(Object.entries(WORDS))(
      "nothing is confirmed while nothing is heard of %s",
      async (_of, word) => {
        const tracked = await track(library);
        const { proxy, reads, told } = tracked;
        await reads.pingAll(within(1000));
        expect(proxy.halfOpen(word)).toBe(1);
        expect(await timeOf(expectConnectionError(reads.pingAll(within(300)), "unknown"))).toBeLessThan(
          300 + MARGIN,
        );
        // A connection that stays silent is given up.
        await reads.pingAll(within(3000)).catch(() => {});
        expect(told).toEqual(["end"]);
        await expectReports(tracked);
      },
    );

    test.each(Object.entries(WORDS).slice(isSoak ? 0 : 1))(
      "a tier is not older than maxStale while %s are silent",
      async (_of, word) => {
        const { server, proxy, client } = await track(library);
        const redis = new RedisRegistry({ default: { client, stallTimeout: "10s" } });
        onTestFinished(() => redis.close());
        const context = { redis, clock: systemClock, values: "text" } as const;
        const store: CacheStore = tieredCacheStore({ maxStale: "500ms" })(context);
        onTestFinished(() => store.close());
        await server.command("SET", "k", "old");
        const read = (): Promise<unknown> => store.get("k", within(200)).catch(() => "late");
        expect(await read()).toBe("old");
        // Proofs hold it in memory for longer than maxStale.
        for (let count = 0; count < 15; count++) {
          await pause(50);
          expect(store.getSync?.("k")).toBe("old");
        }
        expect(proxy.halfOpen(word)).toBe(2);
        await server.command("SET", "k", "new");
        const changedAt = performance.now();
        let oldAt = 0;
        for (let now = changedAt; now < changedAt + 1200; now = performance.now()) {
          if ((await read()) === "old") oldAt = now;
          // An answer to a read proves nothing of reports.
          await store.get("none", within(200)).catch(() => {});
          await pause(5);
        }
        // The server ended the connection, so the process that changed the key is not heard of.
        expect(oldAt).toBeGreaterThan(changedAt);
        expect(oldAt - changedAt).toBeLessThan(500 + MARGIN);
      },
    );

    test("connections that lead to different servers are not taken for a link", async () => {
      const { server, proxy, reads, told } = await track(library);
      const other = await serverForTest();
      // The next connections lead to the two servers in turn.
      proxy.leadTo([other.port, server.port]);
      await killThoseWith(server, "P");
      await vi.waitFor(() => expect(told).toEqual(["end"]));
      const error = await expectConnectionError(reads.command(["GET", "k"], within()), "not-sent");
      expect(error.message).toContain("different servers");
    });

    test("closes its connections, also when the application closes the client", async () => {
      const { server, client, reads, told } = await track(library);
      expect(await clientsWith(server, "[tP]")).toHaveLength(2);
      client.disconnect();
      await vi.waitFor(() => expect(told).toEqual(["end"]));
      await vi.waitFor(async () => expect(await clientsWith(server, "[tP]")).toEqual([]));
      const error = await expectConnectionError(reads.command(["GET", "k"], within()), "not-sent");
      expect(error.message).toContain("closed");
    });

    test("closes its connections without waiting for a server that is silent", async () => {
      const { proxy, usual, client } = await track(library);
      expect(proxy.openSockets).toBe(6);
      proxy.conditions.blackHole = true;
      expect(await timeOf(usual.close())).toBeLessThan(MARGIN);
      await vi.waitFor(() => expect(proxy.openSockets).toBe(2), { timeout: 1000 });
      client.disconnect();
    });

    test.each<RedisOptions>([
      { stringNumbers: true, commandTimeout: 1, enableReadyCheck: false },
      { enableAutoPipelining: true, enableOfflineQueue: false, autoResubscribe: false },
      { lazyConnect: true, db: 3, retryStrategy: () => null, connectionName: "shop" },
    ])("options of the client for its own commands change nothing: %j", async (options) => {
      const tracked = await track(library, options);
      await expectReports(tracked);
    });

    test("reads in the database that the application has selected", async () => {
      const { server, client, reads } = await track(library);
      await (client as TestClient & { select(database: number): Promise<unknown> }).select(2);
      await client.set("k", "in 2");
      await killThoseWith(server, "P");
      await vi.waitFor(async () => expect(await clientsWith(server, "[tP]")).toEqual([]));
      expect(await reads.command(["GET", "k"], within())).toBe("in 2");
    });

    test.each([
      ["-client|tracking &*", "add +client|tracking"],
      ["resetchannels", "add &__redis__:invalidate"],
      ["-info &*", "add +info"],
    ])("a user with %s is told which right is missing", async (rules, advice) => {
      const user = { name: "app", password: "secret-of-app", rules: `~* +@all ${rules}` };
      const server = await serverForTest({ user });
      const login = { username: user.name, password: user.password };
      const client = ioredisForTest(library, server, { ...login, enableReadyCheck: false });
      const reads = connectionForTest({ client }).tracking({ onChange: () => {}, onLinkEnd: () => {} });
      const error = await expectServiceError(reads.command(["GET", "k"], within()), "not-sent");
      expect(error.message).toContain(advice);
      await vi.waitFor(async () => expect(await clientsWith(server, "[tP]")).toEqual([]));
    });
  });
});
