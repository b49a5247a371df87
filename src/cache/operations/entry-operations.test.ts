import { describe, expect, test } from "vitest";

import { openCache, ttlOf } from "../../../test/support/cache-harness.ts";
import { CacheKeyNotFoundError, CacheUsageError } from "../../core/errors.ts";

describe("set with nx and xx", () => {
  test("nx stores where no entry exists, xx over an entry, and both report whether they did", async () => {
    const { cache } = openCache();
    expect(await cache.set("a", 1, { xx: true })).toBe(false);
    expect(await cache.set("a", 1, { nx: true })).toBe(true);
    expect(await cache.set("a", 2, { nx: true })).toBe(false);
    expect(await cache.set("a", 3, { xx: true })).toBe(true);
    expect(await cache.setMany({ a: 4, b: 4 }, { nx: true })).toEqual(["a"]);
    expect(await cache.getMany(["a", "b"])).toEqual(
      new Map([
        ["a", 3],
        ["b", 4],
      ]),
    );
  });

  test("with a timeout of 0 they delete or do nothing, and return the result of a write", async () => {
    const { cache } = openCache();
    expect(await cache.set("a", 1, { nx: true, timeout: 0 })).toBe(true);
    expect(await cache.set("a", 1, { xx: true, timeout: 0 })).toBe(false);
    await cache.set("a", 1);
    expect(await cache.set("a", 1, { nx: true, timeout: 0 })).toBe(false);
    expect(await cache.has("a")).toBe(true);
    expect(await cache.set("a", 1, { xx: true, timeout: 0 })).toBe(true);
    expect(await cache.has("a")).toBe(false);
  });

  test("both at once are refused", async () => {
    await expect(openCache().cache.set("a", 1, { nx: true, xx: true })).rejects.toThrow(CacheUsageError);
  });
});

describe("times to live", () => {
  test("ttl is in seconds, rounded up, pttl in milliseconds; null: no expiry; undefined: no entry", async () => {
    const { cache, clock } = openCache();
    await cache.set("a", 1, { timeout: "1500ms" });
    await cache.set("b", 1, { timeout: null });
    expect([await cache.ttl("a"), await cache.pttl("a")]).toEqual([2, 1500]);
    clock.advance(600);
    expect([await cache.ttl("a"), await cache.ttl("b"), await cache.ttl("c")]).toEqual([1, null, undefined]);
    expect(await cache.ttlMany(["b", "a", "c"])).toEqual(
      new Map([
        ["b", null],
        ["a", 1],
      ]),
    );
    expect(await cache.pttlMany([])).toEqual(new Map());
  });

  test("persist removes the expiry: true for an entry, whether or not it had one", async () => {
    const { cache } = openCache();
    await cache.set("a", 1);
    expect([await cache.persist("a"), await cache.persist("a"), await cache.persist("b")]).toEqual([
      true,
      true,
      false,
    ]);
    expect(await cache.ttl("a")).toBeNull();
    expect(await cache.persistMany(["a", "b"])).toEqual(new Set(["a"]));
  });

  test("expire and expireAt set them; an instant in the past deletes", async () => {
    const { cache, clock } = openCache();
    await cache.setMany({ a: 1, b: 1 });
    expect(await cache.expire("a", "10s")).toBe(true);
    expect(await cache.expireAt("b", new Date(clock.now() + 20_000))).toBe(true);
    expect([await cache.ttl("a"), await cache.ttl("b")]).toEqual([10, 20]);
    expect(await cache.expireAt("b", new Date(clock.now()))).toBe(true);
    expect(await cache.has("b")).toBe(false);
    for (const at of [new Date(Number.NaN), 5])
      await expect(cache.expireAt("a", at as Date)).rejects.toThrow("a valid Date");
  });

  test("touchMany returns the keys of existing entries", async () => {
    const { cache } = openCache();
    await cache.setMany({ a: 1, b: 1 });
    expect(await cache.touchMany(["a", "c"], 7)).toEqual(new Set(["a"]));
    expect([await cache.ttl("a"), await cache.ttl("b")]).toEqual([7, 300]);
    expect(await cache.touchMany(["a", "c"], 0)).toEqual(new Set(["a"]));
    expect(await cache.touchMany([])).toEqual(new Set());
  });
});

