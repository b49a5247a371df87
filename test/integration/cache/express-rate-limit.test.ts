import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import { type Options, rateLimit } from "express-rate-limit";
import { memoryCacheStore } from "sojourn/stores/memory";
import { describe, expect, onTestFinished, vi } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { StoreConnectionError } from "../../../src/core/errors.ts";
import { expressRateLimitStore } from "../../../src/integrations/express-rate-limit/index.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { gate } from "../../support/cache-harness.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, freePort } from "../../support/redis-server.ts";
import { EXPRESSES } from "../adapters/support/express.ts";
import { newPrefix, openCache, openCacheOn } from "./support.ts";

// So long that no test meets the end of one.
const WINDOW = 30 * 86_400_000;

/** Whatever express-rate-limit finds wrong with a store or an application, it writes there. */
function watchConsole(): { complaints: unknown[] } {
  const complaints: unknown[] = [];
  for (const method of ["error", "warn"] as const) {
    const spy = vi.spyOn(console, method).mockImplementation((...args) => void complaints.push(...args));
    onTestFinished(() => spy.mockRestore());
  }
  return { complaints };
}

/** Serves an application that is limited, with all validations of the library on. @returns Sends one request. */
async function serve(
  make: () => Express,
  options: Partial<Options>,
  slowIsOver?: Promise<void>,
): Promise<(path?: string) => Promise<Response>> {
  const app = make();
  app.use(
    rateLimit({ windowMs: WINDOW, limit: 3, standardHeaders: "draft-7", legacyHeaders: true, ...options }),
  );
  app.get("/fail", (_, res) => void res.status(500).send("failed"));
  app.get("/", (_, res) => void res.send("served"));
  app.get("/slow", async (_, res) => (await slowIsOver, void res.send("late")));
  app.use(
    ((error: Error, _req, res, _next) =>
      void res.status(503).send(error.name)) as express.ErrorRequestHandler,
  );
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return (path = "/") => fetch(`http://127.0.0.1:${port}${path}`);
}

async function statuses(send: () => Promise<Response>, count: number): Promise<number[]> {
  const responses = await Promise.all(Array.from({ length: count }, () => send()));
  await Promise.all(responses.map((response) => response.text()));
  return responses.map(({ status }) => status);
}

const served = (codes: readonly number[]): number => codes.filter((code) => code === 200).length;

describe.each(EXPRESSES)("express-rate-limit on %s", (_, make) => {
  const memory = (): Cache => openCacheOn(new RedisRegistry(), { store: memoryCacheStore() });

  test("serves the limit and refuses the rest, with its headers, and its validations find nothing", async () => {
    const { complaints } = watchConsole();
    const send = await serve(make, { store: expressRateLimitStore(memory()) });
    const first = await send();
    expect([first.status, await first.text()]).toEqual([200, "served"]);
    expect(first.headers.get("ratelimit")).toMatch(/^limit=3, remaining=2, reset=\d+$/);
    expect(first.headers.get("x-ratelimit-remaining")).toBe("2");
    expect(await statuses(send, 2)).toEqual([200, 200]);
    const refused = await send();
    expect(refused.status).toBe(429);
    const wait = Number(refused.headers.get("retry-after"));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(WINDOW / 1000);
    expect(complaints).toEqual([]);
  });

  test("begins again with the next window", async () => {
    const { complaints } = watchConsole();
    const clock = new ManualClock();
    const send = await serve(make, { store: expressRateLimitStore(memory(), { clock }) });
    expect(served(await statuses(send, 5))).toBe(3);
    clock.advance(WINDOW);
    expect(served(await statuses(send, 5))).toBe(3);
    expect(complaints).toEqual([]);
  });

  test("two limiters on one request count for themselves when they have prefixes of their own", async () => {
    const { complaints } = watchConsole();
    const cache = memory();
    const outer = (): Express => {
      const app = make();
      app.use(
        rateLimit({ windowMs: WINDOW, limit: 5, store: expressRateLimitStore(cache, { prefix: "all:" }) }),
      );
      return app;
    };
    const send = await serve(outer, { store: expressRateLimitStore(cache, { prefix: "some:" }) });
    expect(served(await statuses(send, 3))).toBe(3);
    expect(complaints).toEqual([]);
  });

  test("two limiters with one prefix are what the library's validations are for", async () => {
    const { complaints } = watchConsole();
    const cache = memory();
    const outer = (): Express => {
      const app = make();
      app.use(rateLimit({ windowMs: WINDOW, limit: 5, store: expressRateLimitStore(cache) }));
      return app;
    };
    await (
      await serve(outer, { store: expressRateLimitStore(cache) })
    )();
    expect(complaints).toEqual([expect.objectContaining({ code: "ERR_ERL_DOUBLE_COUNT" })]);
  });

  test("a store that fails refuses the request, or lets it pass with passOnStoreError", async () => {
    const { complaints } = watchConsole();
    const redis = new RedisRegistry({ default: `redis://127.0.0.1:${await freePort()}` });
    onTestFinished(() => redis.close());
    const strict = await serve(make, { store: expressRateLimitStore(openCacheOn(redis)) });
    const response = await strict();
    expect([response.status, await response.text()]).toEqual([503, "RedisConnectionError"]);
    expect(complaints).toEqual([]);
    const lax = await serve(make, {
      store: expressRateLimitStore(openCacheOn(redis)),
      passOnStoreError: true,
    });
    expect((await lax()).status).toBe(200);
    expect(complaints).toEqual([
      expect.stringContaining("error from store"),
      expect.any(StoreConnectionError),
    ]);
  });
});

