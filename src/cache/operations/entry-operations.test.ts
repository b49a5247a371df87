import { describe, expect, test } from "vitest";

import { anyDeadline, openCache, ttlOf } from "../../../test/support/cache-harness.ts";
import { CacheKeyNotFoundError, CacheUsageError } from "../../core/errors.ts";
import { zlibCompressor } from "../entry/compression.ts";
import type { LoadContext } from "../load/load-options.ts";
import { TaggedJsonSerializer } from "../entry/serializers.ts";

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

describe("serializer and compression", () => {
  test("a serializer decides the stored form of values", async () => {
    const { cache, raw } = openCache({ serializer: TaggedJsonSerializer });
    const at = new Date(0);
    await cache.set("a", { at, tags: new Set(["x"]) });
    expect(await cache.get("a")).toEqual({ at, tags: new Set(["x"]) });
    expect(JSON.parse((await raw("shop:1:a")) ?? "")).toBeTypeOf("object");
    expect(await cache.getOrSet("b", () => at)).toEqual(at);
  });

  test("a value of a custom serializer that begins like a header is still read back", async () => {
    const serializer = {
      dump: (value: unknown) => `~{${String(value)}`,
      load: (text: string) => text.slice(2),
    };
    const { cache } = openCache({ serializer });
    await cache.set("a", "b}\nc");
    expect(await cache.get("a")).toBe("b}\nc");
  });

  test("an entry that the serializer cannot read is corrupt", async () => {
    const serializer = {
      dump: String,
      load: () => {
        throw new RangeError("no");
      },
    };
    const { cache } = openCache({ serializer });
    await cache.set("a", 1);
    await expect(cache.get("a")).rejects.toThrow("the serializer refuses it");
  });

  test("compression shortens long values, keeps integers as digits, and reads uncompressed values", async () => {
    const { cache, store, putRaw } = openCache({ compression: zlibCompressor() });
    const long = "abc".repeat(1000);
    await cache.set("a", long);
    await cache.getOrSet("b", () => long, { tags: ["red"], stale: 5 });
    await cache.set("n", 41);
    expect(await cache.incr("n")).toBe(42);
    await putRaw("shop:1:plain", '{"by": "python"}');
    expect(await cache.getMany(["a", "b", "n", "plain"])).toEqual(
      new Map<string, unknown>([
        ["a", long],
        ["b", long],
        ["n", 42],
        ["plain", { by: "python" }],
      ]),
    );
    for (const key of ["a", "b"])
      expect((await store.get(`shop:1:${key}`, anyDeadline()))?.length).toBeLessThan(200);
    await cache.invalidateTags(["red"]);
    expect(await cache.get("b")).toBeUndefined();
  });
});

describe("frozen", () => {
  test("equal entries give the same deeply frozen value; a changed entry gives another", async () => {
    const { cache, other } = openCache({ frozen: true });
    await cache.set("a", { list: [{ n: 1 }] });
    const value = await cache.get<{ list: { n: number }[] }>("a");
    expect(await cache.get("a")).toBe(value);
    expect(await cache.getOrSet("a", () => null)).toBe(value);
    expect((await cache.getMany(["a"])).get("a")).toBe(value);
    expect([value, value?.list, value?.list[0]].map(Object.isFrozen)).toEqual([true, true, true]);
    await other().set("a", { list: [{ n: 2 }] });
    expect(await cache.get("a")).toEqual({ list: [{ n: 2 }] });
    expect(Object.isFrozen(await cache.getOrSet("b", () => ({ c: [] })))).toBe(true);
    expect(await cache.getOrSet("c", () => "text")).toBe("text");
  });

  test("a list of 150 000 items is frozen like any other", async () => {
    const { cache } = openCache({ frozen: true });
    await cache.set(
      "a",
      Array.from({ length: 150_000 }, (_, index) => (index === 149_999 ? { n: 1 } : index)),
    );
    const list = await cache.get<unknown[]>("a");
    expect(list).toHaveLength(150_000);
    expect([list, list?.at(-1)].map(Object.isFrozen)).toEqual([true, true]);
  });

  test("is for JSON only", () => {
    expect(() => openCache({ frozen: true, serializer: TaggedJsonSerializer })).toThrow(
      "caches.default.frozen: expected false with a serializer other than JsonSerializer",
    );
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

test("memoize keeps the results of a function under keys of their arguments", async () => {
  const { cache } = openCache();
  const calls: string[] = [];
  const quote = cache.memoize(
    (symbol: string, market: string) => {
      calls.push(symbol);
      return { symbol, market };
    },
    { key: (symbol, market) => `quote:${market}:${symbol}`, timeout: 10, version: 3 },
  );
  expect(await quote("A", "X")).toEqual({ symbol: "A", market: "X" });
  expect(await quote("A", "X")).toEqual({ symbol: "A", market: "X" });
  expect(await cache.ttl(quote.key("A", "X"), { version: 3 })).toBe(10);
  expect([await quote.delete("A", "X"), await quote.delete("A", "X")]).toEqual([true, false]);
  await quote("A", "X");
  expect(calls).toEqual(["A", "A"]);
});

test("memoize passes the context of the load to a function that the loader returns", async () => {
  const { cache, store } = openCache();
  const contexts: LoadContext[] = [];
  const rate = cache.memoize(
    (currency: string, digits = 2) =>
      async (context: LoadContext) => {
        contexts.push(context);
        if (currency === "none") context.skip();
        context.setTimeout("20s");
        return { currency, digits };
      },
    { key: (currency) => `rate:${currency}`, timeout: "1h" },
  );
  expect(await rate("EUR")).toEqual({ currency: "EUR", digits: 2 });
  expect(await rate("EUR", 3)).toEqual({ currency: "EUR", digits: 2 });
  expect(await ttlOf(store, "shop:1:rate:EUR")).toBe(20_000);
  expect(await rate("none", 4)).toEqual({ currency: "none", digits: 4 });
  expect(await cache.has("rate:none")).toBe(false);
  expect(contexts.map(({ key, signal }) => [key, signal.aborted])).toEqual([
    ["rate:EUR", false],
    ["rate:none", false],
  ]);
});

test("compressed bytes that begin like a header are distinguished from one", async () => {
  const compressor = {
    compress: (bytes: Uint8Array) => Buffer.concat([Buffer.from("~{"), bytes.subarray(0, 5)]),
    decompress: (bytes: Uint8Array) => Buffer.from(`"${"x".repeat(bytes.length * 10)}"`),
    recognizes: (bytes: Uint8Array) => bytes[0] === 0x7e,
  };
  const { cache } = openCache({ compression: compressor });
  await cache.set("a", "x".repeat(70));
  expect(await cache.get("a")).toBe("x".repeat(70));
});

test.each([[5], [undefined], ["\ud800"]])(
  "a serializer that returns %j is refused, and nothing is stored",
  async (given) => {
    const { cache } = openCache({ serializer: { dump: () => given as string, load: String } });
    await expect(cache.set("a", 1)).rejects.toThrow(CacheUsageError);
    expect(await cache.ttl("a")).toBeUndefined();
  },
);

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
