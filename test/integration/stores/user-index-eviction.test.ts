import { expect, onTestFinished, test, vi } from "vitest";

import { createSojourn } from "../../../src/create-sojourn.ts";
import { redisSessionStore } from "../../../src/stores/redis/index.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { Browser, type Data } from "../../support/session-harness.ts";

const CODE = "SOJOURN_EVICTING_REDIS";

async function start(config: string[], url = (server: RedisServer): string => server.url) {
  const server = await serverForTest({ config });
  const warnings: string[] = [];
  const spy = vi.spyOn(process, "emitWarning").mockImplementation((warning, options) => {
    if ((options as { code?: string }).code === CODE) warnings.push(String(warning));
  });
  onTestFinished(() => spy.mockRestore());
  const sojourn = createSojourn<Data>({
    projectName: "shop",
    secretKey: "a secret of the tests, long enough",
    redis: { default: url(server) },
    sessions: { store: redisSessionStore() },
  });
  onTestFinished(() => sojourn.close());
  return { server, sessions: sojourn.sessions, warnings };
}

describeWithRedis("lists of users on a Redis that evicts", () => {
  test.each(["allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lru"])(
    "%s: one warning, with what to do",
    async (policy) => {
      const { sessions, warnings } = await start([`maxmemory-policy ${policy}`]);
      for (let count = 0; count < 3; count++)
        await new Browser(sessions).request((session) => session.login(7));
      await expect.poll(() => warnings).toHaveLength(1);
      expect(warnings[0]).toContain(`maxmemory-policy ${policy}`);
      expect(warnings[0]).toContain("revokeUser(userId, { scan: true })");
    },
  );

  test("noeviction: none", async () => {
    const { server, sessions, warnings } = await start(["maxmemory-policy noeviction"]);
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    await sessions.revokeUser(7);
    expect(await server.command("INFO", "memory")).toContain("noeviction");
    expect(warnings).toEqual([]);
  });

  test("where INFO is forbidden: none, and all works", async () => {
    const { sessions, warnings } = await start(
      ["maxmemory-policy allkeys-lru", "user sojourn on nopass ~* &* +@all -info"],
      ({ url }) => url.replace("redis://", "redis://sojourn:any@"),
    );
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    expect(await sessions.revokeUser(7)).toBe(1);
    expect(warnings).toEqual([]);
  });

  test("when the list of a user is gone, revokeUser with scan ends what is on no list", async () => {
    const { server, sessions } = await start([]);
    const browsers = Array.from({ length: 70 }, () => new Browser(sessions));
    for (const browser of browsers) await browser.request((session) => session.login(7));
    const other = new Browser(sessions);
    await other.request((session) => session.login(8));
    for (const part of ["list", "details"]) await server.command("DEL", `shop:session-users:{id=7}:${part}`);
    expect(await sessions.revokeUser(7)).toBe(0);
    const counts: number[] = [];
    expect(await sessions.revokeUser(7, { scan: true, onProgress: ({ ended }) => counts.push(ended) })).toBe(
      70,
    );
    expect(counts.at(-1)).toBe(70);
    for (const browser of browsers)
      expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
    expect(await other.request((session) => session.isAuthenticated)).toBe(true);
  });

  test("a memory that is full: logout and revokeUser end the sessions all the same", async () => {
    const { server, sessions } = await start(["maxmemory-policy noeviction"]);
    const browsers = Array.from({ length: 10 }, () => new Browser(sessions));
    for (const browser of browsers) await browser.request((session) => session.login(7));
    const used = /^used_memory:(\d+)/m.exec(String(await server.command("INFO", "memory")))?.[1];
    await server.command("CONFIG", "SET", "maxmemory", String(Number(used) - 50_000));
    await expect(new Browser(sessions).request((session) => session.login(7))).rejects.toMatchObject({
      code: "ERR_STORE_SERVICE",
    });
    await browsers[0]?.request((session) => session.logout());
    expect(await browsers[0]?.request((session) => session.isAuthenticated)).toBe(false);
    // The epoch needs memory that may not be there, also after the deletions: the caller hears of it, and
    // nobody is left.
    const told = await sessions.revokeUser(7).then(
      () => "ended",
      (error: unknown) =>
        [(error as { code: string }).code, (error as { outcome: string }).outcome].join(" "),
    );
    expect(["ended", "ERR_STORE_SERVICE unknown"]).toContain(told);
    for (const browser of browsers)
      expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
  });
});
