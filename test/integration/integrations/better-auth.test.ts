import { expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { CacheUsageError, StoreConnectionError } from "../../../src/core/errors.ts";
import { betterAuthStorage } from "../../../src/integrations/better-auth/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

const HOUR = 3600;

/** Times to live of all entries, none of which shows more of its key than the prefix. */
async function timesOf(cache: Cache): Promise<(number | null)[]> {
  const keys = await cache.keys("*");
  for (const key of keys) expect(key).toMatch(/^better-auth:[\w-]{43}$/);
  return [...(await cache.ttlMany(keys)).values()];
}

describeOnEngines("betterAuthStorage", (open) => {
  test("texts with their times; without one there is no expiry", async () => {
    const cache = open({ timeout: 60 });
    const storage = betterAuthStorage(cache);
    const session = JSON.stringify({ session: { token: "t" }, user: { id: "7" } });
    await storage.set("t", session, HOUR);
    await storage.set("active-sessions-7", "[]");
    expect(await storage.get("t")).toBe(session);
    expect(await storage.get("none")).toBeNull();
    expect(new Set(await timesOf(cache))).toEqual(new Set([HOUR, null]));
    await storage.delete("t");
    await storage.delete("t");
    expect(await storage.get("t")).toBeNull();
  });

  test("a text that is used once: of 20 that take it, one gets it", async () => {
    const storage = betterAuthStorage(open());
    await storage.set("code", "123456", HOUR);
    const taken = await Promise.all(Array.from({ length: 20 }, () => storage.getAndDelete("code")));
    expect(taken.filter((each) => each === "123456")).toHaveLength(1);
    expect(taken.filter((each) => each === null)).toHaveLength(19);
    expect(await storage.get("code")).toBeNull();
  });

  test("a counter has the time of its first increment, and is read as text", async () => {
    const cache = open();
    const storage = betterAuthStorage(cache);
    const sums = await Promise.all(Array.from({ length: 20 }, () => storage.increment("ip", HOUR)));
    expect(sums.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    expect(await storage.increment("ip", 5 * HOUR)).toBe(21);
    expect(await timesOf(cache)).toEqual([HOUR]);
    expect(await storage.get("ip")).toBe("21");
    expect(await storage.getAndDelete("ip")).toBe("21");
    expect(await storage.increment("ip", HOUR)).toBe(1);
  });

  test("works without its object, as better-auth calls it", async () => {
    const { get, getAndDelete, increment, set } = betterAuthStorage(open());
    await set("a", "1");
    expect([await get("a"), await getAndDelete("a"), await increment("n", HOUR)]).toEqual(["1", "1", 1]);
  });

  test("prefixes keep storages apart, and wrong options are refused", async () => {
    const cache = open();
    await betterAuthStorage(cache, { prefix: "one:" }).set("a", "1");
    expect(await betterAuthStorage(cache).get("a")).toBeNull();
    const make = betterAuthStorage as (...given: unknown[]) => unknown;
    expect(() => make({})).toThrow("betterAuthStorage() expected a cache");
    expect(() => make(cache, { ttl: 1 })).toThrow(CacheUsageError);
    await expect(betterAuthStorage(cache).set("a", "1", Number.NaN)).rejects.toThrow(CacheUsageError);
  });
});

describeWithRedis("betterAuthStorage on Redis", () => {
  redisTest("each call is one command, a delete two", async ({ server }) => {
    const storage = betterAuthStorage(openCache(server));
    await storage.increment("n", HOUR);
    await storage.getAndDelete("n");
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await storage.set("a", "1", HOUR);
    await storage.get("a");
    await storage.getAndDelete("a");
    await storage.increment("n", HOUR);
    await storage.delete("n");
    expect(await monitor.take()).toEqual(["SET", "GET", "EVALSHA", "EVALSHA", "UNLINK", "UNLINK"]);
  });

  redisTest("two processes: one gets the text that is used once", async ({ server }) => {
    const keyPrefix = newPrefix();
    const [one, other] = [0, 1].map(() => betterAuthStorage(openCache(server, { keyPrefix })));
    await one?.set("code", "123456", HOUR);
    const taken = await Promise.all([one?.getAndDelete("code"), other?.getAndDelete("code")]);
    expect(taken.filter((each) => each === "123456")).toHaveLength(1);
  });
});

test("betterAuthStorage with a server that cannot be reached: errors, never an empty storage", async () => {
  const storage = betterAuthStorage(await openUnreachable());
  for (const start of [
    () => storage.get("a"),
    () => storage.getAndDelete("a"),
    () => storage.increment("a", HOUR),
  ])
    await expect(start()).rejects.toThrow(StoreConnectionError);
});
