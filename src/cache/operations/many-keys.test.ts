import { describe, expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";

describe("getMany, setMany and deleteMany", () => {
  test("getMany returns the existing entries, in the order of the keys, each once, also a null", async () => {
    const { cache } = openCache();
    expect(await cache.setMany({ a: 1, b: null, c: [3] })).toEqual([]);
    expect([...(await cache.getMany(["c", "none", "b", "c", "a"]))]).toEqual([
      ["c", [3]],
      ["b", null],
      ["a", 1],
    ]);
  });

  test("nothing in, nothing out", async () => {
    const { cache } = openCache();
    expect(await cache.getMany([])).toEqual(new Map());
    expect(await cache.setMany({})).toEqual([]);
    expect(await cache.setMany(new Map())).toEqual([]);
    expect(await cache.deleteMany([])).toBe(0);
  });

  test("take keys from any iterable, and treat the names of Object.prototype as ordinary keys", async () => {
    const { cache } = openCache();
    const values = new Map([
      ["__proto__", 1],
      ["constructor", 2],
    ]);
    await cache.setMany(values);
    expect(await cache.getMany(values.keys())).toEqual(values);
    expect(await cache.getMany(new Set(["toString", "constructor"]))).toEqual(new Map([["constructor", 2]]));
  });

  test("setMany has one timeout for all, and deletes with 0", async () => {
    const { cache, clock } = openCache();
    await cache.setMany({ a: 1, b: 2 }, { timeout: 10 });
    clock.advance(10_000);
    expect(await cache.getMany(["a", "b"])).toEqual(new Map());
    await cache.setMany({ a: 1, b: 2 });
    expect(await cache.setMany({ a: 3 }, { timeout: 0 })).toEqual([]);
    expect(await cache.getMany(["a", "b"])).toEqual(new Map([["b", 2]]));
  });

  test("setMany checks every value before it writes the first, and names the bad one", async () => {
    const { cache, calls } = openCache();
    await expect(cache.setMany({ good: 1, "bad-one": { at: new Date() } })).rejects.toMatchObject({
      code: "ERR_NOT_JSON",
      path: 'values["bad-one"].at',
    });
    await expect(cache.setMany({ a: 1, u: undefined })).rejects.toThrow('values["u"] is undefined');
    expect(calls).toEqual([]);
  });

  test("deleteMany returns the number of deleted entries", async () => {
    const { cache } = openCache();
    await cache.setMany({ a: 1, b: 2, c: 3 });
    expect(await cache.deleteMany(["a", "b", "a", "none"])).toBe(2);
    expect(await cache.getMany(["a", "b", "c"])).toEqual(new Map([["c", 3]]));
  });

  test("getMany throws for an entry that is not JSON, and names it", async () => {
    const { cache, putRaw } = openCache();
    await cache.set("a", 1);
    await putRaw("shop:1:b", "hello");
    await expect(cache.getMany(["a", "b"])).rejects.toMatchObject({ code: "ERR_CACHE_CORRUPT", key: "b" });
  });

  test("refuse a string for a list of keys, and a list for an object of values", async () => {
    const { cache } = openCache();
    await expect(cache.getMany("abc")).rejects.toThrow(
      'Expected an array of keys, or another iterable, got "abc"',
    );
    await expect(cache.deleteMany(undefined as never)).rejects.toThrow(CacheUsageError);
    await expect(cache.setMany([["a", 1]] as never)).rejects.toThrow(
      "Expected an object, or a Map, of values",
    );
  });
});
