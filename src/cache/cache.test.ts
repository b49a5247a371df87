import { describe, expect, test } from "vitest";

import { openCache, ttlOf } from "../../test/support/cache-harness.ts";
import { CacheCorruptError, CacheUsageError, ImproperlyConfigured, NotJsonError } from "../core/errors.ts";

describe("get", () => {
  test("a miss is undefined, or the default; a stored null is neither", async () => {
    const { cache } = openCache();
    await cache.set("null", null);
    expect(await cache.get("none")).toBeUndefined();
    expect(await cache.get("none", { default: 7 })).toBe(7);
    expect(await cache.get("null")).toBeNull();
    expect(await cache.get("null", { default: 7 })).toBeNull();
  });

  test("returns a new value each time: changing it changes nothing in the cache", async () => {
    const { cache } = openCache();
    const given = { list: [1] };
    await cache.set("k", given);
    given.list.push(2);
    const first = await cache.get<{ list: number[] }>("k");
    first?.list.push(3);
    expect(await cache.get("k")).toEqual({ list: [1] });
  });

  test("reads what Python writes: spaces, NaN, infinities, -0.0, integers beyond 2^53", async () => {
    const { cache, putRaw } = openCache();
    await putRaw("shop:1:k", '{"a": [NaN, Infinity, -Infinity, -0.0, 1e+16, 12345678901234567890, 1.0]}');
    expect(await cache.get("k")).toEqual({
      a: [Number.NaN, Infinity, -Infinity, -0, 1e16, 12345678901234567890n, 1],
    });
  });

  test.each(["", "hello", "\u0080\u0005K*.", '{"a":', "42 43", "NaNNaN"])(
    "throws a typed error for an entry that is not JSON (%j), and leaves it",
    async (text) => {
      const { cache, putRaw, raw, events } = openCache();
      await putRaw("shop:1:secret", text);
      const error = await cache.get("secret").catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CacheCorruptError);
      expect(error).toMatchObject({ code: "ERR_CACHE_CORRUPT", key: "secret" });
      expect(String((error as Error).cause)).toMatch(
        /^SyntaxError: JSON is malformed (at position \d+|at its end)$/,
      );
      expect(await raw("shop:1:secret")).toBe(text);
      expect(events).toEqual([]);
    },
  );

  test("a message about a corrupt entry shows nothing of it", async () => {
    const { cache, putRaw } = openCache();
    await putRaw("shop:1:k", "hunter2");
    const error = (await cache.get("k").catch((caught: unknown) => caught)) as CacheCorruptError;
    expect(`${error.message} ${String(error.cause)} ${error.problem}`).not.toContain("hunter");
  });
});

describe("set", () => {
  test("stores strict JSON without spaces, in raw UTF-8, and integers as bare digits", async () => {
    const { cache, raw } = openCache();
    const values: [unknown, string][] = [
      [{ b: 1, a: ["é", null, true] }, '{"b":1,"a":["é",null,true]}'],
      [42, "42"],
      [-7n, "-7"],
      [12345678901234567890n, "12345678901234567890"],
      [1.5, "1.5"],
      ["42", '"42"'],
    ];
    for (const [value, text] of values) {
      await cache.set("k", value);
      expect(await raw("shop:1:k")).toBe(text);
    }
  });

  test("refuses a value that JSON cannot hold, naming its path, and writes nothing", async () => {
    const { cache, calls } = openCache();
    const values: [unknown, string][] = [
      [{ at: [new Date()] }, "value.at[0]"],
      [Number.NaN, "value"],
      [undefined, "value"],
      [new Map(), "value"],
      [{ s: "\ud800" }, "value.s"],
    ];
    for (const [value, path] of values) {
      await expect(cache.set("k", value)).rejects.toThrow(NotJsonError);
      await expect(cache.set("k", value, { timeout: 0 })).rejects.toMatchObject({ path });
      await expect(cache.add("k", value)).rejects.toMatchObject({ path });
    }
    expect(calls).toEqual([]);
  });

  test("a bare number is seconds, with fractions; text has its unit; the default is 300 seconds", async () => {
    const { cache, store } = openCache();
    const timeouts = [
      [1.5, 1500],
      [0.25, 250],
      ["250ms", 250],
      ["10m", 600_000],
      [null, null],
      [undefined, 300_000],
    ] as const;
    for (const [timeout, ttl] of timeouts) {
      await cache.set("k", 1, { timeout });
      expect(await ttlOf(store, "shop:1:k")).toBe(ttl);
    }
  });

  test.each([0, -1, "-5s", 0.0001] as const)(
    "with the timeout %j deletes an existing entry",
    async (timeout) => {
      const { cache } = openCache();
      await cache.set("k", "old");
      await cache.set("k", "new", { timeout });
      expect(await cache.has("k")).toBe(false);
    },
  );

  test.each(["", "10", "soon", Number.NaN, Number.POSITIVE_INFINITY, true, {}])(
    "refuses the timeout %j",
    async (timeout) => {
      const { cache, calls } = openCache();
      const options = { timeout: timeout as number };
      await expect(cache.set("k", 1, options)).rejects.toThrow(CacheUsageError);
      await expect(cache.add("k", 1, options)).rejects.toThrow(
        "The timeout of a cache entry has to be seconds or text",
      );
      await expect(cache.getOrSet("k", 1, options)).rejects.toThrow(CacheUsageError);
      await expect(cache.touch("k", options.timeout)).rejects.toThrow(CacheUsageError);
      expect(calls).toEqual([]);
    },
  );

  test("an entry expires after its timeout, and not before", async () => {
    const { cache, clock } = openCache();
    await cache.set("k", 1, { timeout: 10 });
    clock.advance(9999);
    expect(await cache.get("k")).toBe(1);
    clock.advance(1);
    expect(await cache.get("k")).toBeUndefined();
  });
});

