import { describe, expect, onTestFinished, test, vi } from "vitest";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { MARGIN, serverForTest } from "../support/redis-connections.ts";
import { isSoak, scaled } from "../support/scale.ts";
import { ADAPTERS } from "../integration/adapters/support/adapters.ts";
import type { StartApplication } from "../integration/adapters/support/start-application.ts";
import { Browser, startApp } from "../integration/sessions/app.ts";

const DEADLINE = 1000;
// Seconds each: all of them in the soak.
const TRIED = Object.entries(ADAPTERS).filter(([name]) => isSoak || name === "expressSessions on Express 5");

async function open(application: StartApplication, options: Parameters<typeof RedisServer.start>[0] = {}) {
  const server = await serverForTest(options);
  const app = await startApp({
    start: application,
    settings: { redis: { default: server.settings }, sessions: { deadline: "1s" } },
  });
  return { server, app };
}

async function timed(request: Promise<Response>): Promise<{ status: number; milliseconds: number }> {
  const begin = performance.now();
  const response = await request;
  await response.arrayBuffer();
  return { status: response.status, milliseconds: performance.now() - begin };
}

describe.each(TRIED)("%s", (_name, start) => {
  describeWithRedis("a frozen server (SIGSTOP)", () => {
    test("200 requests in flight all end within the deadline, and after SIGCONT the next request succeeds", async () => {
      const { server, app } = await open(start);
      const browsers = Array.from({ length: 200 }, () => new Browser(app.url));
      await Promise.all(browsers.map((browser) => browser.post("/increment")));
      app.times.length = 0;
      server.freeze();
      onTestFinished(() => server.thaw());
      const answers = await Promise.all(
        browsers.map((browser, index) =>
          timed(browser.send(index % 2 === 0 ? "POST" : "GET", index % 2 === 0 ? "/increment" : "/read")),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toStrictEqual(new Set([500]));
      expect(Math.max(...app.times)).toBeLessThan(DEADLINE + MARGIN);

      const page = await browsers[0]?.send("GET", "/static");
      expect(page?.status).toBe(200);

      // The server is still frozen: what comes now is bounded too.
      const late = await timed(browsers[0]?.send("GET", "/read") ?? Promise.reject(new Error("no browser")));
      expect(late.status).toBe(500);
      expect(late.milliseconds).toBeLessThan(DEADLINE + MARGIN);

      server.thaw();
      expect((await browsers[1]?.get("/read"))?.data).toStrictEqual({ n: 1 });
      expect(await browsers[1]?.post("/increment")).toBe(200);
    });
  });

  describeWithRedis("a server killed with -9 while sessions are saved", () => {
    test("each request has failed or its write is there after the restart, and none is there twice", async () => {
      const { server, app } = await open(start, { appendonly: true });
      const browsers = Array.from({ length: 20 }, () => new Browser(app.url));
      await Promise.all(browsers.map((browser) => browser.post("/set/first")));

      for (let round = 0; round < scaled(3, 50); round++) {
        const acknowledged = browsers.map(() => 0);
        const failed = browsers.map(() => 0);
        const before = await Promise.all(
          browsers.map(
            async (browser) => ((await browser.get("/read")).data["n"] as number | undefined) ?? 0,
          ),
        );
        let isDown = false;
        let total = 0;
        const writers = browsers.map(async (browser, index) => {
          while (!isDown) {
            if ((await browser.post("/increment")) === 200) {
              acknowledged[index] = (acknowledged[index] ?? 0) + 1;
              if (++total === 200) void server.kill().then(() => (isDown = true));
            } else {
              failed[index] = (failed[index] ?? 0) + 1;
            }
          }
        });
        await Promise.all(writers);
        await server.restart();
        // For 50 ms after a refused connection no other one is tried.
        await vi.waitFor(() => app.sessions.ping());

        const after = await Promise.all(
          browsers.map(async (browser) => (await browser.get("/read")).data["n"] as number),
        );
        after.forEach((n, index) => {
          const counted = n - (before[index] ?? 0);
          expect(counted).toBeGreaterThanOrEqual(acknowledged[index] ?? 0);
          expect(counted).toBeLessThanOrEqual((acknowledged[index] ?? 0) + (failed[index] ?? 0));
        });
        expect(total).toBeGreaterThanOrEqual(200);
      }
    });
  });

  describeWithRedis("a server that is not there", () => {
    test("a request fails at once, and a page without a session does not care", async () => {
      const { server, app } = await open(start);
      const browser = new Browser(app.url);
      await browser.post("/set/a");
      await server.kill();
      const answer = await timed(browser.send("GET", "/read"));
      expect(answer.status).toBe(500);
      expect(answer.milliseconds).toBeLessThan(DEADLINE + MARGIN);
      expect((await browser.send("GET", "/static")).status).toBe(200);
      // No cookie, no data: nothing is asked of the store.
      expect((await new Browser(app.url).send("GET", "/read")).status).toBe(200);
    });
  });
});
