import { expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../src/cache/index.ts";
import { createLimiter } from "../../src/cache/limits/index.ts";
import { djangoRatelimit } from "../../src/django/ratelimit/index.ts";
import { StoreConnectionError } from "../../src/core/errors.ts";
import { expressRateLimitStore } from "../../src/integrations/express-rate-limit/index.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { openCacheOn } from "../integration/cache/support.ts";
import { errorOf, MARGIN, serverForTest, timeOf } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const DEADLINE = 500;

/** Each way: an answer takes 400 ms, so that two steps one after the other are more than a deadline. */
const LATENCY = 200;

/** Calls on entries, most of which take two steps or more. */
const CALLS: Readonly<Record<string, (cache: Cache) => Promise<unknown>>> = {
  get: (cache) => cache.get("k"),
  "get with tags": (cache) => cache.get("tagged"),
  getMany: (cache) => cache.getMany(["k", "tagged", "none"]),
  "set with tags": (cache) => cache.set("k", 1, { tags: ["a", "b"] }),
  "add of what has expired": (cache) => cache.add("k", 1, { timeout: 0 }),
  getOrSet: (cache) => cache.getOrSet("none", () => 1),
  "getOrSet with tags": (cache) => cache.getOrSet("none", () => 1, { tags: ["a"] }),
  getOrSetMany: (cache) => cache.getOrSetMany(["k", "none"], () => ({ none: 1 })),
  incr: (cache) => cache.incr("k"),
  incrVersion: (cache) => cache.incrVersion("k"),
  touch: (cache) => cache.touch("tagged", 10),
  persist: (cache) => cache.persist("tagged"),
};

async function openSlow(sharedVersion = true): Promise<{ cache: Cache; proxy: TcpProxy }> {
  const server = await serverForTest();
  const proxy = await TcpProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const redis = new RedisRegistry({ default: { host: "127.0.0.1", port: proxy.port } });
  onTestFinished(() => redis.close());
  const cache = openCacheOn(redis, { deadline: DEADLINE / 1000, sharedVersion });
  await cache.ping();
  return { cache, proxy };
}

describeWithRedis("a cache whose deadline is 500 ms, on a store that answers after 400 ms", () => {
  test.each([false, true])(
    "each call on entries ends within 750 ms (sharedVersion: %s)",
    async (sharedVersion) => {
      const { cache, proxy } = await openSlow(sharedVersion);
      await cache.set("k", 1);
      await cache.set("tagged", 1, { tags: ["a"] });
      proxy.conditions.latency = LATENCY;
      const outcomes = await Promise.all(
        Object.entries(CALLS).map(async ([name, call]) => {
          const start = performance.now();
          const [result] = await Promise.allSettled([call(cache)]);
          const isLate = performance.now() - start >= DEADLINE + MARGIN;
          const isUntyped = result.status === "rejected" && !(result.reason instanceof StoreConnectionError);
          return { name, isLate, isUntyped };
        }),
      );
      expect(outcomes.filter(({ isLate, isUntyped }) => isLate || isUntyped)).toEqual([]);
    },
  );

  test.each<[string, (cache: Cache) => () => Promise<unknown>]>([
    ["fixed limits", (cache) => limiting(cache, "fixed", 1)],
    ["fixed limits that take back", (cache) => limiting(cache, "fixed", 3)],
    ["sliding limits", (cache) => limiting(cache, "sliding", 1)],
    ["limits of django-ratelimit", (cache) => ratelimiting(cache, true)],
    ["a look at limits of django-ratelimit", (cache) => ratelimiting(cache, false)],
    ["hits of express-rate-limit", (cache) => hitting(cache, "increment")],
    ["hits of express-rate-limit that are taken back", (cache) => hitting(cache, "decrement")],
    ["incr with a beginning", (cache) => () => cache.incr("n", 1, { initial: 0 })],
  ])("%s: each call ends within 750 ms", async (_, use) => {
    const { cache, proxy } = await openSlow();
    const call = use(cache);
    await call();
    proxy.conditions.latency = LATENCY;
    for (let time = 0; time < 3; time++) expect(await timeOf(call())).toBeLessThan(DEADLINE + MARGIN);
  });

  test("a lock: acquire, extend, isOwned, release and a run of no work take one step each", async () => {
    const { cache, proxy } = await openSlow();
    const lock = cache.lock("job", { timeout: "1m", blocking: false });
    await lock.run(() => {});
    proxy.conditions.latency = LATENCY;
    for (const call of [
      () => lock.acquire(),
      () => lock.extend(),
      () => lock.isOwned(),
      () => lock.release(),
    ]) {
      const operation = call();
      expect(await timeOf(operation)).toBeLessThan(DEADLINE + MARGIN);
      await operation;
    }
    const start = performance.now();
    let [begun, ended] = [0, 0];
    await lock.run(() => {
      begun = performance.now();
      ended = performance.now();
    });
    expect(begun - start).toBeLessThan(DEADLINE + MARGIN);
    expect(performance.now() - ended).toBeLessThan(DEADLINE + MARGIN);
  });

  test("a lock on a store that answers after more than the deadline: each call fails within 750 ms", async () => {
    const { cache, proxy } = await openSlow();
    const [held, other] = [cache.lock("held", { timeout: "1m" }), cache.lock("other", { timeout: "1m" })];
    await held.acquire();
    proxy.conditions.latency = 2 * LATENCY;
    for (const call of [
      () => other.acquire(),
      () => other.run(() => {}),
      () => held.extend(),
      () => held.release(),
    ]) {
      const operation = call();
      expect(await timeOf(operation)).toBeLessThan(DEADLINE + MARGIN);
      expect(await errorOf(operation)).toBeInstanceOf(StoreConnectionError);
    }
  });
});

/** Half of the limit is used up, so that a cost of 3 is taken back. */
function limiting(cache: Cache, algorithm: "fixed" | "sliding", cost: number): () => Promise<unknown> {
  const limiter = createLimiter(cache, { algorithm, limit: 4, window: "1h", prefix: "l:" });
  return () => limiter.consume("ann", { cost });
}

function ratelimiting(cache: Cache, increment: boolean): () => Promise<unknown> {
  return () => djangoRatelimit(cache, { group: "g", rate: "5/30d", value: "ann", increment });
}

function hitting(cache: Cache, method: "increment" | "decrement"): () => Promise<unknown> {
  const store = expressRateLimitStore(cache);
  store.init({ windowMs: 30 * 86_400_000 });
  return () => store[method]("ann");
}
