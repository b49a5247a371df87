import { describe, expect, test, vi } from "vitest";

import { type CacheHarness, gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { CacheLoadTimeoutError, CacheUsageError, NotJsonError } from "../../core/errors.ts";
import type { LoadContext } from "./load-options.ts";

const SECOND = 1000;

/** Stores "old" under the key, as a load with these options does, and lets time pass. */
async function loadOld(
  harness: CacheHarness,
  options: Parameters<CacheHarness["cache"]["getOrSet"]>[2],
  wait: number,
) {
  await harness.cache.getOrSet("k", () => "old", options);
  harness.clock.advance(wait);
}

describe("stale", () => {
  const options = { timeout: 10, stale: "1h" } as const;

  test("after its timeout the old value is returned at once, while one load in the background replaces it", async () => {
    const harness = openCache();
    const { cache } = harness;
    await loadOld(harness, options, 11 * SECOND);
    const { promise, open } = gate<string>();
    const load = vi.fn<() => Promise<string>>(() => promise);
    const callers = Array.from({ length: 5 }, () => cache.getOrSet("k", load, options));
    expect(await Promise.all(callers)).toEqual(Array(5).fill("old"));
    await turn();
    expect(load).toHaveBeenCalledTimes(1);
    open("new");
    await turn();
    expect(await cache.getOrSet("k", load, options)).toBe("new");
    expect(load).toHaveBeenCalledTimes(1);
    expect(cache.stats).toMatchObject({ stale: 5, hits: 1, loads: 2, misses: 1 });
  });

  test("is for getOrSet only: get, has and getMany find nothing, and peek reports it", async () => {
    const harness = openCache();
    const { cache } = harness;
    await loadOld(harness, options, 11 * SECOND);
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.getMany(["k"])).toEqual(new Map());
    expect(await cache.has("k")).toBe(false);
    const ttl = 3_599 * SECOND;
    expect(await cache.peek("k")).toEqual({
      isHit: true,
      value: "old",
      source: "memory",
      state: "stale",
      age: 11_000,
      ttl,
    });
  });

  test("ends, and then the loader runs first", async () => {
    const harness = openCache();
    await loadOld(harness, options, 10 * SECOND + 3_600 * SECOND);
    expect(await harness.cache.getOrSet("k", () => "new", options)).toBe("new");
  });

  test("an event reports a failing load in the background, which runs again only after its lease has expired", async () => {
    const harness = openCache({ lease: "5s" });
    const { cache, clock } = harness;
    const failures: unknown[] = [];
    cache.on("loadFailed", ({ error }) => failures.push(error));
    await loadOld(harness, options, 11 * SECOND);
    const failure = new Error("down");
    const load = vi.fn<() => Promise<never>>(() => Promise.reject(failure));
    for (let round = 0; round < 3; round++) {
      expect(await cache.getOrSet<unknown>("k", load, options)).toBe("old");
      await turn();
    }
    expect(failures).toEqual([failure]);
    clock.advance(5 * SECOND);
    expect(await cache.getOrSet<unknown>("k", load, options)).toBe("old");
    await turn();
    expect(load).toHaveBeenCalledTimes(2);
  });

  test("an event reports a load in the background whose result cannot be stored", async () => {
    const harness = openCache();
    const { cache } = harness;
    const failures: unknown[] = [];
    cache.on("loadFailed", ({ error }) => failures.push(error));
    await loadOld(harness, options, 11 * SECOND);
    expect(await cache.getOrSet<unknown>("k", () => new Date(), options)).toBe("old");
    await turn();
    expect(failures).toEqual([expect.any(NotJsonError)]);
  });

  test("a delete during the load in the background wins", async () => {
    const harness = openCache();
    const { cache } = harness;
    await loadOld(harness, options, 11 * SECOND);
    const { promise, open } = gate<string>();
    await cache.getOrSet("k", () => promise, options);
    await turn();
    await cache.delete("k");
    open("outdated");
    await turn();
    expect(await cache.getOrSet("k", () => "new", options)).toBe("new");
  });
});

describe("staleIfError", () => {
  const options = { timeout: 10, staleIfError: "1h" } as const;

  test("after the time of stale, the entry kept for errors is not returned while the load succeeds", async () => {
    const harness = openCache();
    const both = { timeout: 10, stale: 10, staleIfError: "1h" } as const;
    await loadOld(harness, both, 21 * SECOND);
    expect(await harness.cache.getOrSet("k", () => "new", both)).toBe("new");
  });

  test("returns the old value when the loader fails, and not before", async () => {
    const harness = openCache();
    const { cache } = harness;
    await loadOld(harness, options, 11 * SECOND);
    const fail = () => Promise.reject(new Error("down"));
    expect(await cache.getOrSet<unknown>("k", fail, options)).toBe("old");
    expect(cache.stats).toMatchObject({ loadFailures: 1, stale: 1 });
    harness.clock.advance(5 * SECOND);
    expect(await cache.getOrSet("k", () => "new", options)).toBe("new");
  });

  test("for the duration of a lease after a failure it is returned at once, in all processes, and the source is not called", async () => {
    const harness = openCache();
    await loadOld(harness, options, 11 * SECOND);
    const load = vi.fn<() => Promise<never>>(() => Promise.reject(new Error("down")));
    for (const cache of [harness.cache, harness.cache, harness.other()]) {
      expect(await cache.getOrSet<unknown>("k", load, options)).toBe("old");
    }
    expect(load).toHaveBeenCalledTimes(1);
    expect(harness.cache.stats.leaseWaits).toBe(0);
  });

  test("ends, and then the caller gets the error", async () => {
    const harness = openCache();
    await loadOld(harness, options, 3_611 * SECOND);
    await expect(
      harness.cache.getOrSet("k", () => Promise.reject(new Error("down")), options),
    ).rejects.toThrow("down");
  });

  test("an invalidated entry is not returned, however its loader fails", async () => {
    const harness = openCache();
    const { cache } = harness;
    await loadOld(harness, { ...options, tags: ["a"] }, 11 * SECOND);
    await cache.invalidateTags(["a"]);
    await expect(cache.getOrSet("k", () => Promise.reject(new Error("down")), options)).rejects.toThrow(
      "down",
    );
  });
});

