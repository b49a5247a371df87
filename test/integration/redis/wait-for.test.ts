import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { ImproperlyConfigured, RedisServiceError } from "../../../src/core/errors.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { Sessions } from "../../../src/session/sessions.ts";
import {
  redisBucketSessionStore,
  redisSessionStore,
  type RedisWaitFor,
} from "../../../src/stores/redis/index.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { errorOf, serverForTest, timeOf } from "../../support/redis-connections.ts";
import { describeWithRecentRedis, describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { Browser, type Data } from "../../support/session-harness.ts";

let projects = 0;

const STORES = { strings: redisSessionStore, buckets: redisBucketSessionStore };

function sessionsOn(
  redis: RedisConnectionSettings,
  waitFor: RedisWaitFor,
  layout: keyof typeof STORES = "strings",
): Sessions<Data> {
  const sojourn = createSojourn<Data>({
    projectName: `project${++projects}`,
    secretKey: "a secret of the tests, long enough",
    redis: { default: redis },
    sessions: {
      store: STORES[layout]({ waitFor }),
      deadline: "5s",
      ...(layout === "buckets" && { format: "json" }),
    },
  });
  onTestFinished(() => sojourn.close());
  return sojourn.sessions;
}

async function withReplica(): Promise<{ primary: RedisServer; replica: RedisServer }> {
  const primary = await serverForTest({ config: ["repl-diskless-sync-delay 0"] });
  const replica = await serverForTest({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
  await primary.command("SET", "probe", "1");
  expect(await primary.command("WAIT", "1", "10000")).toBe(1);
  return { primary, replica };
}

/** How many sessions a server has, in either layout. */
async function sessionsIn(server: RedisServer): Promise<number> {
  const keys = (await server.command("KEYS", "*:session:*")) as string[];
  const counts = keys.map(async (key) => {
    const type = await server.command("TYPE", key);
    return type === "hash" ? Number(await server.command("HLEN", key)) : 1;
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Checks that a write was executed, and that the caller hears that it is not where it was to be. */
async function expectShortage(act: Promise<unknown>): Promise<void> {
  const error = await errorOf(act);
  expect(error).toBeInstanceOf(RedisServiceError);
  expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "unknown" });
  expect((error as Error).message).toContain(
    "is done here, but not on enough replicas: 0 of 1 replicas had it in time",
  );
}

describeWithRedis("waitFor", () => {
  describe.each(["strings", "buckets"] as const)("for sessions in %s", (layout) => {
    test("a login, a logout and a revocation are told as done when a replica has them", async () => {
      const { primary, replica } = await withReplica();
      const sessions = sessionsOn(primary.url, { replicas: 1 }, layout);
      const [first, second] = [new Browser(sessions), new Browser(sessions)];
      await first.request((session) => session.login(1));
      expect(await sessionsIn(replica)).toBe(1);
      await second.request((session) => session.login(1));
      expect(await sessionsIn(replica)).toBe(2);
      await first.request((session) => session.logout());
      expect(await sessionsIn(replica)).toBe(1);
      expect(await sessions.revokeUser(1)).toBe(1);
      expect(await sessionsIn(replica)).toBe(0);
    });

    test("each of them is an error of unknown outcome without the replica, and stands; commits go on", async () => {
      const { primary, replica } = await withReplica();
      const sessions = sessionsOn(primary.url, { replicas: 1, timeout: "400ms" }, layout);
      const browsers = [new Browser(sessions), new Browser(sessions)] as const;
      for (const browser of browsers) await browser.request((session) => session.login(1));
      replica.freeze();
      onTestFinished(() => replica.thaw());
      await expectShortage(new Browser(sessions).request((session) => session.login(2)));
      await browsers[0].request((session) => (session.data["n"] = 1));
      expect(await browsers[0].request((session) => session.data["n"])).toBe(1);
      await expectShortage(browsers[0].request((session) => session.logout()));
      expect(await browsers[0].request((session) => session.isAuthenticated)).toBe(false);
      expect(await errorOf(sessions.revokeUser(1))).toMatchObject({ outcome: "unknown" });
    });
  });

  test("many writes at once wait together: a revocation ends what it comes to, though a replica is missing", async () => {
    const { primary, replica } = await withReplica();
    const sessions = sessionsOn(primary.url, { timeout: "1s" });
    const browsers = Array.from({ length: 20 }, () => new Browser(sessions));
    await Promise.all(browsers.map((browser) => browser.request((session) => session.login(1))));
    expect(await sessionsIn(replica)).toBe(20);
    const stats = String(await primary.command("INFO", "commandstats"));
    expect(Number(/cmdstat_wait:calls=(\d+)/.exec(stats)?.[1])).toBeLessThan(15);
    replica.freeze();
    onTestFinished(() => replica.thaw());
    expect(await errorOf(sessions.revokeUser(1))).toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "unknown",
    });
    expect(await sessionsIn(primary)).toBe(0);
  });

  test("with `commits` they wait, too", async () => {
    const { primary, replica } = await withReplica();
    const sessions = sessionsOn(primary.url, { timeout: "400ms", commits: true });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 1));
    replica.freeze();
    onTestFinished(() => replica.thaw());
    await expectShortage(browser.request((session) => (session.data["n"] = 2)));
    expect(await browser.request((session) => session.data["n"])).toBe(2);
  });

  test("holds up no reads: 50 are answered while a login waits", async () => {
    const { primary, replica } = await withReplica();
    const sessions = sessionsOn(primary.url, { timeout: "2s" });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 1));
    replica.freeze();
    onTestFinished(() => replica.thaw());
    const waiting = expectShortage(new Browser(sessions).request((session) => session.login(1)));
    const reads = Array.from({ length: 50 }, () => browser.request((session) => session.data["n"]));
    expect(await timeOf(Promise.all(reads))).toBeLessThan(1500);
    await waiting;
  });

  test("is told when the user may not wait", async () => {
    const server = await serverForTest({ user: { name: "app", password: "pw", rules: "~* +@all -wait" } });
    const sessions = sessionsOn({ ...server.settings, username: "app", password: "pw" }, { replicas: 1 });
    const error = await errorOf(new Browser(sessions).request((session) => session.login(1)));
    expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "unknown" });
    expect((error as Error).message).toContain("the wait for it failed (Redis answered with NOPERM)");
  });

  test("is refused for a client of the application, and for no replica at all", async () => {
    const registry = new RedisRegistry({ default: { client: createClient({ disableOfflineQueue: true }) } });
    const context = { projectName: "p", redis: registry, clock: systemClock };
    expect(() => redisSessionStore({ waitFor: {} })(context)).toThrow(ImproperlyConfigured);
    const own = { ...context, redis: new RedisRegistry() };
    expect(() => redisSessionStore({ waitFor: { replicas: 0 } })(own)).toThrow("from 0 with onDisk");
    expect(() => redisSessionStore({ waitFor: { replicas: 0, onDisk: true } })(own)).not.toThrow();
  });
});

