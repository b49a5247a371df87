import { describe, expect, test } from "vitest";

import { heapUsed } from "../../../test/support/heap.ts";
import { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { CacheStore, Lease, StoredValue } from "../cache-store.ts";
import { memoryCacheStore, type MemoryCacheStoreOptions } from "./index.ts";
import { ENTRY_OVERHEAD, MemoryCacheStore } from "./memory-cache-store.ts";

const later = (): Deadline => new Deadline(30_000);
const MIB = 1024 * 1024;

const put = (store: CacheStore, key: string, value: StoredValue) =>
  store.setMany([{ key, value, ttl: null }], "always", later());

const leaseOn = (key: string): Lease => ({ key, token: "t", expected: undefined });

function open(maxBytes: number, values: "text" | "bytes" = "text"): MemoryCacheStore {
  return new MemoryCacheStore(new ManualClock(), { maxEntries: 1000, maxBytes }, values);
}

describe("the bound on bytes of the memory store", () => {
  test(
    "holds over a million distinct keys, both as counted and in memory",
    { timeout: 120_000 },
    async () => {
      const maxBytes = 16 * MIB;
      const before = heapUsed();
      const store = new MemoryCacheStore(new ManualClock(), { maxEntries: 100_000, maxBytes });
      const pad = "x".repeat(900);
      let [mostCounted, mostAlive] = [0, 0];
      for (let index = 0; index < 1_000_000; index++) {
        const key = `shop:1:product-${index}`;
        await put(store, key, JSON.stringify([index, pad.slice((index * 37) % 900)]));
        if (store.bytes > mostCounted) mostCounted = store.bytes;
        if (index % 50_000 === 0) mostAlive = Math.max(mostAlive, heapUsed() - before);
      }
      process.stdout.write(
        `10^6 keys, bound ${maxBytes}: at most ${mostCounted} counted, ${mostAlive} alive\n`,
      );
      expect(mostCounted).toBeLessThanOrEqual(maxBytes);
      expect(mostCounted).toBeGreaterThan(maxBytes - 2000);
      expect(mostAlive).toBeGreaterThan(maxBytes / 2);
      expect(mostAlive).toBeLessThan(1.5 * maxBytes);
      expect(await store.get("shop:1:product-0", later())).toBeUndefined();
      expect(await store.get("shop:1:product-999999", later())).toBeDefined();
    },
  );

  test("counts keys and values in bytes of UTF-8, and an overhead for each entry", async () => {
    const store = open(MIB);
    await put(store, "kľúč", "é\u{1F36A}");
    expect(store.bytes).toBe(7 + 6 + ENTRY_OVERHEAD);
    await put(store, "kľúč", "");
    expect(store.bytes).toBe(7 + ENTRY_OVERHEAD);
    await store.deleteMany(["kľúč"], later());
    expect(store.bytes).toBe(0);
  });

  test("counts bytes by their number", async () => {
    const store = open(MIB, "bytes");
    await put(store, "k", Buffer.from([0, 128, 255]));
    await put(store, "l", "é");
    expect(store.bytes).toBe(1 + 3 + 1 + 2 + 2 * ENTRY_OVERHEAD);
  });

  test("drops the least recently used entry to make room", async () => {
    const store = open(3 * (ENTRY_OVERHEAD + 101));
    for (const key of ["a", "b", "c"]) await put(store, key, "x".repeat(100));
    await store.get("a", later());
    await put(store, "d", "x".repeat(100));
    expect((await store.getMany(["a", "b", "c", "d"], later())).map((value) => value !== undefined)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test("does not keep an entry that is larger by itself, nor its predecessor; all others stay", async () => {
    const store = open(1000);
    await put(store, "large", "small");
    await put(store, "other", "value");
    await put(store, "large", "x".repeat(1000));
    expect(await store.getMany(["large", "other"], later())).toEqual([undefined, "value"]);
    const lease = leaseOn("large");
    await store.lease(lease, 1000, later());
    expect(await store.fill(lease, { value: "x".repeat(1000), ttl: null }, later())).toEqual({
      status: "stored",
    });
    expect(await store.get("large", later())).toBeUndefined();
  });

  test("does not exist unless it is set", async () => {
    const store = new MemoryCacheStore(new ManualClock(), { maxEntries: 10 });
    for (let index = 0; index < 10; index++) await put(store, `k${index}`, "x".repeat(MIB));
    expect(await store.get("k0", later())).toHaveLength(MIB);
  });

  test.each([0, 1.5, "10", null, Number.POSITIVE_INFINITY])("refuses maxBytes %j", (maxBytes) => {
    const make = () =>
      memoryCacheStore({ maxBytes } as MemoryCacheStoreOptions)({
        redis: new RedisRegistry(),
        clock: new ManualClock(),
      });
    expect(make).toThrow(ImproperlyConfigured);
    expect(make).toThrow("memoryCacheStore.maxBytes: expected a whole number of bytes, from 1");
  });
});

describe("values in memory", () => {
  test("bytes that were given or read can be changed without changing the entry", async () => {
    const store = open(MIB, "bytes");
    const given = Buffer.from("value");
    await put(store, "k", given);
    given.fill(0);
    const read = (await store.get("k", later())) as Buffer;
    expect(read.toString()).toBe("value");
    read.fill(0);
    expect(String(await store.get("k", later()))).toBe("value");
  });

  test("expired leases are removed once many have gathered", async () => {
    const clock = new ManualClock();
    const store = new MemoryCacheStore(clock, { maxEntries: 10 });
    const before = heapUsed();
    for (let index = 0; index < 300_000; index++) {
      await store.lease(leaseOn(`k${index}`), 1, later());
      clock.advance(1);
    }
    expect(heapUsed() - before).toBeLessThan(50 * MIB);
  });
});