describeWithRedis("express-rate-limit with a store on Redis", () => {
  test("50 requests at the same time to two processes: exactly the limit is served", async ({ server }) => {
    const { complaints } = watchConsole();
    const keyPrefix = newPrefix();
    const make = (): Promise<() => Promise<Response>> =>
      serve(express, {
        limit: 20,
        store: expressRateLimitStore(openCache(server, { keyPrefix, deadline: "20s" })),
      });
    const [one, other] = [await make(), await make()];
    const codes = await Promise.all([statuses(one, 25), statuses(other, 25)]);
    expect(served(codes.flat())).toBe(20);
    expect(complaints).toEqual([]);
  });

  test("a hit is one command, also the first of a window, and so is one that is taken back", async ({
    server,
  }) => {
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    const store = expressRateLimitStore(openCache(server));
    store.init({ windowMs: WINDOW });
    for (const totalHits of [1, 2]) {
      expect(await store.increment("client")).toMatchObject({ totalHits });
      expect(await monitor.take()).toHaveLength(1);
    }
    await store.decrement("client");
    expect(await monitor.take()).toHaveLength(1);
  });

  test("requests that do not count are taken back: skipFailedRequests", async ({ server }) => {
    const { complaints } = watchConsole();
    const cache = openCache(server);
    const store = expressRateLimitStore(cache);
    const limiter = { store, limit: 3, skipFailedRequests: true, keyGenerator: () => "client" };
    const send = await serve(express, limiter);
    for (let request = 0; request < 10; request++) {
      expect((await send("/fail")).status).toBe(500);
      await vi.waitFor(async () => expect(await store.get("client")).toBeUndefined(), 10_000);
    }
    expect((await send()).status).toBe(200);
    expect(await store.get("client")).toMatchObject({ totalHits: 1 });
    expect(complaints).toEqual([]);
  });

  test.for(EXPRESSES)(
    "a request that ends in a later window is taken back in its own, whatever else is counted: %s",
    async ([, make], { server }) => {
      const { complaints } = watchConsole();
      // The library asks for nothing to be taken back that its own clock takes for over.
      const clock = new ManualClock(Date.now() + WINDOW);
      const store = expressRateLimitStore(openCache(server), { clock });
      const isOver = gate();
      const limiter = { store, limit: 20, skipSuccessfulRequests: true, keyGenerator: () => "client" };
      const send = await serve(make, limiter, isOver.promise);
      const hits = async (): Promise<number | undefined> => (await store.get("client"))?.totalHits;
      for (let request = 0; request < 5; request++) await send("/fail");
      const slow = [send("/slow"), send("/slow")];
      await vi.waitFor(async () => expect(await hits()).toBe(7), 10_000);
      clock.advance(WINDOW);
      for (let request = 0; request < 3; request++) await send("/fail");
      // Quick ones of this window are taken back here, though others stay counted in the one before.
      for (let request = 0; request < 4; request++) await send("/");
      await vi.waitFor(async () => expect(await hits()).toBe(3), 10_000);
      isOver.open();
      expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200]);
      await send("/fail");
      expect(await hits()).toBe(4);
      expect(complaints).toEqual([]);
    },
  );

  test("resetKey forgets one client, and all see the same end of the window", async ({ server }) => {
    const clock = new ManualClock();
    const keyPrefix = newPrefix();
    const open = () => {
      const store = expressRateLimitStore(openCache(server, { keyPrefix }), { clock });
      store.init({ windowMs: WINDOW });
      return store;
    };
    const [one, other] = [open(), open()];
    const { resetTime } = await one.increment("ann");
    expect(await other.increment("ann")).toEqual({ totalHits: 2, resetTime });
    expect(resetTime.getTime() - clock.now()).toBeGreaterThan(0);
    expect(resetTime.getTime() - clock.now()).toBeLessThanOrEqual(WINDOW);
    await one.increment("bob");
    await other.resetKey("ann");
    expect(await one.get("ann")).toBeUndefined();
    expect(await other.get("bob")).toMatchObject({ totalHits: 1 });
  });
});