describe("add", () => {
  test("stores where no entry exists and reports it; leaves an existing entry with its timeout", async () => {
    const { cache, clock } = openCache();
    expect(await cache.add("k", 1, { timeout: 10 })).toBe(true);
    expect(await cache.add("k", 2, { timeout: 100 })).toBe(false);
    expect(await cache.get("k")).toBe(1);
    clock.advance(10_000);
    expect(await cache.add("k", 3)).toBe(true);
  });

  test("a stored null exists", async () => {
    const { cache } = openCache();
    await cache.set("k", null);
    expect(await cache.add("k", 1)).toBe(false);
  });

  test("with a timeout of 0 or less: true where no entry exists, and stores nothing", async () => {
    const { cache } = openCache();
    expect(await cache.add("k", 1, { timeout: 0 })).toBe(true);
    expect(await cache.has("k")).toBe(false);
    await cache.set("k", 1);
    expect(await cache.add("k", 2, { timeout: -1 })).toBe(false);
    expect(await cache.get("k")).toBe(1);
  });
});

describe("touch", () => {
  test("sets the remaining time; without a timeout, to the default", async () => {
    const { cache, store } = openCache();
    await cache.set("k", 1, { timeout: 10 });
    expect(await cache.touch("k", 20)).toBe(true);
    expect(await ttlOf(store, "shop:1:k")).toBe(20_000);
    expect(await cache.touch("k")).toBe(true);
    expect(await ttlOf(store, "shop:1:k")).toBe(300_000);
  });

  test("null removes the expiry, and is true for an entry that has none already", async () => {
    const { cache, store } = openCache();
    await cache.set("k", 1);
    expect(await cache.touch("k", null)).toBe(true);
    expect(await cache.touch("k", null)).toBe(true);
    expect(await ttlOf(store, "shop:1:k")).toBeNull();
  });

  test("0 and less delete, and report whether there was an entry", async () => {
    const { cache } = openCache();
    await cache.set("k", 1);
    expect(await cache.touch("k", 0)).toBe(true);
    expect(await cache.has("k")).toBe(false);
    expect(await cache.touch("k", -1)).toBe(false);
  });

  test("a missing entry is not created", async () => {
    const { cache } = openCache();
    expect(await cache.touch("k", 10)).toBe(false);
    expect(await cache.touch("k", null)).toBe(false);
    expect(await cache.has("k")).toBe(false);
  });
});

describe("delete and has", () => {
  test("report whether there was an entry, even one that is null or not JSON", async () => {
    const { cache, putRaw } = openCache();
    await cache.set("null", null);
    await putRaw("shop:1:corrupt", "hello");
    for (const key of ["null", "corrupt"]) {
      expect(await cache.has(key)).toBe(true);
      expect(await cache.delete(key)).toBe(true);
      expect(await cache.has(key)).toBe(false);
      expect(await cache.delete(key)).toBe(false);
    }
  });
});