describe("many at once", () => {
  test("addMany returns the keys that had no value", async () => {
    const { cache } = openCache();
    await cache.set("a", 1);
    expect(await cache.addMany({ a: 2, b: 2 })).toEqual(["b"]);
    expect(await cache.addMany(new Map())).toEqual([]);
  });

  test("incrMany and decrMany count each key", async () => {
    const { cache } = openCache();
    await cache.setMany({ a: 1, b: 10 });
    expect(await cache.incrMany(["a", "b"], 5)).toEqual(
      new Map([
        ["a", 6],
        ["b", 15],
      ]),
    );
    expect(await cache.decrMany(["a"])).toEqual(new Map([["a", 5]]));
    await expect(cache.incrMany(["a", "c"])).rejects.toThrow(CacheKeyNotFoundError);
  });

  test("a string is no list of keys", async () => {
    const { cache } = openCache();
    const calls = [
      () => cache.hasMany("ab"),
      () => cache.getMany("ab"),
      () => cache.ttlMany("ab"),
      () => cache.touchMany("ab"),
      () => cache.incrMany("ab"),
      () => cache.deleteMany("ab"),
    ];
    for (const call of calls) await expect((async () => call())()).rejects.toThrow(CacheUsageError);
  });
});

describe("versions", () => {
  test("incrVersion and decrVersion move an entry with its time to live, and return the new version", async () => {
    const { cache } = openCache();
    await cache.set("a", { n: 1 }, { timeout: 10 });
    expect(await cache.incrVersion("a", 2)).toBe(3);
    expect(await cache.get("a")).toBeUndefined();
    expect([await cache.get("a", { version: 3 }), await cache.ttl("a", { version: 3 })]).toEqual([
      { n: 1 },
      10,
    ]);
    expect(await cache.decrVersion("a", 1, { version: 3 })).toBe(2);
    await expect(cache.incrVersion("a")).rejects.toThrow(CacheKeyNotFoundError);
  });

  test.each<[string, Parameters<typeof openCache>[0], number]>([
    ["a delta of 0", {}, 0],
    ["a key function without the version", { keyFunction: (key) => `shop-${key}` }, 3],
  ])("with %s, the entry stays, with its time and its tags", async (_, settings, delta) => {
    const { cache } = openCache(settings);
    await cache.set("a", 1, { timeout: 10, tags: ["red"] });
    expect([await cache.incrVersion("a", delta), await cache.decrVersion("a", delta)]).toEqual([
      1 + delta,
      1 - delta,
    ]);
    expect([await cache.get("a"), await cache.ttl("a")]).toEqual([1, 10]);
    await cache.invalidateTags(["red"]);
    expect(await cache.get("a")).toBeUndefined();
    await expect(cache.incrVersion("none", delta)).rejects.toThrow(CacheKeyNotFoundError);
  });

  test("an entry that is moved keeps its tags: their tokens in the new version live for as long", async () => {
    const { cache, clock } = openCache();
    const day = 86_400;
    await cache.set("a", 1, { timeout: day, tags: ["red"], version: 1 });
    await cache.set("b", 1, { timeout: 1, tags: ["red"], version: 2 });
    await cache.incrVersion("a");
    clock.advance((day - 1) * 1000);
    expect(await cache.get("a", { version: 2 })).toBe(1);
    await cache.invalidateTags(["red"], { version: 2 });
    expect(await cache.get("a", { version: 2 })).toBeUndefined();
  });

  test("an entry without expiry stays without", async () => {
    const { cache } = openCache();
    await cache.set("a", 1, { timeout: null });
    await cache.incrVersion("a");
    expect(await cache.ttl("a", { version: 2 })).toBeNull();
  });
});

describe("keys", () => {
  test("keys and iterKeys return the matching keys of this cache and version, as they were given", async () => {
    const { cache, other } = openCache();
    await cache.setMany({ "user:1": 1, "user:2": 1, "page:1": 1, "user*": 1 });
    await cache.set("user:9", 1, { version: 2 });
    await other({ keyPrefix: "other" }).set("user:8", 1);
    expect((await cache.keys("user:*")).toSorted()).toEqual(["user:1", "user:2"]);
    expect(await cache.keys("user\\*")).toEqual(["user*"]);
    expect(await cache.keys("user:*", { version: 2 })).toEqual(["user:9"]);
    const walked: string[] = [];
    for await (const key of cache.iterKeys("*:1")) walked.push(key);
    expect(walked.toSorted()).toEqual(["page:1", "user:1"]);
  });

  test("deletePattern deletes the matching keys, in any number, and counts them", async () => {
    const { cache } = openCache();
    await cache.setMany(
      Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`user:${index}`, index])),
    );
    await cache.set("page:1", 1);
    expect(await cache.deletePattern("user:*")).toBe(2500);
    expect(await cache.keys("*")).toEqual(["page:1"]);
    expect(await cache.deletePattern("none")).toBe(0);
  });

  test("with a custom key function they cannot be listed", async () => {
    const { cache } = openCache({ keyFunction: (key) => key });
    await expect(cache.keys("*")).rejects.toThrow(CacheUsageError);
  });
});

