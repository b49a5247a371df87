import { expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { expressRateLimitStore, type RateLimitStoreOptions } from "./index.ts";

const MINUTE = 60_000;

function open(options: RateLimitStoreOptions = {}) {
  const { cache, clock } = openCache();
  const make = (windowMs = MINUTE) => {
    const store = expressRateLimitStore(cache, { clock, ...options });
    store.init({ windowMs });
    return store;
  };
  return { cache, clock, make, store: make() };
}

test("counts hits until the window ends, which it tells, and then anew", async () => {
  const { store, clock } = open();
  const { resetTime } = await store.increment("client");
  const left = resetTime.getTime() - clock.now();
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(MINUTE);
  clock.advance(left - 1);
  expect(await store.increment("client")).toEqual({ totalHits: 2, resetTime });
  clock.advance(1);
  expect(await store.get("client")).toBeUndefined();
  expect(await store.increment("client")).toEqual({ totalHits: 1, resetTime: new Date(clock.now() + MINUTE) });
});

test("stores with the same prefix and window count together, others for themselves", async () => {
  const { cache, clock, make, store } = open();
  await store.increment("client");
  expect(await make().increment("client")).toMatchObject({ totalHits: 2 });
  expect(await make(2 * MINUTE).increment("client")).toMatchObject({ totalHits: 1 });
  const other = expressRateLimitStore(cache, { clock, prefix: "other:" });
  other.init({ windowMs: MINUTE });
  expect(await other.increment("client")).toMatchObject({ totalHits: 1 });
});

test("what is taken back once too often does not become negative, and begins no counter", async () => {
  const { store } = open();
  await store.decrement("client");
  expect(await store.get("client")).toBeUndefined();
  await store.increment("client");
  for (let time = 0; time < 3; time++) await store.decrement("client");
  expect(await store.get("client")).toBeUndefined();
  expect(await store.increment("client")).toMatchObject({ totalHits: 1 });
});

test("says to the library that others count with it, and under which prefix", () => {
  expect(open().store).toMatchObject({ localKeys: false, prefix: "erl:" });
  expect(open({ prefix: "api:" }).store.prefix).toBe("api:");
});

test("a store that was not given to express-rate-limit, or with no window, says so", async () => {
  const { cache } = open();
  await expect(expressRateLimitStore(cache).increment("client")).rejects.toThrow(CacheUsageError);
  for (const windowMs of [0, -1, 0.5, Number.NaN, Infinity]) {
    expect(() => expressRateLimitStore(cache).init({ windowMs })).toThrow(CacheUsageError);
  }
});
