import { describe, expect, test, vi } from "vitest";

import { gate, openCache, ttlOf, turn, type CacheHarness } from "../../../test/support/cache-harness.ts";
import { NotJsonError, StoreConnectionError } from "../../core/errors.ts";

/** A loader that waits for the test, and counts its runs. */
function slowLoader<Value>() {
  const { promise, open, fail } = gate<Value>();
  return { load: vi.fn<() => Promise<Value>>(() => promise), open, fail };
}

/** Starts a getOrSet and waits until its loader runs. */
async function beginLoad(cache: CacheHarness["cache"], key = "k") {
  const loader = slowLoader<unknown>();
  const result = cache.getOrSet(key, loader.load);
  await turn();
  expect(loader.load).toHaveBeenCalledTimes(1);
  return { ...loader, result };
}

describe("getOrSet", () => {
  test("runs the loader on a miss only, and stores its result with the timeout", async () => {
    const { cache, store } = openCache();
    const load = vi.fn<() => Promise<{ n: number }>>(() => Promise.resolve({ n: 1 }));
    expect(await cache.getOrSet("k", load, { timeout: 10 })).toEqual({ n: 1 });
    expect(await cache.getOrSet("k", load)).toEqual({ n: 1 });
    expect(load).toHaveBeenCalledTimes(1);
    expect(await ttlOf(store, "shop:1:k")).toBe(10_000);
  });

  test("takes a plain value, and a function that is not asynchronous", async () => {
    const { cache } = openCache();
    expect(await cache.getOrSet("a", 1)).toBe(1);
    expect(await cache.getOrSet("b", () => 2)).toBe(2);
    expect(await cache.getMany(["a", "b"])).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("a hit is one read; a miss is a read and a write", async () => {
    const { cache, calls } = openCache();
    await cache.getOrSet("k", 1);
    expect(calls.splice(0)).toEqual(["get", "lease", "fill"]);
    await cache.getOrSet("k", 1);
    expect(calls).toEqual(["get"]);
  });

  test("a stored null is a hit: the loader does not run", async () => {
    const { cache } = openCache();
    await cache.set("k", null);
    expect(await cache.getOrSet("k", () => Promise.reject(new Error("not to be run")))).toBeNull();
  });

  test("undefined from the loader is returned and not stored", async () => {
    const { cache, calls } = openCache();
    const load = vi.fn<() => undefined>(() => undefined);
    expect(await cache.getOrSet("k", load)).toBeUndefined();
    expect(await cache.getOrSet("k", load)).toBeUndefined();
    expect(load).toHaveBeenCalledTimes(2);
    expect(calls).not.toContain("fill");
  });

  test("with a timeout of 0 or less nothing is stored, and the loaded value is returned", async () => {
    const { cache, calls } = openCache();
    expect(await cache.getOrSet("k", () => 1, { timeout: 0 })).toBe(1);
    expect(await cache.getOrSet("k", () => 2, { timeout: -5 })).toBe(2);
    expect(calls).toEqual(["get", "lease", "release", "get", "lease", "release"]);
  });

  test("returns the same value on a miss as on a hit", async () => {
    const { cache } = openCache();
    const load = () => ({ gone: undefined, big: 5n });
    expect(await cache.getOrSet<unknown>("k", load)).toStrictEqual({ big: 5 });
    expect(await cache.get("k")).toStrictEqual({ big: 5 });
  });

  test("a result that JSON cannot hold is an error, and nothing is stored", async () => {
    const { cache } = openCache();
    await expect(cache.getOrSet("k", () => ({ at: new Date() }))).rejects.toThrow(NotJsonError);
    expect(await cache.has("k")).toBe(false);
  });

  test("an entry that is not JSON is a miss, is overwritten, and an event reports it", async () => {
    const { cache, putRaw, raw, events } = openCache();
    await putRaw("shop:1:k", "hello");
    expect(await cache.getOrSet("k", () => 1)).toBe(1);
    expect(await raw("shop:1:k")).toBe("1");
    expect(events).toEqual([{ key: "k", problem: "JSON is malformed at position 0" }]);
  });

  test("a failing store fails the call: without a load if it fails before, in spite of the load if it fails after", async () => {
    const failure = new StoreConnectionError("gone", { outcome: "not-sent" });
    const fail = () => Promise.reject(failure);
    const load = vi.fn<() => number>(() => 1);
    await expect(openCache({ override: () => ({ get: fail }) }).cache.getOrSet("k", load)).rejects.toBe(
      failure,
    );
    expect(load).not.toHaveBeenCalled();
    await expect(openCache({ override: () => ({ fill: fail }) }).cache.getOrSet("k", load)).rejects.toBe(
      failure,
    );
  });
});

describe("callers that miss the same key at the same time", () => {
  test("share one run of the loader, each with its own copy", async () => {
    const { cache } = openCache();
    const { load, open } = slowLoader<{ list: number[] }>();
    const results = Array.from({ length: 20 }, () => cache.getOrSet("k", load));
    await turn();
    open({ list: [1] });
    const values = await Promise.all(results);
    values[0]?.list.push(2);
    expect(values[1]).toEqual({ list: [1] });
    expect(new Set(values).size).toBe(20);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("share its error too; the next caller runs it again", async () => {
    const { cache } = openCache();
    const { load, fail } = slowLoader<number>();
    const results = Array.from({ length: 20 }, () =>
      cache.getOrSet("k", load).catch((error: unknown) => error),
    );
    await turn();
    const failure = new Error("the database is down");
    fail(failure);
    expect(new Set(await Promise.all(results))).toEqual(new Set([failure]));
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.getOrSet("k", () => 1)).toBe(1);
  });

  test("share an error that is thrown at once", async () => {
    const { cache } = openCache();
    const load = vi.fn<() => number>(() => {
      throw new Error("at once");
    });
    const results = [cache.getOrSet("k", load), cache.getOrSet("k", load)];
    for (const result of results) await expect(result).rejects.toThrow("at once");
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("with different keys or versions have separate loads", async () => {
    const { cache } = openCache();
    const load = vi.fn<() => Promise<number>>(() => Promise.resolve(1));
    await Promise.all([
      cache.getOrSet("a", load),
      cache.getOrSet("b", load),
      cache.getOrSet("a", load, { version: 2 }),
    ]);
    expect(load).toHaveBeenCalledTimes(3);
  });

  test("a caller that comes while the result is being stored does not load again", async () => {
    const held = gate();
    const { cache } = openCache({
      override: (store) => ({
        async fill(...args) {
          await held.promise;
          return store.fill(...args);
        },
      }),
    });
    const load = vi.fn<() => number>(() => 1);
    const results = [cache.getOrSet("k", load)];
    await turn();
    results.push(cache.getOrSet("k", load));
    await turn();
    held.open();
    expect(await Promise.all(results)).toEqual([1, 1]);
    expect(load).toHaveBeenCalledTimes(1);
  });
});

describe("while a loader runs", () => {
  const deletes: [string, (harness: CacheHarness) => Promise<unknown>][] = [
    ["delete", ({ cache }) => cache.delete("k")],
    ["deleteMany", ({ cache }) => cache.deleteMany(["other", "k"])],
    ["touch with 0", ({ cache }) => cache.touch("k", 0)],
    ["set with 0", ({ cache }) => cache.set("k", 1, { timeout: 0 })],
    ["clear", ({ cache }) => cache.clear()],
  ];

  test.each(deletes)(
    "%s wins: the old value is not stored, and later callers load again",
    async (_, remove) => {
      const harness = openCache();
      const { cache } = harness;
      const { result, open } = await beginLoad(cache);
      await remove(harness);
      const later = cache.getOrSet("k", () => "new");
      open("old");
      expect(await result).toBe("old");
      expect(await later).toBe("new");
      expect(await cache.get("k")).toBe("new");
    },
  );

  test("a delete alone leaves nothing behind", async () => {
    const { cache } = openCache();
    const { result, open } = await beginLoad(cache);
    await cache.delete("k");
    open("old");
    expect(await result).toBe("old");
    expect(await cache.has("k")).toBe(false);
  });

  test("a pending delete wins as well", async () => {
    const { cache } = openCache();
    const { result, open } = await beginLoad(cache);
    const deletion = cache.delete("k");
    open("old");
    await Promise.all([result, deletion]);
    expect(await cache.has("k")).toBe(false);
  });

  const writes: [string, (harness: CacheHarness) => Promise<unknown>][] = [
    ["set", ({ cache }) => cache.set("k", "new")],
    ["setMany", ({ cache }) => cache.setMany({ k: "new" })],
    ["add", ({ cache }) => cache.add("k", "new")],
    ["a set of another process", ({ other }) => other().set("k", "new")],
  ];

  test.each(writes)("%s wins, and the callers get its value", async (_, write) => {
    const harness = openCache();
    const { result, open } = await beginLoad(harness.cache);
    await write(harness);
    open("old");
    expect(await result).toBe("new");
    expect(await harness.cache.get("k")).toBe("new");
  });

  test("a write to another key, and a clear of another cache, leave it alone", async () => {
    const { cache, other } = openCache();
    const { result, open } = await beginLoad(cache);
    await cache.set("l", 1);
    await cache.delete("k", { version: 2 });
    await other({ keyPrefix: "other" }).clear();
    open("loaded");
    expect(await result).toBe("loaded");
    expect(await cache.get("k")).toBe("loaded");
  });

  test("a load that began after a delete is stored, also when the one before it ends later", async () => {
    const { cache } = openCache();
    const first = await beginLoad(cache);
    await cache.delete("k");
    const second = await beginLoad(cache);
    second.open("second");
    expect(await second.result).toBe("second");
    first.open("first");
    expect(await first.result).toBe("second");
    expect(await cache.get("k")).toBe("second");
  });

  test("a superseded load does not separate later callers from the load that they share", async () => {
    const { cache } = openCache();
    const first = await beginLoad(cache);
    await cache.delete("k");
    const second = await beginLoad(cache);
    first.open("first");
    await first.result;
    const third = cache.getOrSet("k", () => Promise.reject(new Error("not to be run")));
    await turn();
    second.open("second");
    expect(await Promise.all([second.result, third])).toEqual(["second", "second"]);
  });

  test("a set wins even if it replaces an unreadable entry", async () => {
    const { cache, putRaw } = openCache();
    await putRaw("shop:1:k", "hello");
    const { result, open } = await beginLoad(cache);
    await cache.set("k", "new");
    open("old");
    expect(await result).toBe("new");
    expect(await cache.get("k")).toBe("new");
  });

  test("its own delete of the key counts too", async () => {
    const { cache } = openCache();
    const load = (): Promise<string> => cache.delete("k").then(() => "outer");
    expect(await cache.getOrSet("k", load)).toBe("outer");
    expect(await cache.has("k")).toBe(false);
  });

  test("its own writes to the key count too", async () => {
    const { cache } = openCache();
    const result = cache.getOrSet("k", async () => {
      await cache.set("k", "inner");
      return "outer";
    });
    expect(await result).toBe("inner");
  });

  test("a write that leaves an unreadable entry leaves the loaded value to the callers", async () => {
    const { cache, putRaw, events } = openCache();
    const { result, open } = await beginLoad(cache);
    await putRaw("shop:1:k", "hello");
    open("loaded");
    expect(await result).toBe("loaded");
    expect(events).toHaveLength(1);
  });

  test("finished loads leave nothing in memory", async () => {
    const { cache } = openCache();
    const load = vi.fn<() => undefined>(() => undefined);
    for (let round = 0; round < 3; round++) await cache.getOrSet("k", load);
    expect(load).toHaveBeenCalledTimes(3);
  });
});
