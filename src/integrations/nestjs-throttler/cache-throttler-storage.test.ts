import { expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { nestjsThrottlerStorage, type ThrottlerStorageOptions } from "./index.ts";

const MINUTE = 60_000;

function open(options?: ThrottlerStorageOptions) {
  const { cache, clock, calls } = openCache();
  const storage = nestjsThrottlerStorage(cache, options);
  const hit = ({ client = "ann", limit = 2, ttl = MINUTE, block = MINUTE, name = "default" } = {}) =>
    storage.increment(client, ttl, limit, block, name);
  return { cache, clock, calls, storage, hit };
}

test("counts to the limit, with the time until the window ends, and then blocks", async () => {
  const { clock, hit } = open();
  const free = { isBlocked: false, timeToBlockExpire: 0 };
  expect(await hit()).toEqual({ totalHits: 1, timeToExpire: 60, ...free });
  clock.advance(20_500);
  expect(await hit()).toEqual({ totalHits: 2, timeToExpire: 40, ...free });
  const blocked = { totalHits: 3, isBlocked: true };
  expect(await hit()).toEqual({ ...blocked, timeToExpire: 60, timeToBlockExpire: 60 });
  clock.advance(1);
  expect(await hit()).toEqual({ ...blocked, timeToExpire: 60, timeToBlockExpire: 60 });
  clock.advance(MINUTE - 2);
  expect(await hit()).toEqual({ ...blocked, timeToExpire: 1, timeToBlockExpire: 1 });
  clock.advance(1);
  expect(await hit()).toEqual({ totalHits: 1, timeToExpire: 60, ...free });
});

test.each([10 * MINUTE, 1000])(
  "a block of %i ms begins with the first request too many, whatever is left of the window",
  async (block) => {
    const { clock, hit } = open();
    for (let request = 0; request < 2; request++) await hit({ block });
    clock.advance(30_000);
    expect(await hit({ block })).toMatchObject({ isBlocked: true, timeToBlockExpire: block / 1000 });
    clock.advance(block - 1);
    expect(await hit({ block })).toMatchObject({ isBlocked: true, timeToBlockExpire: 1 });
    clock.advance(1);
    expect(await hit({ block })).toMatchObject({ totalHits: 1, isBlocked: false });
  },
);

test("without a block, requests are refused until the window ends", async () => {
  const { clock, hit } = open();
  for (let request = 0; request < 2; request++) await hit({ block: 0 });
  clock.advance(30_000);
  for (let request = 0; request < 3; request++) {
    expect(await hit({ block: 0 })).toMatchObject({ totalHits: 3, isBlocked: true, timeToBlockExpire: 30 });
  }
  clock.advance(30_000);
  expect(await hit({ block: 0 })).toMatchObject({ totalHits: 1, isBlocked: false });
});

test("a limit that falls between two requests blocks as well, and a higher one does not free", async () => {
  const { hit } = open();
  for (let request = 0; request < 5; request++) await hit({ limit: 10 });
  expect(await hit({ limit: 3, block: 2 * MINUTE })).toMatchObject({ totalHits: 4, timeToBlockExpire: 120 });
  expect(await hit({ limit: 1e9, block: 2 * MINUTE })).toMatchObject({ isBlocked: true });
});

test("clients, throttlers and prefixes count separately, and keys show none of them but the prefix", async () => {
  const { cache, hit, storage } = open();
  for (let request = 0; request < 3; request++) await hit();
  expect(await hit({ client: "bob" })).toMatchObject({ totalHits: 1 });
  expect(await hit({ name: "long" })).toMatchObject({ totalHits: 1 });
  const other = nestjsThrottlerStorage(cache, { prefix: "api:" });
  expect(await other.increment("ann", MINUTE, 2, MINUTE, "default")).toMatchObject({ totalHits: 1 });
  expect(await storage.increment("ann", MINUTE, 2, MINUTE, "default")).toMatchObject({ isBlocked: true });
  const keys = await cache.keys("*");
  expect(keys).toHaveLength(4);
  for (const key of keys) expect(key).toMatch(/^(?:throttler|api):[\w-]{43}$/);
});

test("a request costs two calls of the store, the one that begins a block three", async () => {
  const { calls, hit } = open();
  for (let request = 0; request < 2; request++) await hit();
  expect(calls).toEqual(["incr", "ttlMany", "incr", "ttlMany"]);
  await hit();
  expect(calls.splice(0).slice(4)).toEqual(["incr", "ttlMany", "set"]);
  await hit();
  expect(calls).toEqual(["incr", "ttlMany"]);
});

test("times and limits at their edges", async () => {
  const { clock, hit } = open();
  expect(await hit({ limit: 0 })).toMatchObject({ totalHits: 1, isBlocked: true });
  expect(await hit({ client: "b", ttl: 0 })).toMatchObject({ totalHits: 1, timeToExpire: 1 });
  clock.advance(1);
  expect(await hit({ client: "b", ttl: 0 })).toMatchObject({ totalHits: 1 });
  const forever = { client: "c", limit: 1, ttl: Infinity, block: Infinity };
  expect(await hit(forever)).toMatchObject({ timeToExpire: Infinity });
  expect(await hit(forever)).toMatchObject({ isBlocked: true, timeToBlockExpire: Infinity });
  await expect(hit({ limit: Number.NaN })).rejects.toThrow('"limit" of a throttler');
  await expect(hit({ ttl: "1m" as unknown as number })).rejects.toThrow(CacheUsageError);
});

test("wrong options are refused", () => {
  const { cache } = openCache();
  const make = nestjsThrottlerStorage as (...given: unknown[]) => unknown;
  expect(() => make(undefined)).toThrow("nestjsThrottlerStorage() expected a cache");
  expect(() => make(cache, { prefixes: "a" })).toThrow('Did you mean "prefix"');
  for (const prefix of ["", 1, null, "\uD800"])
    expect(() => make(cache, { prefix })).toThrow(CacheUsageError);
});
