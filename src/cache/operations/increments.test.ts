import { describe, expect, test } from "vitest";

import { openCache, ttlOf } from "../../../test/support/cache-harness.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError, CacheUsageError } from "../../core/errors.ts";

describe("incr and decr", () => {
  test("count by one, or by any integer, and keep the time to live", async () => {
    const { cache, store } = openCache();
    await cache.set("n", 5, { timeout: 10 });
    expect(await cache.incr("n")).toBe(6);
    expect(await cache.incr("n", 10)).toBe(16);
    expect(await cache.incr("n", -20)).toBe(-4);
    expect(await cache.decr("n")).toBe(-5);
    expect(await cache.decr("n", -5)).toBe(0);
    expect(await cache.get("n")).toBe(0);
    expect(await ttlOf(store, "shop:1:n")).toBe(10_000);
  });

  test("a missing entry is a typed error, and none is created", async () => {
    const { cache } = openCache();
    await expect(cache.incr("n")).rejects.toThrow(CacheKeyNotFoundError);
    await expect(cache.decr("n")).rejects.toMatchObject({ code: "ERR_CACHE_KEY_NOT_FOUND", key: "n" });
    expect(await cache.has("n")).toBe(false);
  });

  test.each([1.5, "1", null, true, [1], -0])("of %j is a typed error, and the value stays", async (value) => {
    const { cache } = openCache();
    await cache.set("n", value);
    await expect(cache.incr("n")).rejects.toThrow(CacheNotIntegerError);
    await expect(cache.incr("n")).rejects.toMatchObject({ code: "ERR_CACHE_NOT_INTEGER", key: "n" });
    expect(await cache.get("n")).toEqual(value);
  });

  test("a bigint counts exactly beyond 2^53, within 64 bits", async () => {
    const { cache } = openCache();
    await cache.set("n", 2n ** 62n);
    expect(await cache.incr("n", 1n)).toBe(2n ** 62n + 1n);
    expect(await cache.decr("n", 2n)).toBe(2n ** 62n - 1n);
    expect(await cache.get("n")).toBe(2n ** 62n - 1n);
    await expect(cache.incr("n", 2n ** 62n + 1n)).rejects.toThrow(CacheNotIntegerError);
  });

  test.each([1.5, Number.NaN, 2 ** 53, 2n ** 63n, -(2n ** 63n), "1", null])(
    "refuse the delta %s",
    async (delta) => {
      const { cache, calls } = openCache();
      await expect(cache.incr("n", delta as number)).rejects.toThrow(
        "The delta of a counter has to be an integer",
      );
      await expect(cache.decr("n", delta as number)).rejects.toThrow(CacheUsageError);
      expect(calls).toEqual([]);
    },
  );

  test("100 concurrent incr make 100", async () => {
    const { cache } = openCache();
    await cache.set("n", 0);
    await Promise.all(Array.from({ length: 100 }, () => cache.incr("n")));
    expect(await cache.get("n")).toBe(100);
  });
});
