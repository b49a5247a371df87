import { RateLimiterRes } from "rate-limiter-flexible";
import { expect, onTestFinished } from "vitest";

import { StoreConnectionError } from "../../../src/core/errors.ts";
import { rateLimiterFlexibleStore } from "../../../src/integrations/rate-limiter-flexible/index.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { openUnreachable } from "./support.ts";

// So long that no test meets the end of one.
const DAY = 86_400;

describeWithRedis("rate-limiter-flexible on Redis", () => {
  test("40 calls at once in two processes: exactly the points are consumed, and both block", async ({
    server,
  }) => {
    const settings = { keyPrefix: newPrefix(), deadline: "20s" } as const;
    const limiters = [0, 1].map(() =>
      rateLimiterFlexibleStore(openCache(server, settings), {
        points: 10,
        duration: DAY,
        blockDuration: 2 * DAY,
      }),
    );
    const calls = limiters.flatMap((limiter) => Array.from({ length: 20 }, () => limiter.consume("ann")));
    const answers = await Promise.allSettled(calls);
    expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    for (const limiter of limiters) {
      const refusal: unknown = await limiter.consume("ann").catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(RateLimiterRes);
      expect((refusal as RateLimiterRes).msBeforeNext).toBeGreaterThan(DAY * 1000);
    }
  });

  test("a call is two commands; set, block and delete", async ({ server }) => {
    const limiter = rateLimiterFlexibleStore(openCache(server), { points: 1, duration: DAY });
    await limiter.consume("ann");
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await expect(limiter.consume("ann")).rejects.toMatchObject({ consumedPoints: 2 });
    expect(await monitor.take()).toEqual(["EVALSHA", "PTTL"]);
    await limiter.set("ann", 5, 0);
    expect(await limiter.get("ann")).toMatchObject({ consumedPoints: 5, msBeforeNext: -1 });
    expect(await monitor.take()).toEqual(["SET", "GET", "PTTL"]);
    await limiter.block("ann", 60);
    expect(await limiter.get("ann")).toMatchObject({ consumedPoints: 2, remainingPoints: 0 });
    expect(await limiter.delete("ann")).toBe(true);
    expect(await limiter.get("ann")).toBeNull();
  });

  test("a server that cannot be reached is an error, not a refusal", async () => {
    const limiter = rateLimiterFlexibleStore(await openUnreachable(), { points: 1, duration: DAY });
    await expect(limiter.consume("ann")).rejects.toThrow(StoreConnectionError);
  });
});
