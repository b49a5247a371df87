import { expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { CacheStore, IncrementOptions } from "../cache-store.ts";
import { memoryCacheStore, type MemoryCacheStoreOptions } from "./index.ts";
import { MemoryLocks } from "./memory-locks.ts";

const later = (): Deadline => new Deadline(30_000);

function open(options: MemoryCacheStoreOptions = {}) {
  const clock = new ManualClock();
  const store = memoryCacheStore(options)({ redis: new RedisRegistry(), clock });
  const count = (key: string, ttl: number | null = 3_600_000, others: IncrementOptions = {}) =>
    store.incr(key, 1n, later(), { begin: { value: "1", ttl }, ...others });
  return { store, clock, count };
}

async function fillUp(store: CacheStore, count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, index) => ({
    key: `page${index}`,
    value: "v",
    ttl: null,
  }));
  await store.setMany(entries, "always", later());
}

test("neither locks nor counters make room for entries, however many come", async () => {
  const { store, count } = open({ maxEntries: 10 });
  await store.acquireLock("job", "one", 60_000, later());
  await count("begun");
  await store.setMany([{ key: "counted", value: "5", ttl: null }], "always", later());
  await store.incr("counted", 1n, later());
  await store.touchMany(["counted"], 60_000, later());
  await store.ensureMany([{ key: "counted", value: "0", ttl: 120_000 }], later());
  await fillUp(store, 1000);
  expect(await store.lockHolder("job", later())).toBe("one");
  expect(await store.getMany(["begun", "counted", "page0", "page999"], later())).toEqual([
    "1",
    "6",
    undefined,
    "v",
  ]);
});

test("a counter that is overwritten is an entry again, and makes room like one", async () => {
  const { store, count } = open({ maxEntries: 10 });
  await count("a");
  await store.setMany([{ key: "a", value: "1", ttl: null }], "always", later());
  expect(await store.getMany(["a"], later())).toEqual(["1"]);
  await fillUp(store, 1000);
  expect(await store.getMany(["a"], later())).toEqual([undefined]);
});

test("a counter expires, is deleted, walked and cleared like any entry", async () => {
  const { store, clock, count } = open();
  for (const key of ["shop:1:short", "shop:1:deleted", "shop:1:cleared"]) await count(key, 1000);
  await count("shop:1:cleared");
  await store.touchMany(["shop:1:cleared"], null, later());
  expect(await store.deleteMany(["shop:1:deleted"], later())).toBe(1);
  clock.advance(1000);
  const keys: string[] = [];
  for await (const key of store.scan("shop:", later)) keys.push(key);
  expect(keys).toEqual(["shop:1:cleared"]);
  let cleared = 0;
  for await (const page of store.clear("shop", later)) cleared += page;
  expect(cleared).toBe(1);
  expect(await store.get("shop:1:cleared", later())).toBeUndefined();
});

test("beyond maxCounters another one is refused as not sent, until others have expired", async () => {
  const { store, clock, count } = open({ maxCounters: 3 });
  for (const key of ["a", "b", "c"]) await count(key);
  await store.setMany([{ key: "entry", value: "1", ttl: null }], "always", later());
  for (const refused of [count("d"), store.incr("entry", 1n, later())]) {
    await expect(refused).rejects.toThrow(StoreServiceError);
    await expect(refused).rejects.toMatchObject({ outcome: "not-sent" });
    await expect(refused).rejects.toThrow("3 counters");
  }
  expect(await count("a")).toEqual({ status: "incremented", value: 2n });
  expect(await store.getMany(["entry", "d"], later())).toEqual(["1", undefined]);
  clock.advance(3_600_000);
  expect(await count("d")).toEqual({ status: "incremented", value: 1n });
});

test("with maxBytes, counters have as many bytes of their own", async () => {
  const { store, count } = open({ maxBytes: 1000 });
  const key = (index: number): string => `${index}`.padEnd(300);
  await count(key(1));
  await count(key(2));
  await expect(count(key(3))).rejects.toThrow("1000 bytes of counters");
  await store.deleteMany([key(1)], later());
  expect(await count(key(3))).toMatchObject({ value: 1n });
});

test("expired counters and locks are swept away, even if they are never read again", () => {
  const clock = new ManualClock();
  const locks = new MemoryLocks(clock, 5000);
  for (let index = 0; index < 50_000; index++) {
    expect(locks.acquire(`job${index}`, "t", 1000)).toBeTypeOf("number");
    clock.advance(1);
  }
});

test("beyond their bound a lock is refused, and no holder loses one", () => {
  const clock = new ManualClock();
  const locks = new MemoryLocks(clock, 3);
  for (const key of ["a", "b", "c"]) locks.acquire(key, "one", 60_000);
  expect(() => locks.acquire("d", "two", 60_000)).toThrow("3 locks");
  expect(["a", "b", "c", "d"].map((key) => locks.holder(key))).toEqual(["one", "one", "one", undefined]);
  locks.release("a", "one");
  expect(locks.acquire("d", "two", 60_000)).toBeTypeOf("number");
});

test("fencing tokens grow even if the clock is put back", () => {
  const clock = new ManualClock();
  const locks = new MemoryLocks(clock, 3);
  const first = locks.acquire("a", "one", 60_000) ?? Number.NaN;
  locks.release("a", "one");
  clock.advance(-30_000);
  expect(locks.acquire("a", "two", 60_000)).toBeGreaterThan(first);
});

test.each([0, 1.5, "10", null])("refuses maxCounters %j", (maxCounters) => {
  expect(() => open({ maxCounters } as MemoryCacheStoreOptions)).toThrow(
    "memoryCacheStore.maxCounters: expected a whole number of counters, from 1",
  );
});