describe("soft and hard timeouts", () => {
  test("softTimeout returns the old value while the load goes on", async () => {
    const harness = openCache();
    const { cache } = harness;
    const options = { timeout: 10, staleIfError: "1h", softTimeout: "1ms" } as const;
    await loadOld(harness, options, 11 * SECOND);
    const { promise, open } = gate<string>();
    expect(await cache.getOrSet("k", () => promise, options)).toBe("old");
    open("new");
    await turn();
    expect(await cache.get("k")).toBe("new");
  });

  test("hardTimeout: the signal aborts, the callers get a typed error, and a late result is not stored", async () => {
    const { cache } = openCache();
    const { promise, open } = gate<string>();
    const signals: AbortSignal[] = [];
    const load = ({ signal }: LoadContext) => {
      signals.push(signal);
      return promise;
    };
    const callers = [1, 2].map(() => cache.getOrSet("k", load, { hardTimeout: "1ms" }));
    for (const caller of callers) {
      await expect(caller).rejects.toThrow(CacheLoadTimeoutError);
      await expect(caller).rejects.toThrow('The loader of the cache entry "k" had not finished after 1 ms');
    }
    await vi.waitUntil(() => signals[0]?.aborted);
    expect(signals.map(({ reason }) => reason instanceof CacheLoadTimeoutError)).toEqual([true]);
    open("late");
    await turn();
    expect(await cache.has("k")).toBe(false);
    expect(await cache.getOrSet("k", () => "next")).toBe("next");
  });

  test("with staleIfError the old value covers a load that takes too long", async () => {
    const harness = openCache();
    const options = { timeout: 10, staleIfError: "1h", hardTimeout: "1ms" } as const;
    await loadOld(harness, options, 11 * SECOND);
    expect(await harness.cache.getOrSet("k", () => gate<string>().promise, options)).toBe("old");
  });
});

describe("the context of a load", () => {
  test("has the key, and the value to be replaced", async () => {
    const harness = openCache();
    const options = { timeout: 10, staleIfError: "1h" } as const;
    await loadOld(harness, options, 11 * SECOND);
    const load = vi.fn<(context: LoadContext) => string>(() => "new");
    await harness.cache.getOrSet("k", load, options);
    expect(load.mock.calls[0]?.[0]).toMatchObject({ key: "k", stale: "old" });
  });

  test("setTimeout() sets the time to live of the value, skip() keeps it from being stored", async () => {
    const { cache } = openCache();
    await cache.getOrSet("a", (context) => (context.setTimeout("1m"), 1));
    await cache.getOrSet("b", (context) => (context.skip(), 1));
    expect([await cache.ttl("a"), await cache.ttl("b")]).toEqual([60, undefined]);
  });
});

describe("negativeTimeout, jitter and early", () => {
  test("null lives for negativeTimeout, other values for their timeout", async () => {
    const { cache } = openCache({ negativeTimeout: "5s" });
    await cache.getOrSet("none", () => null);
    await cache.getOrSet("some", () => 0);
    await cache.getOrSet("own", () => null, { negativeTimeout: null });
    expect([await cache.ttl("none"), await cache.ttl("some"), await cache.ttl("own")]).toEqual([
      5,
      300,
      null,
    ]);
  });

  test("jitter shortens the time by up to its part, and leaves the value as Django writes it", async () => {
    const { cache, raw } = openCache({ random: () => 0.5 });
    await cache.getOrSet("k", () => 1, { timeout: 100, jitter: 0.2 });
    expect(await cache.ttl("k")).toBe(90);
    expect(await raw("shop:1:k")).toBe("1");
  });

  test.each([
    ["far from its end: no", 1000, 0.5, 1],
    ["near it: yes", 9500, 0.9, 2],
    ["near it, by chance not", 9500, 0.1, 1],
  ])("early, %s", async (_, wait, random, loads) => {
    const harness = openCache({ random: () => random });
    const { cache, clock } = harness;
    const options = { timeout: 10, early: true } as const;
    const load = vi.fn<() => Promise<string>>(async () => {
      clock.advance(400);
      return "value";
    });
    await cache.getOrSet("k", load, options);
    clock.advance(wait);
    expect(await cache.getOrSet("k", load, options)).toBe("value");
    await turn();
    expect(load).toHaveBeenCalledTimes(loads);
    expect(cache.stats.hits).toBe(1);
  });
});

test.each([
  [{ stale: "1" }, '"stale" has to be seconds or text'],
  [{ staleIfError: -1 }, '"staleIfError" has to be seconds or text'],
  [{ early: -1 }, '"early" has to be true, false or a number from 0'],
  [{ jitter: 2 }, '"jitter" has to be a number from 0 to 1'],
  [{ hardTimeout: {} }, '"hardTimeout" has to be'],
  [{ tags: [""] }, "A tag has to be a text that is not empty"],
])("wrong options are refused before the loader runs: %o", async (options, message) => {
  const { cache } = openCache();
  const load = vi.fn<() => number>();
  await expect(cache.getOrSet("k", load, options as never)).rejects.toThrow(CacheUsageError);
  await expect(cache.getOrSet("k", load, options as never)).rejects.toThrow(message);
  expect(load).not.toHaveBeenCalled();
});
