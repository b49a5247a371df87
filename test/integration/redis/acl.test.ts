import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";

import { inProject } from "../../../scripts/lib/project.mjs";
import { createLimiter } from "../../../src/cache/limits/index.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { redisBucketSessionStore, redisSessionStore } from "../../../src/stores/redis/index.ts";
import { ioredisForTest, LIBRARIES } from "../../support/ioredis-clients.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { Browser, type Data } from "../../support/session-harness.ts";

const PROJECT = "myproject";
const STORES = { strings: redisSessionStore, buckets: redisBucketSessionStore };

/** The rule that the page gives to copy, with rules that it gives beside. */
function documentedRule(...beside: string[]): readonly string[] {
  const page = readFileSync(inProject("docs/reference/stores/redis.md"), "utf8");
  const [, name = "", rules = ""] = /^user (\w+) (.+)$/m.exec(page) ?? [];
  for (const rule of beside) expect(page).toContain(rule);
  return [name, ...rules.split(" "), ...beside];
}

const LOGIN = { username: "sojourn", password: "a-long-password" };

/** Does what the stores can do, once. */
async function useEverything(redis: RedisConnectionSettings, layout: keyof typeof STORES): Promise<void> {
  const sojourn = createSojourn<Data>({
    projectName: PROJECT,
    secretKey: "a secret of the tests, long enough",
    redis: { default: redis },
    sessions: { store: STORES[layout](), maxPerUser: 3, ...(layout === "buckets" && { format: "json" }) },
    caches: { default: { keyPrefix: PROJECT, sharedVersion: true } },
  });
  onTestFinished(() => sojourn.close());
  const { sessions, caches } = sojourn;
  const browsers = Array.from({ length: 5 }, () => new Browser(sessions));
  for (const browser of browsers) {
    await browser.request((session) => (session.data["n"] = 1));
    await browser.request((session) => session.login(1));
    await browser.request((session) => session.data["n"]++);
    await browser.request((session) => session.cycleKey());
  }
  await browsers[4]?.request((session) => session.logout());
  for await (const listed of sessions.ofUser(1)) expect(listed).toBeDefined();
  await sessions.clearExpired();
  await sessions.revokeUser(1);
  await browsers[0]?.request((session) => session.login(2));
  await sessions.revokeUser(2, { scan: true });
  await sessions.ping();

  const cache = caches.default;
  await cache.set("a", 1);
  await cache.setMany({ b: 2, c: 3 });
  await cache.add("n", 1);
  await cache.incr("n");
  await cache.touch("a", "1h");
  await cache.persist("a");
  await cache.ttl("a");
  expect(await cache.getMany(["a", "b"])).toEqual(new Map(Object.entries({ a: 1, b: 2 })));
  await cache.getOrSet("loaded", () => 4, { tags: ["t"], stale: "1m" });
  await cache.touch("loaded", "1h");
  await cache.invalidateTags(["t"]);
  await cache.getOrSetMany(["x", "y"], (keys) => new Map(keys.map((key) => [key, key])));
  await cache.keys("*");
  await cache.deletePattern("b*");
  await cache.deleteMany(["c"]);
  await cache.incrVersion("a");
  await cache.incr("begun", 1, { initial: 0 });
  expect(await cache.take("begun")).toBe(1);
  await cache.lock("lock", { timeout: "5s" }).run(async () => {});
  for (const algorithm of ["fixed", "sliding"] as const) {
    const limiter = createLimiter(cache, { algorithm, limit: 2, window: "1m", prefix: `${algorithm}:` });
    await limiter.consume("ann");
    await limiter.peek("ann");
    await limiter.reset("ann");
  }
  await cache.bumpVersion();
  await cache.clear();
}

/** Commands that the ACL has denied to the user, from the server's log. */
async function denialsOf(server: RedisServer): Promise<string[]> {
  const log = (await server.command("ACL", "LOG")) as Record<string, string>[];
  return [
    ...new Set(log.filter(({ username }) => username === LOGIN.username).map(({ object }) => object ?? "")),
  ];
}

