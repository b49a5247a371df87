import { describe, expect, test } from "vitest";

import { anyDeadline, openCache, ttlOf } from "../../../test/support/cache-harness.ts";
import type { Cache } from "../cache.ts";
import { NotJsonError, StoreConnectionError } from "../../core/errors.ts";

const tags = ["red", "round"];
const ONE_ROUND_TRIP = ["set", "getMany"];
const REPLACED = ["ensureMany", "compareAndSet"];
const TWO_ROUND_TRIPS = ["ensureMany", "set"];

async function setUp(override?: Parameters<typeof openCache>[0]) {
  const harness = openCache(override);
  await harness.cache.set("first", 0, { tags });
  harness.calls.length = 0;
  return harness;
}

describe("a write with tags whose tokens this process knows", () => {
  test("is one round trip: the tokens are read beside it", async () => {
    const { cache, calls } = await setUp();
    const setting = cache.set("a", 1, { tags });
    expect(calls).toEqual(ONE_ROUND_TRIP);
    expect(await setting).toBe(true);
    expect(await cache.setMany({ b: 2, c: 3 }, { tags: ["round"] })).toEqual([]);
    expect(calls).toEqual([...ONE_ROUND_TRIP, "setMany", "getMany"]);
    expect(await cache.getMany(["a", "b", "c"], { tags })).toEqual(
      new Map(Object.entries({ a: 1, b: 2, c: 3 })),
    );
    await cache.invalidateTags(["round"]);
    expect(await cache.getMany(["first", "a", "b", "c"], { tags })).toEqual(new Map());
  });

  test("is replaced if another process has invalidated one of them", async () => {
    const { cache, calls, other } = await setUp();
    await other().invalidateTags(["red"]);
    expect(await cache.set("a", 1, { tags })).toBe(true);
    expect(calls).toEqual([...ONE_ROUND_TRIP, ...REPLACED]);
    expect(await cache.get("a", { tags })).toBe(1);
    expect(await cache.get("first", { tags })).toBeUndefined();
    await other().invalidateTags(["red"]);
    expect(await cache.get("a", { tags })).toBeUndefined();
  });

  test("is replaced if another process invalidates one of them meanwhile", async () => {
    let isOvertaken = false;
    const { cache, other } = await setUp({
      override: (store) => ({
        getMany: async (keys, deadline) => {
          if (isOvertaken) await other().invalidateTags(["red"]);
          isOvertaken = false;
          return store.getMany(keys, deadline);
        },
      }),
    });
    isOvertaken = true;
    await cache.set("a", 1, { tags });
    expect(await cache.get("a", { tags })).toBe(1);
  });

  test.each([
    ["write", 2, (cache: Cache) => cache.set("a", 2)],
    ["delete", undefined, (cache: Cache) => cache.delete("a")],
  ])("is not replaced after a %s by another process", async (_, expected, act) => {
    const { cache, other } = await setUp({
      override: (store) => ({
        compareAndSet: async (...args) => {
          await act(other());
          return store.compareAndSet(...args);
        },
      }),
    });
    await other().invalidateTags(["red"]);
    expect(await cache.set("a", 1, { tags })).toBe(true);
    expect(await cache.get("a")).toBe(expected);
  });

  test("is replaced if the store has dropped a token", async () => {
    const { cache, calls, store } = await setUp();
    await store.deleteMany(["shop:1:~tag:round"], anyDeadline());
    await cache.set("a", 1, { tags });
    expect(calls).toEqual([...ONE_ROUND_TRIP, ...REPLACED]);
    expect(await cache.get("a")).toBe(1);
  });
});

describe("the tokens of a write with tags are ensured first", () => {
  test("after this process has invalidated one of them", async () => {
    const { cache, calls } = await setUp();
    await cache.invalidateTags(["red"]);
    calls.length = 0;
    await cache.set("a", 1, { tags });
    expect(calls).toEqual(TWO_ROUND_TRIPS);
    expect(await cache.get("a", { tags })).toBe(1);
  });

  test("where the entry may outlive them", async () => {
    const { cache, calls, clock, store } = await setUp();
    await cache.set("a", 1, { tags, timeout: "3h" });
    expect(calls).toEqual(TWO_ROUND_TRIPS);
    expect(await ttlOf(store, "shop:1:~tag:red")).toBe(4 * 3_600_000);
    calls.length = 0;
    await cache.set("a", 1, { tags, timeout: "3h" });
    clock.advance(31 * 60_000);
    await cache.set("a", 1, { tags, timeout: "3h" });
    await cache.set("a", 1, { tags, timeout: null });
    await cache.set("a", 1, { tags, timeout: null });
    expect(calls).toEqual([...ONE_ROUND_TRIP, ...TWO_ROUND_TRIPS, ...TWO_ROUND_TRIPS, ...ONE_ROUND_TRIP]);
    expect(await ttlOf(store, "shop:1:~tag:red")).toBeNull();
  });

  test("where the write has a condition, which would not hold for a second write", async () => {
    const { cache, calls } = await setUp();
    expect(await cache.set("a", 1, { tags, nx: true })).toBe(true);
    expect(await cache.set("a", 2, { tags, xx: true })).toBe(true);
    expect(await cache.add("a", 3, { tags })).toBe(false);
    expect(calls).toEqual([...TWO_ROUND_TRIPS, ...TWO_ROUND_TRIPS, ...TWO_ROUND_TRIPS]);
  });

  test("in each version of the cache", async () => {
    const { cache, calls } = await setUp();
    await cache.set("a", 1, { tags, version: 2 });
    expect(calls).toEqual(TWO_ROUND_TRIPS);
    expect(await cache.get("a", { version: 2 })).toBe(1);
  });
});

describe("a write with tags that fails", () => {
  const failure = new StoreConnectionError("gone", { outcome: "not-sent" });

  test("with its value: nothing is sent", async () => {
    const { cache, calls } = await setUp();
    await expect(cache.set("a", Number.NaN, { tags })).rejects.toThrow(NotJsonError);
    expect(calls).toEqual([]);
  });

  test("in the store: the error is that of the write", async () => {
    let isDown = false;
    const { cache } = await setUp({
      override: (store) => ({
        set: (...args) => (isDown ? Promise.reject(failure) : store.set(...args)),
        getMany: (...args) => (isDown ? Promise.reject(new Error("another")) : store.getMany(...args)),
      }),
    });
    isDown = true;
    await expect(cache.set("a", 1, { tags })).rejects.toBe(failure);
  });

  test("after the write: the error says that it may have happened", async () => {
    let isDown = false;
    const { cache } = await setUp({
      override: (store) => ({
        getMany: (...args) => (isDown ? Promise.reject(failure) : store.getMany(...args)),
      }),
    });
    isDown = true;
    await expect(cache.set("a", 1, { tags })).rejects.toMatchObject({ outcome: "unknown", cause: failure });
  });

  test("while its tokens are ensured again: the error says that it may have happened", async () => {
    let isDown = false;
    const { cache, other } = await setUp({
      override: (store) => ({
        ensureMany: (...args) => (isDown ? Promise.reject(failure) : store.ensureMany(...args)),
      }),
    });
    await other().invalidateTags(tags);
    isDown = true;
    await expect(cache.set("a", 1, { tags })).rejects.toMatchObject({ outcome: "unknown", cause: failure });
    expect(await cache.get("a")).toBeUndefined();
  });
});
