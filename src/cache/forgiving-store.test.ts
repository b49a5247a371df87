import { describe, expect, test } from "vitest";

import { openCache } from "../../test/support/cache-harness.ts";
import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import type { CacheStore } from "../stores/cache-store.ts";

/** A cache with `onStoreError: "miss"` whose store fails while it is down. */
function setUp() {
  const state = { error: undefined as Error | undefined, asked: 0 };
  const failing = (store: CacheStore): Partial<CacheStore> =>
    new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name === "clear") return () => failingPages(state);
        return async (...args: unknown[]): Promise<unknown> => {
          state.asked++;
          if (state.error) throw state.error;
          return Reflect.apply(value, target, args);
        };
      },
    });
  const harness = openCache({ onStoreError: "miss", override: failing });
  const told: string[] = [];
  harness.cache.on("storeError", ({ operation }) => told.push(operation));
  return { ...harness, state, told, other: harness.other() };
}

async function* failingPages({ error }: { readonly error: Error | undefined }): AsyncGenerator<number> {
  if (error) throw error;
  yield 0;
}

const DOWN = new StoreConnectionError("down", { outcome: "unknown" });
/** The deadline of the harness, during which the store is not called. */
const PAUSE = 1000;

describe('onStoreError: "miss"', () => {
  test("reads find nothing, writes report that nothing was stored, getOrSet returns the loaded value", async () => {
    const { cache, state } = setUp();
    await cache.set("a", 1);
    state.error = DOWN;
    expect(await cache.get("a", { default: 7 })).toBe(7);
    expect(await cache.getMany(["a"])).toEqual(new Map());
    expect(await cache.has("a")).toBe(false);
    expect(await cache.ttl("a")).toBeUndefined();
    expect(await cache.touch("a")).toBe(false);
    expect(await cache.set("b", 1)).toBe(false);
    expect(await cache.add("b", 1)).toBe(false);
    expect(await cache.setMany({ b: 1, c: 2 })).toEqual(["b", "c"]);
    expect(await cache.getOrSet("a", () => 2)).toBe(2);
    expect(await cache.getOrSet("a", () => 2, { tags: ["red"], stale: 5 })).toBe(2);
    expect(await cache.getOrSetMany(["a", "b"], () => ({ a: 1, b: 2 }))).toEqual(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
  });

  test("deletes, counters and locks still throw", async () => {
    const { cache, state } = setUp();
    state.error = DOWN;
    const calls = [
      () => cache.delete("a"),
      () => cache.deleteMany(["a"]),
      () => cache.take("a"),
      () => cache.takeMany(["a"]),
      () => cache.touch("a", 0),
      () => cache.set("a", 1, { timeout: 0 }),
      () => cache.invalidateTags(["red"]),
      () => cache.clear(),
      () => cache.incr("a"),
      () => cache.lock("a", { timeout: 1 }).acquire(),
      () => cache.ping(),
    ];
    for (const call of calls) await expect(call()).rejects.toBe(DOWN);
  });

  test("each failure is counted and emitted; then the store is not called for one deadline", async () => {
    const { cache, state, told, clock } = setUp();
    state.error = DOWN;
    for (let round = 0; round < 5; round++) await cache.get("a");
    expect([state.asked, told]).toEqual([1, ["get"]]);
    clock.advance(PAUSE);
    await cache.get("a");
    expect([state.asked, told, cache.stats.storeErrors]).toEqual([2, ["get", "get"], 2]);
  });

  test("an error answer is emitted as well, and the store is called again at once", async () => {
    const { cache, state, told } = setUp();
    state.error = new StoreServiceError("OOM", { outcome: "not-sent" });
    expect(await cache.set("a", 1)).toBe(false);
    expect(await cache.set("a", 1)).toBe(false);
    expect(told).toEqual(["set", "set"]);
  });

  test("a key whose delete has failed is a miss, and the next successful call deletes it", async () => {
    const { cache, state, raw, clock } = setUp();
    await cache.setMany({ a: 1, b: 2 });
    state.error = DOWN;
    await expect(cache.delete("a")).rejects.toBe(DOWN);
    state.error = undefined;
    expect(await cache.get("a")).toBeUndefined();
    expect(await raw("shop:1:a")).toBe("1");
    clock.advance(PAUSE);
    expect(await cache.get("b")).toBe(2);
    expect(await raw("shop:1:a")).toBeUndefined();
    await cache.set("a", 3);
    expect(await cache.get("a")).toBe(3);
  });

  test("a key whose take has failed is a miss, also for take, and is deleted", async () => {
    const { cache, state, raw, clock } = setUp();
    await cache.setMany({ a: 1, b: 2 });
    state.error = DOWN;
    await expect(cache.take("a")).rejects.toBe(DOWN);
    state.error = undefined;
    expect(await cache.get("a")).toBeUndefined();
    expect(await raw("shop:1:a")).toBe("1");
    expect(await cache.take("a")).toBeUndefined();
    expect(await raw("shop:1:a")).toBeUndefined();
    clock.advance(PAUSE);
    expect(await cache.takeMany(["a", "b"])).toEqual(new Map([["b", 2]]));
  });

  test("a failed overwrite leaves no old value behind", async () => {
    const { cache, state, raw, clock } = setUp();
    await cache.set("a", "old");
    state.error = DOWN;
    expect(await cache.set("a", "new")).toBe(false);
    state.error = undefined;
    clock.advance(PAUSE);
    expect(await cache.get("a")).toBeUndefined();
    expect(await raw("shop:1:a")).toBeUndefined();
  });

  test("a failed add deletes nothing", async () => {
    const { cache, state, clock } = setUp();
    await cache.set("a", "old");
    state.error = DOWN;
    expect(await cache.add("a", "new")).toBe(false);
    state.error = undefined;
    clock.advance(PAUSE);
    expect(await cache.get("a")).toBe("old");
  });

  test("at most 10 000 keys are remembered, and an event reports the rest", async () => {
    const { cache, state } = setUp();
    const forgotten: number[] = [];
    cache.on("forgotten", ({ count }) => forgotten.push(count));
    state.error = DOWN;
    const keys = Array.from({ length: 10_003 }, (_, index) => `k${index}`);
    await expect(cache.deleteMany(keys)).rejects.toBe(DOWN);
    expect([forgotten, cache.stats.forgotten]).toEqual([[3], 1]);
  });

  test("usage errors still throw", async () => {
    const { cache } = setUp();
    await expect(cache.set("a", new Date())).rejects.toThrow(TypeError);
    await expect(cache.get("")).rejects.toThrow("not empty");
  });
});

test('onStoreError: "throw" is the default', async () => {
  const { cache } = openCache({ override: () => ({ get: () => Promise.reject(DOWN) }) });
  await expect(cache.get("a")).rejects.toBe(DOWN);
});
