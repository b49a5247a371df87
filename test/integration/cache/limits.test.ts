import { describe, expect, onTestFinished } from "vitest";

import { type Cache, TaggedJsonSerializer, zlibCompressor } from "../../../src/cache/index.ts";
import { createLimiter, type Limiter } from "../../../src/cache/limits/index.ts";
import { CacheKeyNotFoundError } from "../../../src/core/errors.ts";
import { djangoRatelimit, djangoRatelimitKey } from "../../../src/django/ratelimit/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache } from "./support.ts";

const AT = 1_700_000_000_000;

describeWithRedis("rate limits on Redis", () => {
  const test = redisTest.extend(
    "processes",
    ({ server }) =>
      (keyPrefix: string): Cache[] =>
        Array.from({ length: 4 }, () => openCache(server, { keyPrefix, deadline: "20s" })),
  );

  describe.each(["fixed", "sliding"] as const)("a limiter with %s windows", (algorithm) => {
    const open = (cache: Cache, clock = new ManualClock(AT)): Limiter =>
      createLimiter(cache, { algorithm, limit: 40, window: "1h", prefix: "t:", clock });

    test("allows exactly the limit of 100 callers in four processes", async ({ processes }) => {
      const limiters = processes(`exact-${algorithm}`).map((cache) => open(cache));
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => limiters[index % 4]?.consume("ann")),
      );
      expect(answers.filter((answer) => answer?.isAllowed)).toHaveLength(40);
      expect(await limiters[0]?.peek("ann")).toMatchObject({ isAllowed: false, remaining: 0 });
    });

    test("peek is one command, and reset only deletes", async ({ server }) => {
      const monitor = await server.monitor();
      onTestFinished(() => monitor.stop());
      const limiter = open(openCache(server));
      await limiter.peek("ann");
      expect(await monitor.take()).toEqual([algorithm === "fixed" ? "GET" : "MGET"]);
      await limiter.reset("ann");
      expect(new Set(await monitor.take())).toEqual(new Set(["UNLINK"]));
    });
  });

  test("count in a cache that compresses and tags its values, since integers stay digits", async ({
    server,
  }) => {
    const compressed = { compression: { compressor: zlibCompressor() }, serializer: TaggedJsonSerializer };
    const cache = openCache(server, { ...compressed, deadline: "20s" });
    for (const algorithm of ["fixed", "sliding"] as const) {
      const limiter = createLimiter(cache, { algorithm, limit: 2, window: "30d", prefix: "t:" });
      for (const isAllowed of [true, true, false])
        expect(await limiter.consume("ann")).toMatchObject({ isAllowed });
    }
  });

  test("fixed windows cost one command, also the first of a window, and when it is refused", async ({
    server,
  }) => {
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    const limiter = createLimiter(openCache(server), {
      limit: 2,
      window: "1h",
      prefix: "t:",
      clock: new ManualClock(AT),
    });
    for (const isAllowed of [true, true, false, false]) {
      expect(await limiter.consume("ann")).toMatchObject({ isAllowed });
      expect(await monitor.take()).toHaveLength(1);
    }
  });

  test("sliding windows cost two commands, and one when it is refused", async ({ server }) => {
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    const clock = new ManualClock(AT);
    const settings = { limit: 2, window: "1h", prefix: "t:", algorithm: "sliding", clock } as const;
    const limiter = createLimiter(openCache(server), settings);
    for (const hit of ["first", "second"]) {
      expect(await limiter.consume("ann"), hit).toMatchObject({ isAllowed: true });
      expect(await monitor.take()).toEqual(["MGET", expect.stringMatching(/^EVAL/)]);
    }
    expect(await limiter.consume("ann")).toMatchObject({ isAllowed: false });
    expect(await monitor.take()).toEqual(["MGET"]);
  });

  describe("what django-ratelimit needs of a cache", () => {
    const login = { group: "myapp.views.login", rate: "5/m", value: "127.0.0.1" };
    const key = djangoRatelimitKey({ ...login, at: AT });

    test("of 40 callers in four processes one begins the counter, and each of the others sees another count", async ({
      processes,
      server,
    }) => {
      const caches = processes("begin");
      const clock = new ManualClock(AT);
      const usages = await Promise.all(
        Array.from({ length: 40 }, async (_, index) =>
          djangoRatelimit(caches[index % 4] as Cache, { ...login, clock, increment: true }),
        ),
      );
      const counts = usages.map((usage) => usage?.count ?? 0).toSorted((left, right) => left - right);
      expect(counts).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
      expect(usages.filter((usage) => usage?.shouldLimit === false)).toHaveLength(5);
      expect(await server.command("GET", `begin:1:${key}`)).toBe("40");
      expect(await caches[1]?.get(key)).toBe(40);
    });

    test("the counter lives for the period and 5 seconds, and counting does not change that", async ({
      server,
    }) => {
      const cache = openCache(server, { keyPrefix: "life", deadline: "20s" });
      const clock = new ManualClock(AT);
      await djangoRatelimit(cache, { ...login, clock, increment: true });
      const life = async (): Promise<number> => Number(await server.command("PTTL", `life:1:${key}`));
      expect(await life()).toBeGreaterThan(45_000);
      expect(await life()).toBeLessThanOrEqual(65_000);
      await server.command("PEXPIRE", `life:1:${key}`, "30000");
      await djangoRatelimit(cache, { ...login, clock, increment: true });
      await djangoRatelimit(cache, { ...login, clock });
      expect(await life()).toBeGreaterThan(10_000);
      expect(await life()).toBeLessThanOrEqual(30_000);
    });

    test("incr of a counter that is not there is an error, and creates none", async ({ server }) => {
      const cache = openCache(server, { keyPrefix: "none" });
      await expect(cache.incr(key)).rejects.toThrow(CacheKeyNotFoundError);
      expect(await server.command("EXISTS", `none:1:${key}`)).toBe(0);
    });
  });
});