describeWithRedis("an ACL user with exactly the documented rights", () => {
  describe.each(["strings", "buckets"] as const)("with sessions in %s", (layout) => {
    test("does everything; only what warns of wrong settings is denied, without a word", async () => {
      const server = await serverForTest();
      await server.command("ACL", "SETUSER", ...documentedRule());
      const unhandled: unknown[] = [];
      const listen = (reason: unknown): void => void unhandled.push(reason);
      process.on("unhandledRejection", listen);
      onTestFinished(() => void process.off("unhandledRejection", listen));
      await useEverything({ ...server.settings, ...LOGIN }, layout);
      expect(unhandled).toEqual([]);
      const quiet = ["client|setinfo", "config|get", "hpexpireat", "info"];
      expect((await denialsOf(server)).filter((denied) => !quiet.includes(denied))).toEqual([]);
    });
  });

  test("needs each of them", async () => {
    const server = await serverForTest();
    await server.command("ACL", "SETUSER", ...documentedRule());
    for (const layout of ["strings", "buckets"] as const) {
      await useEverything({ ...server.settings, ...LOGIN, database: 1 }, layout);
    }
    const stats = String(await server.command("INFO", "commandstats"));
    const granted = documentedRule().flatMap((rule) => /^\+(.+)$/.exec(rule)?.[1] ?? []);
    expect(granted.filter((command) => !stats.includes(`cmdstat_${command}:`))).toEqual([]);
  });

  describe.each(["strings", "buckets"] as const)("that watches sessions in %s", (layout) => {
    const watch = async (...beside: string[]) => watchOn((settings) => settings, ...beside);
    const watchOn = async (
      connect: (settings: RedisServer["settings"] & typeof LOGIN, port: number) => RedisConnectionSettings,
      ...beside: string[]
    ) => {
      const server = await serverForTest();
      await server.command("ACL", "SETUSER", ...documentedRule(...beside));
      const { sessions, close } = createSojourn<Data>({
        projectName: PROJECT,
        secretKey: "a secret of the tests, long enough",
        redis: { default: connect({ ...server.settings, ...LOGIN }, server.port) },
        sessions: { store: STORES[layout](), ...(layout === "buckets" && { format: "json" }) },
      });
      onTestFinished(() => close());
      const [told, failures] = [vi.fn(), vi.fn()];
      sessions.on("watchFailed", failures);
      sessions.watch({ pollEvery: "200ms" });
      const session = await sessions.create({ n: 1 });
      session.onEnded(told);
      return { server, told, failures };
    };

    test("is told of ends with the right that is named beside", async () => {
      const { server, told, failures } = await watch("+client|tracking");
      await server.command("FLUSHALL");
      await vi.waitFor(() => expect(told.mock.calls).toEqual([["revoked"]]), { timeout: 2000 });
      expect(failures).not.toHaveBeenCalled();
    });

    test("is told of ends on an application's ioredis client, with the rights that are named beside", async () => {
      const { server, told, failures } = await watchOn(
        (_, port) => ({ client: ioredisForTest(LIBRARIES["ioredis 5"], { port }, LOGIN) }),
        "+client|tracking",
        "+subscribe",
        "+client|id",
        "+info",
        "&__redis__:invalidate",
      );
      await server.command("FLUSHALL");
      await vi.waitFor(() => expect(told.mock.calls).toEqual([["revoked"]]), { timeout: 2000 });
      expect(failures).not.toHaveBeenCalled();
    });

    test("learns by an event and a warning that it lacks the right; its records are polled", async () => {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      onTestFinished(() => warn.mockRestore());
      const { server, told, failures } = await watch();
      await vi.waitFor(() => expect(failures).toHaveBeenCalledOnce(), { timeout: 2000 });
      expect(String(failures.mock.calls[0]?.[0].error)).toContain("NOPERM");
      const untracked = { type: "SojournWarning", code: "SOJOURN_UNTRACKED_SESSIONS" };
      expect(warn).toHaveBeenCalledWith(expect.stringContaining("+client|tracking"), untracked);
      await server.command("FLUSHALL");
      await vi.waitFor(() => expect(told.mock.calls).toEqual([["gone"]]), { timeout: 2000 });
      expect(failures).toHaveBeenCalledOnce();
    });
  });

  describe("on a cluster", () => {
    let cluster: RedisCluster;
    beforeAll(async () => void (cluster = await RedisCluster.start(2)));
    afterAll(() => cluster?.stop());

    test("does everything", async () => {
      await cluster.onEach("ACL", "SETUSER", ...documentedRule("+cluster|slots", "+asking"));
      await useEverything({ cluster: cluster.urls, ...LOGIN }, "strings");
      for (const node of cluster.nodes) {
        expect(
          (await denialsOf(node)).filter((denied) => !["client|setinfo", "info"].includes(denied)),
        ).toEqual([]);
      }
    });
  });
});
