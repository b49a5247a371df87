import rateLimit, { type RateLimitPluginOptions } from "@fastify/rate-limit";
import fastify, { type FastifyInstance } from "fastify";
import { expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { fastifyRateLimitStore } from "../../../src/integrations/fastify-rate-limit/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

// So long that no test meets the end of one.
const DAY = 86_400_000;

/** Makes an application that is limited. */
async function makeApplication(cache: Cache, options: RateLimitPluginOptions = {}): Promise<FastifyInstance> {
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(rateLimit, {
    max: 3,
    timeWindow: DAY,
    store: fastifyRateLimitStore(cache),
    ...options,
  });
  const own = (limits: object) => ({ config: { rateLimit: limits } });
  app.get("/", () => "served");
  app.get("/rare", own({ max: 1 }), () => "rare");
  app.get("/free", { config: { rateLimit: false } }, () => "free");
  app.get("/one", own({ groupId: "group", max: 2 }), () => "one");
  app.get("/two", own({ groupId: "group", max: 2 }), () => "two");
  const check = app.createRateLimit({ max: 2 });
  app.get("/peek", { config: { rateLimit: false } }, (request) => check(request, { increment: false }));
  app.get("/check", { config: { rateLimit: false } }, (request) => check(request));
  return app;
}

async function statuses(app: FastifyInstance, path: string, count: number): Promise<number[]> {
  const responses = await Promise.all(Array.from({ length: count }, () => app.inject(path)));
  return responses.map(({ statusCode }) => statusCode).toSorted((one, other) => one - other);
}

describeOnEngines("@fastify/rate-limit with its store", (open) => {
  test("serves the limit, with its headers, and refuses the rest", async () => {
    const app = await makeApplication(open());
    const first = await app.inject("/");
    expect([first.statusCode, first.body]).toEqual([200, "served"]);
    expect(first.headers).toMatchObject({ "x-ratelimit-limit": "3", "x-ratelimit-remaining": "2" });
    expect(Number(first.headers["x-ratelimit-reset"])).toBeGreaterThan(DAY / 1000 - 60);
    expect(await statuses(app, "/", 4)).toEqual([200, 200, 429, 429]);
    expect(Number((await app.inject("/")).headers["retry-after"])).toBeLessThanOrEqual(DAY / 1000);
  });

  test("routes have limits of their own, and groups share theirs", async () => {
    const app = await makeApplication(open());
    expect(await statuses(app, "/rare", 2)).toEqual([200, 429]);
    expect(await statuses(app, "/", 3)).toEqual([200, 200, 200]);
    expect(await statuses(app, "/free", 5)).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses(app, "/one", 1)).toEqual([200]);
    expect(await statuses(app, "/two", 2)).toEqual([200, 429]);
  });

  test("a limit is read without being counted, and checked by hand", async () => {
    const app = await makeApplication(open());
    const ask = async (path: string): Promise<unknown> => (await app.inject(path)).json();
    expect(await ask("/peek")).toMatchObject({ remaining: 2, isExceeded: false });
    expect(await ask("/check")).toMatchObject({ remaining: 1, isExceeded: false });
    expect(await ask("/peek")).toMatchObject({ remaining: 1, isExceeded: false });
    for (let call = 0; call < 2; call++) await ask("/check");
    expect(await ask("/peek")).toMatchObject({ remaining: 0, isExceeded: true });
  });

  test("ban, and a back-off that doubles", async () => {
    const app = await makeApplication(open(), { exponentialBackoff: true, ban: 2, max: 1 });
    const codes: number[] = [];
    const waits: number[] = [];
    for (let request = 0; request < 5; request++) {
      const { statusCode, headers } = await app.inject("/");
      codes.push(statusCode);
      waits.push(Math.round(Number(headers["retry-after"] ?? 0) / (DAY / 1000)));
    }
    expect(codes).toEqual([200, 429, 429, 403, 403]);
    expect(waits).toEqual([0, 1, 2, 4, 8]);
  });
});

describeWithRedis("@fastify/rate-limit on Redis", () => {
  redisTest("40 requests at once to two processes: exactly the limit is served", async ({ server }) => {
    const settings = { keyPrefix: newPrefix(), deadline: "20s" } as const;
    const [one, other] = [
      await makeApplication(openCache(server, settings), { max: 10 }),
      await makeApplication(openCache(server, settings), { max: 10 }),
    ];
    const codes = (await Promise.all([statuses(one, "/", 20), statuses(other, "/", 20)])).flat();
    expect(codes.filter((code) => code === 200)).toHaveLength(10);
  });

  redisTest("a request is two commands", async ({ server }) => {
    const app = await makeApplication(openCache(server));
    await app.inject("/");
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await app.inject("/");
    expect(await monitor.take()).toEqual(["EVALSHA", "PTTL"]);
    await app.inject("/peek");
    expect(await monitor.take()).toEqual(["GET", "PTTL"]);
  });
});

test("@fastify/rate-limit with a cache that fails: an error, or, with skipOnError, served", async () => {
  expect((await (await makeApplication(await openUnreachable())).inject("/")).statusCode).toBe(500);
  const lax = await makeApplication(await openUnreachable(), { skipOnError: true });
  expect((await lax.inject("/")).statusCode).toBe(200);
});
