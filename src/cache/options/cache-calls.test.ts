import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError, ImproperlyConfigured } from "../../core/errors.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import type { Cache } from "../index.ts";

type Call = (cache: Cache, options: never) => unknown;

/** All calls with options, by their names in messages. */
const CALLS: Readonly<Record<string, Call>> = {
  get: (cache, options) => cache.get("k", options),
  getMany: (cache, options) => cache.getMany(["k"], options),
  take: (cache, options) => cache.take("k", options),
  takeMany: (cache, options) => cache.takeMany(["k"], options),
  has: (cache, options) => cache.has("k", options),
  hasMany: (cache, options) => cache.hasMany(["k"], options),
  peek: (cache, options) => cache.peek("k", options),
  set: (cache, options) => cache.set("k", 1, options),
  setMany: (cache, options) => cache.setMany({ k: 1 }, options),
  add: (cache, options) => cache.add("k", 1, options),
  addMany: (cache, options) => cache.addMany({ k: 1 }, options),
  delete: (cache, options) => cache.delete("k", options),
  deleteMany: (cache, options) => cache.deleteMany(["k"], options),
  touch: (cache, options) => cache.touch("k", 1, options),
  touchMany: (cache, options) => cache.touchMany(["k"], 1, options),
  expire: (cache, options) => cache.expire("k", 1, options),
  expireAt: (cache, options) => cache.expireAt("k", new Date(), options),
  persist: (cache, options) => cache.persist("k", options),
  persistMany: (cache, options) => cache.persistMany(["k"], options),
  ttl: (cache, options) => cache.ttl("k", options),
  ttlMany: (cache, options) => cache.ttlMany(["k"], options),
  pttl: (cache, options) => cache.pttl("k", options),
  pttlMany: (cache, options) => cache.pttlMany(["k"], options),
  incr: (cache, options) => cache.incr("n", 1, options),
  incrMany: (cache, options) => cache.incrMany(["n"], 1, options),
  decr: (cache, options) => cache.decr("n", 1, options),
  decrMany: (cache, options) => cache.decrMany(["n"], 1, options),
  incrVersion: (cache, options) => cache.incrVersion("k", 1, options),
  decrVersion: (cache, options) => cache.decrVersion("k", 1, options),
  keys: (cache, options) => cache.keys("*", options),
  iterKeys: (cache, options) => cache.iterKeys("*", options).next(),
  deletePattern: (cache, options) => cache.deletePattern("*", options),
  invalidateTags: (cache, options) => cache.invalidateTags(["t"], options),
  getOrSet: (cache, options) => cache.getOrSet("k", () => 1, options),
  getOrSetMany: (cache, options) => cache.getOrSetMany(["k"], () => ({ k: 1 }), options),
  memoize: (cache, options) => cache.memoize(() => 1, options),
  lock: (cache, options) => cache.lock("l", options),
  "lock().acquire": (cache, options) => cache.lock("l", { timeout: 1 }).acquire(options),
  "lock().run": (cache, options) => cache.lock("l", { timeout: 1 }).run(() => {}, options),
  clear: (cache, options) => cache.clear(options),
};

const call = (name: string, options: unknown): (() => Promise<unknown>) => {
  const { cache } = openCache();
  return async () => CALLS[name]?.(cache, options as never);
};

describe.each(Object.keys(CALLS))("cache.%s()", (name) => {
  test.each([60, "10m", null, ["t"], true, new Date(0), () => 1, Promise.resolve({})])(
    "refuses %o in place of its options",
    async (options) => {
      await expect(call(name, options)()).rejects.toBeInstanceOf(CacheUsageError);
      await expect(call(name, options)()).rejects.toThrow(
        `cache.${name}() expected its options as an object such as {`,
      );
    },
  );

  test("refuses an option that it does not have, and writes nothing", async () => {
    const { cache, calls } = openCache();
    const run = async () => CALLS[name]?.(cache, { tmeout: 60 } as never);
    await expect(run()).rejects.toBeInstanceOf(CacheUsageError);
    await expect(run()).rejects.toThrow(`cache.${name}() has no option "tmeout".`);
    expect(calls).toEqual([]);
  });
});

test("every operation that takes options is among those tests", () => {
  const names = Object.keys(CALLS).map((name) => name.replace(/\(.*/, ""));
  const without = ["constructor", "on", "close", "ping", "bumpVersion"];
  const operations: string[] = [];
  let prototype = Object.getPrototypeOf(openCache().cache) as object;
  for (; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === "function" && !without.includes(name)) operations.push(name);
    }
  }
  expect([...new Set(operations)].toSorted()).toEqual([...new Set(names)].toSorted());
});

