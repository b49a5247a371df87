import { expect, onTestFinished, test } from "vitest";
import type { RedisMonitor } from "../../../support/redis-monitor.ts";
import type { RedisServer } from "../../../support/redis-server.ts";
import type { StartApplication } from "../../adapters/support/start-application.ts";
import { type App, Browser, startApp } from "../app.ts";

/**
 * Adds the counts of commands by MONITOR, without what scripts do inside Redis and without the handshake, for an
 * application in a framework.
 */
export function describeCommands(server: () => RedisServer, start: StartApplication): void {
  async function stage(): Promise<{ app: App; browser: Browser; monitor: RedisMonitor }> {
    await server().command("FLUSHALL");
    const app = await startApp({
      start,
      settings: { redis: { default: server().settings }, sessions: { deadline: "10s" } },
    });
    const browser = new Browser(app.url);
    const monitor = await server().monitor();
    onTestFinished(() => monitor.stop());
    return { app, browser, monitor };
  }

  test("50 requests of visitors without a cookie: 0, and nothing is stored", async () => {
    const { app, monitor } = await stage();
    for (let count = 0; count < 50; count++) await new Browser(app.url).get("/read");
    expect(await monitor.take()).toStrictEqual([]);
    expect(await server().command("DBSIZE")).toBe(0);
  });

  test("a page that does not use the session: 0, with or without a cookie", async () => {
    const { browser, monitor } = await stage();
    await browser.post("/set/a");
    await monitor.take();
    for (let count = 0; count < 10; count++) await browser.send("GET", "/static");
    expect(await monitor.take()).toStrictEqual([]);
  });

  test("a first write: 1; a write: 2; a read: 1; an update: 2; a login: 8; a logout of a user: 6", async () => {
    const { browser, monitor } = await stage();
    await browser.post("/set/a");
    expect(await monitor.take()).toStrictEqual(["SET"]);
    await browser.post("/set/b");
    expect(await monitor.take()).toStrictEqual(["GET", "EVAL"]);
    // The first run of a script on a connection brings its text along, later ones only its hash.
    await browser.post("/set/c");
    expect(await monitor.take()).toStrictEqual(["GET", "EVALSHA"]);
    await browser.get("/read");
    expect(await monitor.take()).toStrictEqual(["GET"]);
    await browser.post("/increment");
    expect(await monitor.take()).toStrictEqual(["GET", "EVALSHA"]);
    await browser.post("/login/1");
    // The user's epoch, listed among the user's sessions, created, checked against a revocation, the move
    // remembered, the old record deleted and unlisted; before the response leaves, the new key is looked at
    // once more. With the first one, the server is asked whether it evicts.
    const login = ["GET", "HGET", "INFO", "EVAL", "SET", "EVAL", "EVAL", "EVAL", "GET"];
    expect(await monitor.take()).toStrictEqual(login);
    await browser.post("/logout");
    // A look for records that a move has left halfway; deleted, the end remembered, unlisted; before the
    // response clears the cookie, a look for a login in between.
    expect(await monitor.take()).toStrictEqual(["GET", "GET", "DEL", "EVALSHA", "EVAL", "GET"]);
  });

  test("100 reads: at most 102, touches included", async () => {
    const { browser, monitor } = await stage();
    await browser.post("/set/a");
    await monitor.take();
    // A process that has not seen the session: its first read is also a touch.
    const other = await startApp({
      start,
      settings: { redis: { default: server().settings }, sessions: { deadline: "10s" } },
    });
    const visitor = new Browser(other.url, browser.cookie);
    for (let count = 0; count < 100; count++) await visitor.get("/read");
    const commands = await monitor.take();
    expect(commands.filter((command) => command === "GET")).toHaveLength(100);
    expect(commands.length).toBeLessThanOrEqual(102);
    expect(commands.filter((command) => command === "EVAL")).toHaveLength(1);
  });

  test("100 reads of a user who is logged in: at most 102, with the note for the list of devices", async () => {
    const { browser, monitor } = await stage();
    await browser.post("/login/1");
    const other = await startApp({
      start,
      settings: { redis: { default: server().settings }, sessions: { deadline: "10s" } },
    });
    const visitor = new Browser(other.url, browser.cookie);
    await monitor.take();
    for (let count = 0; count < 100; count++) await visitor.get("/read");
    expect((await monitor.take()).filter((command) => command !== "GET")).toStrictEqual(["EVAL", "EVAL"]);
  });

  test("a cookie of the wrong form: 0", async () => {
    const { app, monitor } = await stage();
    for (const cookie of [
      "sessionid=",
      "sessionid=x",
      `sessionid=${"A".repeat(32)}`,
      `sessionid=${"a".repeat(4000)}`,
    ]) {
      await new Browser(app.url, cookie).get("/read");
    }
    expect(await monitor.take()).toStrictEqual([]);
  });
}
