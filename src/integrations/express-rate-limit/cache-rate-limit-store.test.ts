import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { expect, onTestFinished, test, vi } from "vitest";

import { anyDeadline, gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { expressRateLimitStore, type RatePrefixOption } from "./index.ts";

const MINUTE = 60_000;

function open(options: RatePrefixOption = {}) {
  const { cache, clock, store: entries, raw } = openCache();
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const key of entries.scan("shop:1:", anyDeadline)) found.push(key);
    return found;
  };
  const make = (windowMs = MINUTE) => {
    const store = expressRateLimitStore(cache, { clock, ...options });
    store.init({ windowMs });
    return store;
  };
  return { cache, clock, make, raw, keys, store: make() };
}

test("counts hits until the reported end of the window, and then starts again", async () => {
  const { store, clock } = open();
  const { resetTime } = await store.increment("client");
  const left = resetTime.getTime() - clock.now();
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(MINUTE);
  clock.advance(left - 1);
  expect(await store.increment("client")).toEqual({ totalHits: 2, resetTime });
  clock.advance(1);
  expect(await store.get("client")).toBeUndefined();
  expect(await store.increment("client")).toEqual({
    totalHits: 1,
    resetTime: new Date(clock.now() + MINUTE),
  });
});

test("stores with the same prefix and window count together, others separately", async () => {
  const { cache, clock, make, store } = open();
  await store.increment("client");
  expect(await make().increment("client")).toMatchObject({ totalHits: 2 });
  expect(await make(2 * MINUTE).increment("client")).toMatchObject({ totalHits: 1 });
  const other = expressRateLimitStore(cache, { clock, prefix: "other:" });
  other.init({ windowMs: MINUTE });
  expect(await other.increment("client")).toMatchObject({ totalHits: 1 });
});

test("a hit taken back once too often makes no count negative, and starts no counter", async () => {
  const { store } = open();
  await store.decrement("client");
  expect(await store.get("client")).toBeUndefined();
  await store.increment("client");
  for (let time = 0; time < 3; time++) await store.decrement("client");
  expect(await store.get("client")).toBeUndefined();
  expect(await store.increment("client")).toMatchObject({ totalHits: 1 });
});

test("tells the library that others count with it, and under which prefix", () => {
  expect(open().store).toMatchObject({ localKeys: false, prefix: "erl:" });
  expect(open({ prefix: "api:" }).store.prefix).toBe("api:");
});

test("a store that was not passed to express-rate-limit, or has no window, throws", async () => {
  const { cache } = open();
  await expect(expressRateLimitStore(cache).increment("client")).rejects.toThrow(CacheUsageError);
  for (const windowMs of [0, -1, 0.5, Number.NaN, Infinity]) {
    expect(() => expressRateLimitStore(cache).init({ windowMs })).toThrow(CacheUsageError);
  }
});

test("a hit is taken back in the window in which it was counted, though others were counted since", async () => {
  const { store, clock } = open();
  const { resetTime } = await store.increment("client");
  clock.advance(resetTime.getTime() - clock.now() - 1);
  await store.increment("client");
  clock.advance(2);
  for (let hit = 0; hit < 3; hit++) await store.increment("client");
  await store.decrement("client");
  await store.decrement("client");
  expect(await store.get("client")).toMatchObject({ totalHits: 3 });
  await store.decrement("client");
  expect(await store.get("client")).toMatchObject({ totalHits: 2 });
});

test("a hit whose window is over does not affect the hits of other processes in the next one", async () => {
  const { make, store, clock } = open();
  await store.increment("client");
  clock.advance(MINUTE);
  for (let hit = 0; hit < 3; hit++) await make().increment("client");
  await store.decrement("client");
  expect(await store.get("client")).toMatchObject({ totalHits: 3 });
});

test("hits that stay counted are not taken back for other requests", async () => {
  const { store, clock } = open();
  const request = async (isTakenBack: boolean): Promise<void> => {
    await turn();
    await store.increment("client");
    await turn();
    if (isTakenBack) await store.decrement("client");
  };
  for (let hit = 0; hit < 20; hit++) await request(false);
  clock.advance(MINUTE);
  for (let hit = 0; hit < 20; hit++) await request(true);
  expect(await store.get("client")).toBeUndefined();
});

test("a slow request is taken back in its own window, among others that end before and after it", async () => {
  const { store, clock } = open();
  const isOver = gate();
  const slow = async (): Promise<void> => {
    await turn();
    await store.increment("client");
    await isOver.promise;
    await store.decrement("client");
  };
  const slowOnes = [slow(), slow()];
  await turn();
  await turn();
  clock.advance(MINUTE);
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      await turn();
      await store.increment("client");
    }),
  );
  await Promise.all([slow(), slow()].map(async (each) => (await turn(), isOver.open(), each)));
  await Promise.all(slowOnes);
  expect(await store.get("client")).toMatchObject({ totalHits: 5 });
});

test("without the context of the request, a hit of the present window is taken back, or else an older one", async () => {
  const { store, clock } = open();
  const outside = new AsyncResource("outside");
  const decrement = () => outside.runInAsyncScope(() => store.decrement("client"));
  await store.increment("client");
  await store.increment("client");
  clock.advance(MINUTE);
  await store.increment("client");
  await decrement();
  expect(await store.get("client")).toBeUndefined();
  await open().make().increment("client");
  await decrement();
  await decrement();
  await store.increment("client");
  expect(await store.get("client")).toMatchObject({ totalHits: 1 });
});

test("tracks no requests if the library takes none back", async () => {
  const { cache } = openCache();
  const enterWith = vi.spyOn(AsyncLocalStorage.prototype, "enterWith");
  onTestFinished(() => enterWith.mockRestore());
  const store = expressRateLimitStore(cache);
  store.init({ windowMs: MINUTE, skipFailedRequests: false, skipSuccessfulRequests: false });
  await store.increment("client");
  expect(enterWith).not.toHaveBeenCalled();
});

test("an unknown hit is taken back in this window, and never makes a counter negative", async () => {
  const { make, store, raw, keys } = open();
  await store.increment("client");
  await make().decrement("client");
  expect(await store.get("client")).toBeUndefined();
  await Promise.all(Array.from({ length: 10 }, () => make().decrement("client")));
  expect(await raw((await keys())[0] ?? "")).toBe("0");
  await store.increment("client");
  expect(await store.get("client")).toMatchObject({ totalHits: 1 });
});

test("uses the clock of the cache by default", async () => {
  const { cache, clock } = openCache();
  const store = expressRateLimitStore(cache);
  store.init({ windowMs: MINUTE });
  const { resetTime } = await store.increment("client");
  expect(resetTime.getTime() - clock.now()).toBeLessThanOrEqual(MINUTE);
  clock.advance(MINUTE);
  expect(await store.get("client")).toBeUndefined();
});

test("all steps of a call share one deadline, also with a shared version of the cache", async () => {
  const { cache, calls } = openCache({ sharedVersion: true });
  const store = expressRateLimitStore(cache);
  store.init({ windowMs: MINUTE });
  await store.increment("client");
  calls.length = 0;
  await store.increment("client");
  expect(calls).toEqual(["get", "incr"]);
});
