import { describe, expect, test, vi } from "vitest";

import {
  anyDeadline,
  type CacheHarness,
  gate,
  openCache,
  turn,
} from "../../../test/support/cache-harness.ts";
import { CacheLoadTimeoutError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";
import type { LoadContext, LoadOptions } from "./load-options.ts";

/** Waits, in real time, until a condition holds. */
const until = (check: () => unknown) => vi.waitUntil(check, { timeout: 5000, interval: 5 });

/** Loads that each wait for the test, in their order. */
function loaders<Value>() {
  const begun: { finish: (value: Value) => void; fail: (error: Error) => void; context: LoadContext }[] = [];
  const load = (context: LoadContext): Promise<Value> => {
    const { promise, open, fail } = gate<Value>();
    begun.push({ finish: open, fail, context });
    return promise;
  };
  return { begun, load };
}

/** Several processes: the first one loads, and all others wait for it. */
async function queueUp(harness: CacheHarness, count: number, load: (context: LoadContext) => unknown) {
  const caches = [harness.cache, ...Array.from({ length: count - 1 }, () => harness.other())];
  const results: Promise<unknown>[] = [];
  for (const cache of caches) {
    results.push(cache.getOrSet("k", load));
    await turn();
  }
  await until(() => caches.every(({ stats }, index) => index === 0 || stats.leaseWaits === 1));
  return { caches, results };
}

describe("callers in other processes that wait for a load without a value", () => {
  const ENDINGS: readonly [
    name: string,
    end: (load: ReturnType<typeof loaders<unknown>>["begun"][number]) => void,
  ][] = [
    ["undefined", ({ finish }) => finish(undefined)],
    ["skip()", ({ context, finish }) => (context.skip(), finish(1))],
    ["a timeout of 0", ({ context, finish }) => (context.setTimeout(0), finish(1))],
    ["an error", ({ fail }) => fail(new Error("down"))],
    ["what JSON cannot hold", ({ finish }) => finish(Number.NaN)],
  ];

  test.each(ENDINGS)("go on at once, side by side: %s", async (_, end) => {
    const { begun, load } = loaders<unknown>();
    const { results } = await queueUp(openCache(), 6, load);
    expect(begun).toHaveLength(1);
    const settled = Promise.allSettled(results);
    end(begun[0] as (typeof begun)[number]);
    await until(() => begun.length === 6);
    for (const each of begun.slice(1)) each.finish("own");
    const values = (await settled).map((result) => (result.status === "fulfilled" ? result.value : "error"));
    expect(values.slice(1)).toEqual(Array.from({ length: 5 }, () => "own"));
  });

  test("one of them stores its value, and a later caller gets it", async () => {
    const { begun, load } = loaders<unknown>();
    const harness = openCache();
    const { results } = await queueUp(harness, 3, load);
    begun[0]?.finish(undefined);
    await until(() => begun.length === 3);
    for (const [index, each] of begun.slice(1).entries()) each.finish(index);
    const values = await Promise.all(results);
    expect(new Set(values.slice(1))).toEqual(new Set([0, 1]));
    expect([0, 1]).toContain(await harness.other().get("k"));
  });

  test("store nothing without a lease: a delete while they load is not undone", async () => {
    const { begun, load } = loaders<unknown>();
    const harness = openCache();
    const { caches, results } = await queueUp(harness, 3, load);
    begun[0]?.finish(undefined);
    await until(() => begun.length === 3);
    await caches[0]?.delete("k");
    for (const each of begun.slice(1)) each.finish("old");
    expect(await Promise.all(results)).toEqual([undefined, "old", "old"]);
    expect(await caches[0]?.get("k")).toBeUndefined();
  });

  test("a later caller of a process that loads without a lease does not get the value from before", async () => {
    const { begun, load } = loaders<unknown>();
    const { caches, results } = await queueUp(openCache(), 3, load);
    begun[0]?.finish(undefined);
    await until(() => begun.length === 3);
    const late = caches.map((cache) => cache.getOrSet("k", () => "new"));
    await turn();
    await caches[0]?.delete("k");
    for (const each of begun.slice(1)) each.finish("old");
    await Promise.all(results);
    expect(await Promise.all(late)).toEqual(["new", "new", "new"]);
  });

  test("after a delete they go on waiting: one of them loads", async () => {
    const { begun, load } = loaders<unknown>();
    const { caches, results } = await queueUp(openCache(), 4, load);
    await caches[0]?.delete("k");
    await until(() => begun.length === 2);
    begun[0]?.finish("first");
    await new Promise((resolve) => void setTimeout(resolve, 100));
    expect(begun).toHaveLength(2);
    begun[1]?.finish("second");
    expect(await Promise.all(results)).toEqual(["first", "second", "second", "second"]);
  });

  test("loads that end without waiting callers leave nothing in the store", async () => {
    const { cache, store } = openCache();
    await cache.getOrSet("k", () => undefined);
    const second = { key: "shop:1:k", token: "t", expected: undefined };
    expect(await store.lease(second, 5000, anyDeadline())).toEqual({ status: "leased" });
    expect(await store.lease({ ...second, token: "u" }, 5000, anyDeadline())).toEqual({
      status: "busy",
      ended: 0,
    });
  });
});

describe("a caller after a completed delete, or invalidation, does not get the value from before", () => {
  const WRITES: readonly [string, (other: Cache) => Promise<unknown>][] = [
    ["delete", (other) => other.delete("k")],
    ["invalidateTags", (other) => other.invalidateTags(["a"])],
  ];
  const ENDINGS: readonly [string, (load: LoadContext) => unknown][] = [
    ["skip()", (load: LoadContext) => (load.skip(), "old")],
    ["a timeout of 0", (load: LoadContext) => (load.setTimeout(0), "old")],
    ["undefined", () => undefined],
  ];

  test.each(WRITES.flatMap(([write, run]) => ENDINGS.map(([ending, end]) => ({ write, run, ending, end }))))(
    "from a load that stores nothing: $write, $ending",
    async ({ run, end }) => {
      const { cache, other } = openCache();
      const { promise, open } = gate();
      const early = cache.getOrSet<unknown>("k", (load: LoadContext) => promise.then(() => end(load)), {
        tags: ["a"],
      });
      await turn();
      await run(other());
      const late = cache.getOrSet("k", () => "new", { tags: ["a"] });
      await turn();
      open();
      expect(await early).not.toBe("new");
      expect(await late).toBe("new");
    },
  );

  test("of a key that was stored meanwhile, while the rest of its group loads", async () => {
    let isStored = false;
    const harness = openCache({
      override: (store) => ({
        lease: async (lease, ...args) => {
          if (!isStored) await second.set("k", "old");
          isStored = true;
          return store.lease(lease, ...args);
        },
      }),
    });
    const second = harness.other();
    const { promise, open } = gate<Record<string, string>>();
    const many = harness.cache.getOrSetMany(["k", "l"], () => promise);
    await until(() => harness.cache.stats.misses === 2);
    await turn();
    await second.delete("k");
    const late = harness.cache.getOrSet("k", () => "new");
    await turn();
    open({ l: "loaded" });
    expect(await many).toEqual(
      new Map([
        ["k", "old"],
        ["l", "loaded"],
      ]),
    );
    expect(await late).toBe("new");
  });
});

describe("the wait of a caller", () => {
  /** Another process has the lease, and does not end. */
  async function openHeld(settings = {}) {
    const harness = openCache({ lease: "30s", ...settings });
    await harness.store.lease(
      { key: "shop:1:k", token: "hangs", expected: undefined },
      30_000,
      anyDeadline(),
    );
    return harness;
  }

  const CALLS: readonly [string, (cache: Cache, options: LoadOptions) => Promise<unknown>][] = [
    ["getOrSet", (cache, options) => cache.getOrSet("k", () => "own", options)],
    ["getOrSetMany", (cache, options) => cache.getOrSetMany(["k", "l"], () => ({ l: 1 }), options)],
    [
      "memoize",
      (cache, options) => cache.memoize(() => "own", { key: () => "k", hardTimeout: options.hardTimeout })(),
    ],
  ];

  test.each(CALLS)("%s ends with hardTimeout, whichever process loads", async (_, call) => {
    const { cache } = await openHeld();
    await expect(call(cache, { hardTimeout: "30ms" })).rejects.toThrow(CacheLoadTimeoutError);
  });

  test.each(CALLS.slice(0, 2))("%s ends when its signal aborts, with its reason", async (_, call) => {
    const { cache } = await openHeld();
    const abort = new AbortController();
    const result = call(cache, { signal: abort.signal });
    const reason = new Error("the client has gone");
    setTimeout(() => abort.abort(reason), 10);
    await expect(result).rejects.toBe(reason);
  });

  test.each(CALLS.slice(0, 2))(
    "%s does not call the store when its signal has aborted before",
    async (_, call) => {
      const { cache, calls } = openCache();
      const reason = new Error("gone");
      await expect(call(cache, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(calls).toEqual([]);
    },
  );

  test("ends while the store hangs, too", async () => {
    const { cache } = openCache({ override: () => ({ get: () => new Promise(() => {}) }) });
    await expect(cache.getOrSet("k", () => 1, { hardTimeout: "20ms" })).rejects.toThrow(
      CacheLoadTimeoutError,
    );
    await expect(cache.getOrSet("k", () => 1, { signal: AbortSignal.timeout(20) })).rejects.toThrow(
      "timeout",
    );
  });

  test("without bounds goes on beside that of a caller which has given up", async () => {
    const { cache } = openCache();
    const { begun, load } = loaders<string>();
    const patient = cache.getOrSet("k", load);
    await expect(cache.getOrSet("k", load, { hardTimeout: "20ms" })).rejects.toThrow(CacheLoadTimeoutError);
    await expect(cache.getOrSet("k", load, { signal: AbortSignal.timeout(20) })).rejects.toThrow("timeout");
    expect(begun).toHaveLength(1);
    expect(begun[0]?.context.signal.aborted).toBe(false);
    begun[0]?.finish("value");
    expect(await patient).toBe("value");
  });

  test("leaves a load that it has started to the cache: its value is stored", async () => {
    const { cache } = openCache();
    const { begun, load } = loaders<string>();
    await expect(cache.getOrSet("k", load, { signal: AbortSignal.timeout(20) })).rejects.toThrow("timeout");
    begun[0]?.finish("value");
    await until(() => cache.has("k"));
    expect(await cache.get("k")).toBe("value");
  });

  test("returns the old value after hardTimeout if staleIfError allows it, but still throws the reason of a signal", async () => {
    const { cache, clock, other } = openCache();
    const options = { timeout: 10, staleIfError: "1h" } as const;
    await cache.getOrSet("k", () => "old", options);
    clock.advance(11_000);
    const { load } = loaders<string>();
    const slow = cache.getOrSet("k", load);
    await turn();
    expect(await cache.getOrSet("k", load, { ...options, hardTimeout: "20ms" })).toBe("old");
    expect(await other().getOrSet("k", load, { ...options, hardTimeout: "20ms" })).toBe("old");
    await expect(cache.getOrSet("k", load, { ...options, signal: AbortSignal.timeout(20) })).rejects.toThrow(
      "timeout",
    );
    void slow;
  });

  test("that all callers have given up causes no more calls to the store", async () => {
    const { cache, calls } = await openHeld();
    const results = [1, 2].map(() => cache.getOrSet("k", () => "own", { hardTimeout: "30ms" }));
    await Promise.allSettled(results);
    // The pending pause.
    await new Promise((resolve) => void setTimeout(resolve, 50));
    calls.length = 0;
    await new Promise((resolve) => void setTimeout(resolve, 100));
    expect(calls).toEqual([]);
  });

  test.each([1, "a text", {}, null])("refuses an invalid signal: %j", async (signal) => {
    const { cache, calls } = openCache();
    const result = cache.getOrSet("k", () => 1, { signal: signal as never });
    await expect(result).rejects.toThrow('"signal" has to be an AbortSignal');
    expect(calls).toEqual([]);
  });
});
