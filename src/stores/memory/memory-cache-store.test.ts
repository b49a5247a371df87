import { describe, expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { describeCacheStore } from "../../testing/cache-store-contract/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { CacheStore } from "../cache-store.ts";
import { memoryCacheStore, type MemoryCacheStoreOptions } from "./index.ts";

const later = (): Deadline => new Deadline(30_000);

function open(
  options?: MemoryCacheStoreOptions,
  values: "text" | "bytes" = "text",
): { store: CacheStore; clock: ManualClock } {
  const clock = new ManualClock();
  return { store: memoryCacheStore(options)({ redis: new RedisRegistry(), clock, values }), clock };
}

for (const values of ["text", "bytes"] as const) {
  describeCacheStore({ describe, it: test }, `memory, read as ${values}`, {
    open: () => {
      const { store, clock } = open({ maxBytes: 64_000_000 }, values);
      return { store, advance: (span) => clock.advance(span) };
    },
    values,
  });
}

describe("memoryCacheStore", () => {
  const put = (store: CacheStore, key: string) =>
    store.setMany([{ key, value: key, ttl: null }], "always", later());

  test("keeps at most maxEntries: the least recently used one is dropped", async () => {
    const { store } = open({ maxEntries: 3 });
    for (const key of ["a", "b", "c"]) await put(store, key);
    await store.getMany(["a"], later());
    await put(store, "d");
    expect(await store.getMany(["a", "b", "c", "d"], later())).toEqual(["a", undefined, "c", "d"]);
  });

  test("keeps 10 000 entries by default", async () => {
    const { store } = open();
    for (let index = 0; index <= 10_000; index++) await put(store, `k${index}`);
    expect(await store.getMany(["k0", "k1", "k10000"], later())).toEqual([undefined, "k1", "k10000"]);
  });

  test("reading only an entry's key, by scan, does not count as use", async () => {
    const { store } = open({ maxEntries: 2 });
    for (const key of ["a", "b"]) await put(store, key);
    for await (const key of store.scan("a", later)) expect(key).toBe("a");
    await put(store, "c");
    expect(await store.getMany(["a", "b"], later())).toEqual([undefined, "b"]);
  });

  test("stores of two caches share nothing", async () => {
    const [one, two] = [open().store, open().store];
    await put(one, "k");
    expect(await two.getMany(["k"], later())).toEqual([undefined]);
  });

  test.each([0, 1.5, "10", null, Number.POSITIVE_INFINITY])("refuses maxEntries %j", (maxEntries) => {
    expect(() => open({ maxEntries } as MemoryCacheStoreOptions)).toThrow(ImproperlyConfigured);
    expect(() => open({ maxEntries } as MemoryCacheStoreOptions)).toThrow(
      "memoryCacheStore.maxEntries: expected a whole number of entries, from 1",
    );
  });
});