describe("peek", () => {
  test("returns a miss, or value, source, age and time to live, and counts as neither hit nor miss", async () => {
    const { cache, clock } = openCache();
    expect(await cache.peek("a")).toEqual({ isHit: false });
    await cache.set("a", null);
    clock.advance(10_000);
    expect(await cache.peek("a")).toEqual({
      isHit: true,
      value: null,
      source: "memory",
      state: "fresh",
      age: 10_000,
      ttl: 290_000,
    });
    expect(cache.stats).toMatchObject({ hits: 0, misses: 0 });
  });

  test("returns the age of an entry with a header, and of a plain one by its timeout", async () => {
    const { cache, clock } = openCache();
    await cache.set("tagged", 1, { tags: ["red"], timeout: null });
    await cache.set("plain", 1, { timeout: 900 });
    await cache.set("eternal", 1, { timeout: null });
    clock.advance(5000);
    const ages = await Promise.all([
      cache.peek("tagged"),
      cache.peek("plain", { timeout: 900 }),
      cache.peek("plain"),
      cache.peek("eternal"),
    ]);
    expect(ages.map((each) => each.isHit && each.age)).toEqual([5000, 5000, undefined, undefined]);
  });
});

describe("counters with an initial value", () => {
  test("incr and decr start a missing counter with initial and the delta, and keep the time of an existing one", async () => {
    const { cache, calls, raw, store } = openCache();
    expect(await cache.incr("hits", 2, { initial: 10, timeout: 60 })).toBe(12);
    expect(await cache.incr("hits", 2, { initial: 10, timeout: 3600 })).toBe(14);
    expect(await ttlOf(store, "shop:1:hits")).toBe(60_000);
    expect(await cache.decr("left", 1, { initial: 5 })).toBe(4);
    expect(await ttlOf(store, "shop:1:left")).toBe(300_000);
    expect(await cache.incr("big", 2n ** 62n, { initial: 1n, timeout: null, version: 2 })).toBe(
      2n ** 62n + 1n,
    );
    expect(await raw("shop:2:big")).toBe(String(2n ** 62n + 1n));
    expect(await cache.incrMany(["hits", "a"], 1, { initial: 0 })).toEqual(
      new Map(Object.entries({ hits: 15, a: 1 })),
    );
    expect(await cache.decrMany(["a", "b"], 1, { initial: 0 })).toEqual(
      new Map(Object.entries({ a: 0, b: -1 })),
    );
    expect(new Set(calls)).toEqual(new Set(["incr"]));
  });

  test("incr with a timeout of 0 stores no missing counter, and counts on an existing one", async () => {
    const { cache } = openCache();
    expect(await cache.incr("n", 2, { initial: 1, timeout: 0 })).toBe(3);
    expect(await cache.has("n")).toBe(false);
    await cache.set("n", 5);
    expect(await cache.incr("n", 2, { initial: 1, timeout: 0 })).toBe(7);
  });

  test.each<[string, object]>([
    ["an initial that is no integer", { initial: 1.5 }],
    ["an initial that is a text", { initial: "0" }],
    ["an initial beyond 64 bits", { initial: 2n ** 63n }],
    ["a timeout without an initial", { timeout: 60 }],
    ["an invalid timeout", { initial: 0, timeout: "60" }],
  ])("incr refuses %s, and counts nothing", async (_, options) => {
    const { cache } = openCache();
    await cache.set("n", 1);
    for (const call of [
      cache.incr("n", 1, options),
      cache.incrMany(["n"], 1, options),
      cache.decr("n", 1, options),
    ]) {
      await expect(call).rejects.toThrow(CacheUsageError);
    }
    expect(await cache.get("n")).toBe(1);
  });
});