describeWithRedis("waitFor on a cluster", () => {
  let cluster: RedisCluster;
  beforeAll(async () => void (cluster = await RedisCluster.start(3, { hasReplicas: true })));
  afterAll(() => cluster?.stop());

  test("waits for the replica of the node that has the session", async () => {
    const sessions = sessionsOn({ cluster: cluster.urls }, { timeout: "400ms" });
    for (let n = 0; n < 12; n++) await new Browser(sessions).request((session) => session.login(n));
    const [frozen] = cluster.replicas as [RedisServer];
    frozen.freeze();
    onTestFinished(() => frozen.thaw());
    const logins = Array.from({ length: 24 }, () =>
      new Browser(sessions).request((session) => (session.data["n"] = 1)),
    );
    const outcomes = new Set((await Promise.allSettled(logins)).map(({ status }) => status));
    expect(outcomes).toEqual(new Set(["fulfilled", "rejected"]));
  });
});

describeWithRecentRedis("waitFor with onDisk", (command) => {
  test("waits for the file of the server itself, and says when there is none", async () => {
    const withFile = await serverForTest({ command, appendonly: true });
    const waitFor = { replicas: 0, onDisk: true };
    await new Browser(sessionsOn(withFile.url, waitFor)).request((session) => session.login(1));
    const without = await serverForTest({ command });
    const error = await errorOf(
      new Browser(sessionsOn(without.url, waitFor)).request((session) => session.login(1)),
    );
    expect((error as Error).message).toContain("the wait for it failed (Redis answered with ERR)");
  });
});