describe("values of options and arguments", () => {
  test.each<[string, (cache: Cache) => unknown, string]>([
    [
      "tags as text",
      (cache) => cache.set("k", 1, { tags: "news" as never }),
      "has to be an array of texts, got a text.",
    ],
    ["tags as text", (cache) => cache.get("k", { tags: "news" as never }), "Write one tag as [tag]."],
    ["tags as text", (cache) => cache.peek("k", { tags: "news" as never }), "Write one tag as [tag]."],
    [
      "tags as text",
      (cache) => cache.getOrSet("k", () => 1, { tags: "news" as never }),
      "Write one tag as [tag].",
    ],
    [
      "tags as a set",
      (cache) => cache.set("k", 1, { tags: new Set(["a"]) as never }),
      "got an object of class Set.",
    ],
    ["tags as text", (cache) => cache.invalidateTags("news"), "Expected an array of tags"],
    [
      "nx as text",
      (cache) => cache.set("k", 1, { nx: "yes" as never }),
      '"nx" has to be true or false, got a text.',
    ],
    [
      "expire without a time",
      (cache) => cache.expire("k", undefined as never),
      "expire() takes a timeout, got nothing.",
    ],
    [
      "no pattern",
      (cache) => cache.keys(undefined as never),
      'has to be a text such as "product:*", got nothing.',
    ],
    [
      "no loader",
      (cache) => cache.getOrSet("k", undefined),
      "expected a function that makes the value, or the value",
    ],
    [
      "a promise",
      (cache) => cache.getOrSet("k", Promise.reject(new Error("failed"))),
      'an "await" is missing',
    ],
    [
      "no loader of many",
      (cache) => cache.getOrSetMany(["k"], { k: 1 } as never),
      "has to be a function, got an object.",
    ],
    [
      "an array of many",
      (cache) => cache.getOrSetMany(["k"], () => [1] as never),
      "of values by their keys, got an array.",
    ],
    [
      "a date of many",
      (cache) => cache.getOrSetMany(["k"], () => new Date() as never),
      "got an object of class Date.",
    ],
    [
      "memoize by a function",
      (cache) => cache.memoize(() => 1, ((id: string) => id) as never),
      "{ key: (id) => ",
    ],
    [
      "memoize without a key",
      (cache) => cache.memoize(() => 1, {} as never),
      'The option "key" of memoize() has to be',
    ],
    [
      "memoize nothing",
      (cache) => cache.memoize(undefined as never, { key: () => "k" }),
      "has to be a function, got nothing.",
    ],
    [
      "run nothing",
      (cache) => cache.lock("l", { timeout: 1 }).run(undefined as never),
      "has to be a function, got nothing.",
    ],
    [
      "a misspelt event",
      (cache) => cache.on("hits" as never, () => {}),
      'no event "hits". Did you mean "hit"?',
    ],
    [
      "no listener",
      (cache) => cache.on("hit", undefined as never),
      "A listener has to be a function, got nothing.",
    ],
  ])("%s: %o is a CacheUsageError", async (_name, run, message) => {
    const { cache } = openCache();
    await expect((async () => run(cache))()).rejects.toBeInstanceOf(CacheUsageError);
    await expect((async () => run(cache))()).rejects.toThrow(message);
  });

  test("memoize deletes with the options that it was given", async () => {
    const { cache } = openCache();
    const twice = cache.memoize((n: number) => 2 * n, {
      key: (n) => `n:${n}`,
      timeout: 60,
      tags: ["n"],
      version: 2,
    });
    expect(await twice(2)).toBe(4);
    expect(await twice.delete(2)).toBe(true);
  });
});

describe("a cache that is not configured", () => {
  const make = () => {
    const [store, secretKey] = [memoryCacheStore(), "s".repeat(32)];
    const caches = { default: { store }, pages: { store } };
    return createSojourn({ projectName: "p", secretKey, caches }).caches as Record<string, Cache>;
  };

  test("is an error that names the configured ones", () => {
    expect(() => make()["page"]?.get("k")).toThrow(ImproperlyConfigured);
    expect(() => make()["page"]?.get("k")).toThrow('caches.page: is not configured; did you mean "pages"?');
    expect(() => make()["sessions"]).toThrow(
      'caches.sessions: is not configured; there are "default", "pages".',
    );
  });

  test("is undefined to code that only inspects the object", async () => {
    const caches = make();
    expect(Object.keys(caches)).toEqual(["default", "pages"]);
    expect("page" in caches).toBe(false);
    expect(caches instanceof Object).toBe(true);
    expect(inspect(caches, { depth: 0 })).toContain("default");
    expect(JSON.stringify(caches)).toBeTypeOf("string");
    expect(await Promise.resolve(caches)).toBe(caches);
  });
});
