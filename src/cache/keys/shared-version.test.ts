import { describe, expect, test } from "vitest";

import { anyDeadline, gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";

const settings = { sharedVersion: true } as const;

describe("bumpVersion", () => {
  test("empties the cache for all processes at once, with one command", async () => {
    const { cache, other, calls } = openCache(settings);
    const second = other(settings);
    await cache.setMany({ a: 1, b: 2 });
    expect(await second.get("a")).toBe(1);
    calls.length = 0;
    const version = await cache.bumpVersion();
    expect(calls).toEqual(["incr"]);
    for (const each of [cache, second]) expect(await each.getMany(["a", "b"])).toEqual(new Map());
    await second.set("a", 3);
    expect(await cache.get("a")).toBe(3);
    expect(await cache.get("a", { version })).toBe(3);
  });

  test("another process deletes, counts and touches entries of the new version", async () => {
    const { cache, other } = openCache(settings);
    const second = other(settings);
    expect(await second.get("a")).toBeUndefined();
    await cache.bumpVersion();
    await cache.setMany({ a: 1, n: 1 });
    expect(await second.incr("n")).toBe(2);
    expect(await second.touch("n", null)).toBe(true);
    expect(await second.delete("a")).toBe(true);
    expect(await cache.getMany(["a", "n"])).toEqual(new Map([["n", 2]]));
  });

  test("during a load: later callers do not get the value", async () => {
    const { cache } = openCache(settings);
    const { promise, open } = gate<string>();
    const first = cache.getOrSet("k", () => promise);
    await turn();
    await turn();
    await cache.bumpVersion();
    open("old");
    expect(await first).toBe("old");
    expect(await cache.get("k")).toBeUndefined();
  });

  test("a version that the store has lost never comes back", async () => {
    const { cache, store, clock } = openCache(settings);
    await cache.bumpVersion();
    await cache.set("a", 1);
    clock.advance(1000);
    await store.deleteMany(["shop:version"], anyDeadline());
    expect(await cache.get("a")).toBeUndefined();
    await store.setMany([{ key: "shop:version", value: "nonsense", ttl: null }], "always", anyDeadline());
    await cache.set("a", 2);
    expect(await cache.get("a")).toBe(2);
  });

  test("needs the setting, which needs a prefix", async () => {
    const { cache } = openCache();
    expect(() => cache.bumpVersion()).toThrow(ImproperlyConfigured);
    expect(() => cache.bumpVersion()).toThrow("caches.default.sharedVersion: expected true");
    expect(() => openCache({ ...settings, keyPrefix: "" })).toThrow(
      "expected a text that is not empty with sharedVersion",
    );
  });

  test("clear() leaves the version alone", async () => {
    const { cache } = openCache(settings);
    const version = await cache.bumpVersion();
    await cache.set("a", 1);
    expect(await cache.clear()).toBe(1);
    expect(await cache.bumpVersion()).toBe(version + 1);
  });
});
