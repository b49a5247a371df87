import { expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { type CacheFastifyRateLimitStore, fastifyRateLimitStore } from "./index.ts";

const MINUTE = 60_000;

function open(limiter: object = {}) {
  const { cache, clock, calls } = openCache();
  const Store = fastifyRateLimitStore(cache);
  const store = new Store(limiter);
  return { cache, clock, calls, Store, store };
}

/** Calls a method of a store. */
function ask(
  store: CacheFastifyRateLimitStore,
  method: "incr" | "read",
  {
    client = "ann",
    window = MINUTE,
    max = 2,
  }: { client?: string | number; window?: number; max?: number } = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    store[method](client, (error, result) => (error === null ? resolve(result) : reject(error)), window, max);
  });
}

test("a window begins with the first request, and requests beyond the limit do not prolong it", async () => {
  const { clock, store } = open();
  expect(await ask(store, "incr")).toEqual({ current: 1, ttl: MINUTE });
  clock.advance(20_000);
  for (const current of [2, 3, 4]) {
    expect(await ask(store, "incr")).toEqual({ current, ttl: MINUTE - 20_000 });
  }
  clock.advance(MINUTE - 20_000);
  expect(await ask(store, "incr")).toEqual({ current: 1, ttl: MINUTE });
});

test("read() counts nothing, and prolongs nothing", async () => {
  const { clock, store } = open({ continueExceeding: true });
  expect(await ask(store, "read")).toEqual({ current: 0, ttl: 0 });
  for (let request = 0; request < 3; request++) await ask(store, "incr");
  clock.advance(1000);
  for (let time = 0; time < 2; time++) {
    expect(await ask(store, "read")).toEqual({ current: 3, ttl: MINUTE - 1000 });
  }
});

test("continueExceeding: each request beyond the limit begins the window again", async () => {
  const { clock, store } = open({ continueExceeding: true });
  for (let request = 0; request < 2; request++) await ask(store, "incr");
  clock.advance(50_000);
  expect(await ask(store, "incr")).toEqual({ current: 3, ttl: MINUTE });
  clock.advance(50_000);
  expect(await ask(store, "incr")).toEqual({ current: 4, ttl: MINUTE });
  clock.advance(MINUTE);
  expect(await ask(store, "incr")).toEqual({ current: 1, ttl: MINUTE });
});

test("exponentialBackoff: the window doubles with each request beyond the limit, without end or error", async () => {
  const { clock, store } = open({ exponentialBackoff: true });
  for (let request = 0; request < 2; request++) await ask(store, "incr");
  clock.advance(30_000);
  expect(await ask(store, "incr")).toEqual({ current: 3, ttl: MINUTE });
  expect(await ask(store, "incr")).toEqual({ current: 4, ttl: 2 * MINUTE });
  expect(await ask(store, "incr")).toEqual({ current: 5, ttl: 4 * MINUTE });
  expect(await ask(store, "read")).toEqual({ current: 5, ttl: 4 * MINUTE });
  for (let request = 0; request < 2000; request++) await ask(store, "incr");
  expect(await ask(store, "read")).toEqual({ current: 2005, ttl: 1000 * 365.25 * 86_400_000 });
});

test("routes with limits of their own count separately, those of one group together", async () => {
  const { store } = open();
  const route = (url: string, more = {}) => store.child({ ...more, routeInfo: { method: "GET", url } });
  expect(await ask(store, "incr")).toMatchObject({ current: 1 });
  expect(await ask(route("/a"), "incr")).toMatchObject({ current: 1 });
  expect(await ask(route("/a"), "incr")).toMatchObject({ current: 2 });
  expect(await ask(route("/b"), "incr")).toMatchObject({ current: 1 });
  expect(await ask(route("/a", { groupId: "g" }), "incr")).toMatchObject({ current: 1 });
  expect(await ask(route("/b", { groupId: "g" }), "incr")).toMatchObject({ current: 2 });
  expect(await ask(route("/b", { continueExceeding: true }), "incr")).toMatchObject({ current: 2 });
});

test("clients and prefixes count separately, and keys show no client", async () => {
  const { cache, store } = open();
  await ask(store, "incr");
  expect(await ask(store, "incr", { client: 7 })).toMatchObject({ current: 1 });
  expect(await ask(store, "incr", { client: "7" })).toMatchObject({ current: 2 });
  const other = new (fastifyRateLimitStore(cache, { prefix: "api:" }))({});
  expect(await ask(other, "incr")).toMatchObject({ current: 1 });
  for (const key of await cache.keys("*")) expect(key).toMatch(/^(?:fastify-rate-limit|api):[\w-]{43}$/);
});

test("a request is two calls of the store, one that prolongs the window three", async () => {
  const { calls, store } = open({ continueExceeding: true });
  await ask(store, "incr", { max: 1 });
  expect(calls.splice(0)).toEqual(["incr", "ttlMany"]);
  await ask(store, "incr", { max: 1 });
  expect(calls.splice(0)).toEqual(["incr", "ttlMany", "touchMany"]);
});

test("wrong options are refused, and a wrong window is an error of the callback", async () => {
  const { cache, store } = open();
  const make = fastifyRateLimitStore as (...given: unknown[]) => unknown;
  expect(() => make({})).toThrow("fastifyRateLimitStore() expected a cache");
  expect(() => make(cache, { key: "a" })).toThrow(CacheUsageError);
  await expect(ask(store, "incr", { window: Number.NaN })).rejects.toThrow(CacheUsageError);
});