test("calls reach the store in the order in which they are made", async () => {
  const { cache, calls } = openCache();
  const pending = [
    cache.set("k", 1),
    cache.get("k"),
    cache.incr("k"),
    cache.getMany(["k", "l"]),
    cache.touch("k"),
    cache.getOrSet("k", () => 3),
    cache.delete("k"),
    cache.take("k"),
  ];
  expect(calls).toEqual([
    "set",
    "get",
    "incr",
    "getMany",
    "touchHeadless",
    "get",
    "deleteMany",
    "takeMany",
    "getMany",
  ]);
  expect(await Promise.all(pending)).toEqual([true, 1, 2, new Map([["k", 2]]), true, 2, true, undefined]);
});

describe("versions", () => {
  test("are part of the key, in every operation; the settings have the default", async () => {
    const { cache, raw } = openCache({ version: 7 });
    await cache.set("k", 1);
    await cache.set("k", 2, { version: 8 });
    expect([await raw("shop:7:k"), await raw("shop:8:k")]).toEqual(["1", "2"]);
    expect([await cache.get("k"), await cache.get("k", { version: 8 })]).toEqual([1, 2]);
    expect(await cache.incr("k", 10, { version: 8 })).toBe(12);
    expect(await cache.decr("k", 1, { version: 8 })).toBe(11);
    expect(await cache.getMany(["k"], { version: 8 })).toEqual(new Map([["k", 11]]));
    expect(await cache.add("k", 5, { version: 8 })).toBe(false);
    expect(await cache.getOrSet("k", 5, { version: 8 })).toBe(11);
    expect(await cache.touch("k", 5, { version: 9 })).toBe(false);
    expect(await cache.deleteMany(["k"], { version: 9 })).toBe(0);
    expect(await cache.delete("k", { version: 8 })).toBe(true);
    expect(await cache.has("k", { version: 8 })).toBe(false);
    await cache.setMany({ k: 9 }, { version: -1 });
    expect(await raw("shop:-1:k")).toBe("9");
    expect(await cache.get("k")).toBe(1);
  });

  test.each([1.5, "1", null, Number.NaN, 1n])("refuse the version %s", async (version) => {
    const { cache, calls } = openCache();
    const options = { version: version as number };
    await expect(cache.get("k", options)).rejects.toThrow(CacheUsageError);
    await expect(cache.setMany({ k: 1 }, options)).rejects.toThrow(
      "The version of a cache key has to be an integer",
    );
    expect(calls).toEqual([]);
  });
});

describe("clear", () => {
  test("deletes the entries of every version, and returns their number", async () => {
    const { cache, other, putRaw, raw } = openCache();
    await cache.setMany({ a: 1, b: 2 });
    await cache.set("a", 3, { version: -2 });
    await other({ keyPrefix: "shop2" }).set("a", 4);
    await putRaw("shop:session:x", "session");
    expect(await cache.clear()).toBe(3);
    expect(await cache.has("a")).toBe(false);
    expect(await other({ keyPrefix: "shop2" }).get("a")).toBe(4);
    expect(await raw("shop:session:x")).toBe("session");
  });

  test("throws without a prefix and with a key function, while the other operations work", async () => {
    const unprefixed = openCache({ keyPrefix: "" });
    await unprefixed.cache.set("k", 1);
    expect(await unprefixed.raw(":1:k")).toBe("1");
    await expect(unprefixed.cache.clear()).rejects.toThrow(ImproperlyConfigured);
    await expect(unprefixed.cache.clear()).rejects.toMatchObject({ setting: "caches.default.keyPrefix" });
    const functional = openCache({ keyFunction: (key, prefix, version) => `${key}@${prefix}/${version}` });
    await functional.cache.set("k", 1);
    expect(await functional.raw("k@shop/1")).toBe("1");
    await expect(functional.cache.clear()).rejects.toMatchObject({ setting: "caches.default.keyFunction" });
    expect([await unprefixed.cache.get("k"), await functional.cache.get("k")]).toEqual([1, 1]);
  });
});

test("a missing capability of the store is refused by its name, and the store is not called", async () => {
  const { cache, calls } = openCache({
    lease: null,
    override: () => ({
      capabilities: {
        atomicIncrement: false,
        scan: false,
        compareAndSet: false,
        leases: false,
        locks: false,
      },
    }),
  });
  const needs = (capability: string) =>
    `caches.default.store: the store "memory" does not have the capability "${capability}"`;
  await expect(cache.incr("n")).rejects.toThrow(needs("atomicIncrement"));
  await expect(cache.clear()).rejects.toThrow(needs("scan"));
  await expect(cache.keys("*")).rejects.toThrow(needs("scan"));
  expect(() => cache.lock("job", { timeout: 1 })).toThrow(needs("locks"));
  expect(calls).toEqual([]);
});
