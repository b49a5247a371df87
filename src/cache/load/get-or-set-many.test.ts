import { describe, expect, test, vi } from "vitest";

import { gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";

const double = (missing: readonly string[]) => new Map(missing.map((key) => [key, key + key]));

describe("getOrSetMany", () => {
  test("one read, one load of the missing keys, in the order of the keys", async () => {
    const { cache, calls } = openCache();
    await cache.set("b", "there");
    calls.length = 0;
    const load = vi.fn(double);
    const found = await cache.getOrSetMany(["c", "b", "a", "c"], load);
    expect([...found]).toEqual([
      ["c", "cc"],
      ["b", "there"],
      ["a", "aa"],
    ]);
    expect(load.mock.calls.map(([keys]) => keys)).toEqual([["c", "a"]]);
    expect(calls).toEqual(["getMany", "lease", "lease", "fill", "fill"]);
    expect(await cache.getMany(["a", "b", "c"])).toEqual(
      new Map([
        ["a", "aa"],
        ["b", "there"],
        ["c", "cc"],
      ]),
    );
  });

  test("the loader does not run if all entries exist, and the store is not called without keys", async () => {
    const { cache, calls } = openCache();
    await cache.set("a", 1);
    const load = vi.fn(double);
    expect(await cache.getOrSetMany(["a"], load)).toEqual(new Map([["a", 1]]));
    calls.length = 0;
    expect(await cache.getOrSetMany([], load)).toEqual(new Map());
    expect(load).not.toHaveBeenCalled();
  });

  test("a key that the loader leaves out has no value, and is not stored; null is a value", async () => {
    const { cache } = openCache();
    expect(await cache.getOrSetMany(["a", "b"], () => ({ a: null }))).toEqual(new Map([["a", null]]));
    expect(await cache.hasMany(["a", "b"])).toEqual(new Set(["a"]));
  });

  test("a key that is being loaded already is waited for, and not loaded again", async () => {
    const { cache } = openCache();
    const { promise, open } = gate<string>();
    const single = cache.getOrSet("a", () => promise);
    await turn();
    const load = vi.fn(double);
    const many = cache.getOrSetMany(["a", "b"], load);
    await turn();
    open("from the other");
    expect(await single).toBe("from the other");
    expect(await many).toEqual(
      new Map([
        ["a", "from the other"],
        ["b", "bb"],
      ]),
    );
    expect(load.mock.calls.map(([keys]) => keys)).toEqual([["b"]]);
  });

  test("a key that another process is loading is waited for", async () => {
    const { cache, other } = openCache();
    const { promise, open } = gate<string>();
    const single = other().getOrSet("a", () => promise);
    await turn();
    const many = cache.getOrSetMany(["a", "b"], double);
    await vi.waitUntil(() => cache.stats.leaseWaits === 1);
    open("from the other");
    expect(await single).toBe("from the other");
    expect(await many).toEqual(
      new Map([
        ["a", "from the other"],
        ["b", "bb"],
      ]),
    );
  });

  test("two at the same time share the loads", async () => {
    const { cache } = openCache();
    const load = vi.fn(async (missing: readonly string[]) => double(missing));
    const [first, second] = await Promise.all([
      cache.getOrSetMany(["a", "b"], load),
      cache.getOrSetMany(["b", "c"], load),
    ]);
    expect([...first.keys(), ...second.keys()]).toEqual(["a", "b", "b", "c"]);
    expect(load.mock.calls.map(([keys]) => keys)).toEqual([["a", "b"], ["c"]]);
  });

  test("all callers get its error, and the next call loads again", async () => {
    const { cache } = openCache();
    const fail = vi.fn(() => Promise.reject(new Error("down")));
    const results = [cache.getOrSetMany(["a", "b"], fail), cache.getOrSetMany(["b"], fail)];
    for (const result of results) await expect(result).rejects.toThrow("down");
    expect(fail).toHaveBeenCalledTimes(1);
    expect(await cache.getOrSetMany(["a", "b"], double)).toEqual(
      new Map([
        ["a", "aa"],
        ["b", "bb"],
      ]),
    );
  });

  test("stale entries are returned at once, and reloaded together", async () => {
    const { cache, clock } = openCache();
    const options = { timeout: 10, stale: 60 } as const;
    await cache.getOrSetMany(["a", "b"], double, options);
    clock.advance(11_000);
    const load = vi.fn((missing: readonly string[]) => new Map(missing.map((key) => [key, "new"])));
    expect(await cache.getOrSetMany(["a", "b"], load, options)).toEqual(
      new Map([
        ["a", "aa"],
        ["b", "bb"],
      ]),
    );
    await turn();
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.getMany(["a", "b"])).toEqual(
      new Map([
        ["a", "new"],
        ["b", "new"],
      ]),
    );
  });

  test("a delete during the load wins for its key alone", async () => {
    const { cache } = openCache();
    const { promise, open } = gate<Record<string, string>>();
    const many = cache.getOrSetMany(["a", "b"], () => promise);
    await turn();
    await cache.delete("a");
    open({ a: "old", b: "old" });
    expect(await many).toEqual(
      new Map([
        ["a", "old"],
        ["b", "old"],
      ]),
    );
    expect(await cache.hasMany(["a", "b"])).toEqual(new Set(["b"]));
  });

  test.each([[undefined], ["text"], [null]])("a loader that returns %j is refused", async (given) => {
    const { cache } = openCache();
    await expect(cache.getOrSetMany(["a"], () => given as never)).rejects.toThrow(CacheUsageError);
  });
});
