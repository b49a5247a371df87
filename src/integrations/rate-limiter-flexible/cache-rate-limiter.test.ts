import { RateLimiterMemory, RateLimiterRes, RateLimiterUnion } from "rate-limiter-flexible";
import { expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError, StoreConnectionError } from "../../core/errors.ts";
import { type CacheRateLimiterOptions, rateLimiterFlexibleStore } from "./index.ts";

function open(options: Partial<CacheRateLimiterOptions> = {}) {
  const { cache, clock, calls } = openCache();
  const limiter = rateLimiterFlexibleStore(cache, { points: 3, duration: 60, ...options });
  return { cache, clock, calls, limiter };
}

/** The library's answer as plain data, whether it allowed or refused. */
async function plain(answer: Promise<RateLimiterRes | null>): Promise<unknown> {
  try {
    const result = await answer;
    return result === null ? null : { isAllowed: true, ...result.toJSON() };
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    return { isAllowed: false, ...refusal.toJSON() };
  }
}

test("consumes points until there are none, and begins again after the duration", async () => {
  const { clock, limiter } = open();
  const first = { isAllowed: true, remainingPoints: 2, consumedPoints: 1, isFirstInDuration: true };
  expect(await plain(limiter.consume("ann"))).toEqual({ ...first, msBeforeNext: 60_000 });
  clock.advance(20_000);
  expect(await plain(limiter.consume("ann", 2))).toMatchObject({
    isAllowed: true,
    remainingPoints: 0,
    consumedPoints: 3,
    msBeforeNext: 40_000,
    isFirstInDuration: false,
  });
  expect(await plain(limiter.consume("ann"))).toMatchObject({ isAllowed: false, msBeforeNext: 40_000 });
  clock.advance(40_000);
  expect(await plain(limiter.consume("ann"))).toEqual({ ...first, msBeforeNext: 60_000 });
});

test("answers as the library's limiter in memory does, for any calls within a duration", async () => {
  const options = { points: 5, duration: 60, blockDuration: 600 };
  const { limiter } = open(options);
  const reference = new RateLimiterMemory(options);
  const steps = [
    ...Array.from({ length: 2 }, () => (each: typeof limiter) => each.consume("a")),
    (each: typeof limiter) => each.penalty("a", 2),
    (each: typeof limiter) => each.reward("a"),
    (each: typeof limiter) => each.get("a"),
    (each: typeof limiter) => each.consume("a", 2),
    (each: typeof limiter) => each.consume("a"),
    (each: typeof limiter) => each.consume("a"),
    (each: typeof limiter) => each.get("a"),
    (each: typeof limiter) => each.set("a", 2, 30),
    (each: typeof limiter) => each.consume("a", 3),
    (each: typeof limiter) => each.block("b", 10),
    (each: typeof limiter) => each.consume("b"),
    (each: typeof limiter) => each.get("none"),
    (each: typeof limiter) => each.set("c", 1, 0),
    (each: typeof limiter) => each.get("c"),
    (each: typeof limiter) => each.consume("c", 4),
  ];
  // Its times have gone on by the machine's clock, and after a block it takes each call for the first.
  const comparable = (answer: unknown): unknown => {
    const { msBeforeNext: left, isFirstInDuration: _, ...rest } = (answer ?? {}) as RateLimiterRes;
    return { ...rest, left: Math.ceil(left / 1000) };
  };
  for (const step of steps) {
    const expected = await plain(step(reference as unknown as typeof limiter));
    expect(comparable(await plain(step(limiter)))).toEqual(comparable(expected));
  }
  expect(await limiter.delete("a")).toBe(true);
  expect(await limiter.delete("a")).toBe(false);
  expect(await limiter.get("a")).toBeNull();
});

test("blockDuration: a block lasts as long, from the first call too many, and all see it", async () => {
  const { cache, clock, limiter } = open({ blockDuration: 600 });
  for (let call = 0; call < 3; call++) await limiter.consume("ann");
  clock.advance(30_000);
  expect(await plain(limiter.consume("ann"))).toMatchObject({ isAllowed: false, msBeforeNext: 600_000 });
  clock.advance(599_999);
  const other = rateLimiterFlexibleStore(cache, { points: 3, duration: 60 });
  expect(await plain(other.consume("ann"))).toMatchObject({ isAllowed: false, msBeforeNext: 1 });
  clock.advance(1);
  expect(await plain(other.consume("ann"))).toMatchObject({ isAllowed: true, consumedPoints: 1 });
});

test("keys and prefixes count separately, also an empty prefix and numbers; keys show no client", async () => {
  const { cache, limiter } = open();
  await limiter.consume("ann");
  expect(await plain(limiter.consume("bob"))).toMatchObject({ consumedPoints: 1 });
  for (const keyPrefix of ["login", ""]) {
    const other = rateLimiterFlexibleStore(cache, { keyPrefix, points: 3, duration: 60 });
    expect(await plain(other.consume(7))).toMatchObject({ consumedPoints: 1 });
    expect(await plain(other.consume("7"))).toMatchObject({ consumedPoints: 2 });
  }
  const keys = await cache.keys("*");
  expect(keys).toHaveLength(4);
  for (const key of keys) expect(key).toMatch(/^(?:rlflx:|login:|)[\w-]{43}$/);
});

test("a call is two calls of the store, and one that blocks is three", async () => {
  const { calls, limiter } = open({ points: 1, blockDuration: 60 });
  await limiter.consume("ann");
  expect(calls.splice(0)).toEqual(["incr", "ttlMany"]);
  await plain(limiter.consume("ann"));
  expect(calls.splice(0)).toEqual(["incr", "ttlMany", "set"]);
  await limiter.get("ann");
  expect(calls.splice(0)).toEqual(["get", "ttlMany"]);
});

test("works with the library's other limiters: as insurance, and in a union", async () => {
  const insuranceLimiter = new RateLimiterMemory({ points: 1, duration: 60 });
  const failing = openCache({
    override: () => ({
      incr: () => Promise.reject(new StoreConnectionError("down", { outcome: "not-sent" })),
    }),
  });
  const options = { points: 3, duration: 60 };
  const insured = rateLimiterFlexibleStore(failing.cache, { ...options, insuranceLimiter });
  expect(await plain(insured.consume("ann"))).toMatchObject({ isAllowed: true, remainingPoints: 0 });
  expect(await plain(insured.consume("ann"))).toMatchObject({ isAllowed: false });
  const bare = rateLimiterFlexibleStore(failing.cache, options);
  await expect(bare.consume("ann")).rejects.toThrow(StoreConnectionError);
  const { cache } = openCache();
  const [short, long] = [1, 2].map((points) =>
    rateLimiterFlexibleStore(cache, { keyPrefix: `p${points}`, points, duration: 60 }),
  );
  const union = new RateLimiterUnion(short as never, long as never);
  await union.consume("ann");
  await expect(union.consume("ann")).rejects.toMatchObject({ p1: { remainingPoints: 0 } });
});

test("wrong options and points are refused", async () => {
  const { cache, limiter } = open();
  const make = rateLimiterFlexibleStore as (...given: unknown[]) => unknown;
  expect(() => make({}, {})).toThrow("rateLimiterFlexibleStore() expected a cache");
  expect(() => make(cache)).toThrow(CacheUsageError);
  expect(() => make(cache, { storeClient: {} })).toThrow('has no option "storeClient"');
  for (const points of [0.5, Number.NaN]) {
    await expect(limiter.consume("ann", points)).rejects.toThrow(CacheUsageError);
  }
});
