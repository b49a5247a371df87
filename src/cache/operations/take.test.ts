import { describe, expect, test } from "vitest";

import { gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { errorOf } from "../../../test/support/redis-connections.ts";
import { CacheCorruptError, CacheUsageError, StoreConnectionError } from "../../core/errors.ts";
import { zlibCompressor } from "../entry/compression.ts";
import { TaggedJsonSerializer } from "../entry/serializers.ts";

describe("take", () => {
  test("returns a value once, then the default", async () => {
    const { cache } = openCache();
    await cache.setMany({ a: { x: 1 }, b: null });
    expect([await cache.take("a"), await cache.take("a")]).toEqual([{ x: 1 }, undefined]);
    expect([await cache.take("b", { default: 7 }), await cache.take("b", { default: 7 })]).toEqual([null, 7]);
    expect(cache.stats).toMatchObject({ hits: 2, misses: 2 });
  });

  test("takeMany returns the existing entries, each once, in the order of their keys", async () => {
    const { cache } = openCache();
    await cache.setMany({ a: 1, b: 2, c: 3 });
    expect([...(await cache.takeMany(["c", "none", "a", "c"]))]).toEqual([
      ["c", 3],
      ["a", 1],
    ]);
    expect(await cache.getMany(["a", "b", "c"])).toEqual(new Map([["b", 2]]));
    expect(await cache.takeMany([])).toEqual(new Map());
  });

  test("of 20 callers, one gets the value", async () => {
    const { cache, other } = openCache();
    await cache.set("a", 1);
    const caches = Array.from({ length: 20 }, () => other());
    const taken = await Promise.all(caches.map((each) => each.take("a")));
    expect(taken.filter((each) => each !== undefined)).toEqual([1]);
  });

  test("takes the entry of a version, and of a shared one", async () => {
    const { cache, other } = openCache();
    await cache.set("a", 1, { version: 2 });
    expect([await cache.take("a"), await cache.take("a", { version: 2 })]).toEqual([undefined, 1]);
    const shared = other({ sharedVersion: true });
    await shared.set("b", 1);
    await shared.bumpVersion();
    expect(await shared.take("b")).toBeUndefined();
  });

  test("works with compression, and with a serializer", async () => {
    const compression = { compressor: zlibCompressor(), minLength: 10 };
    const { cache } = openCache({ compression, serializer: TaggedJsonSerializer });
    const value = { at: new Date(5), text: "long ".repeat(100) };
    await cache.set("a", value, { tags: ["red"] });
    expect([await cache.take("a"), await cache.take("a")]).toEqual([value, undefined]);
  });

  test("an entry that has expired, or whose tag was invalidated, is missing, and is deleted", async () => {
    const { cache, clock, raw } = openCache();
    await cache.getOrSet("old", () => 1, { timeout: 10, staleIfError: 60 });
    await cache.setMany({ dead: 1, alive: 2 }, { tags: ["red"] });
    await cache.invalidateTags(["red"]);
    await cache.set("alive", 2, { tags: ["red"] });
    clock.advance(11_000);
    expect(await cache.takeMany(["old", "dead", "alive"])).toEqual(new Map([["alive", 2]]));
    for (const key of ["old", "dead", "alive"]) expect(await raw(`shop:1:${key}`)).toBeUndefined();
  });

  test("reads the tokens of tags that are named together with the entry", async () => {
    const { cache, calls } = openCache();
    await cache.set("a", 1, { tags: ["red"] });
    await cache.set("b", 1, { tags: ["red"] });
    calls.length = 0;
    await cache.take("none");
    expect(calls).toEqual(["takeMany", "getMany"]); // of no keys: no command
    calls.length = 0;
    expect(await cache.take("a", { tags: ["red"] })).toBe(1);
    expect(calls).toEqual(["takeMany", "getMany"]);
    calls.length = 0;
    expect(await cache.take("b")).toBe(1);
    expect(calls).toEqual(["takeMany", "getMany", "getMany"]);
  });

  test("an unreadable entry is an error and is deleted; takeMany returns the others, and an event reports it", async () => {
    const { cache, putRaw, raw, events } = openCache();
    await putRaw("shop:1:a", "{");
    expect(await errorOf(cache.take("a"))).toBeInstanceOf(CacheCorruptError);
    expect(await raw("shop:1:a")).toBeUndefined();
    await putRaw("shop:1:a", "{");
    await cache.set("b", 2);
    expect(await cache.takeMany(["a", "b"])).toEqual(new Map([["b", 2]]));
    expect(events.map(({ key }) => key)).toEqual(["a"]);
    expect(await raw("shop:1:a")).toBeUndefined();
  });

  test("a wrong key, tag or version is an error and deletes nothing", async () => {
    const { cache } = openCache();
    await cache.set("a", 1);
    const wrong = [
      () => cache.takeMany(["a", ""]),
      () => cache.take("a", { tags: [""] }),
      () => cache.take("a", { tags: "red" as never }),
      () => cache.take("a", { version: 1.5 }),
      () => cache.takeMany("a"),
    ];
    for (const call of wrong) expect(await errorOf(call())).toBeInstanceOf(CacheUsageError);
    expect(await cache.get("a")).toBe(1);
  });

  test("when the tokens cannot be read after it, the error says that the entry may be deleted", async () => {
    const error = new StoreConnectionError("down", { outcome: "not-sent" });
    const state = { isDown: false };
    const { cache, other } = openCache({
      override: (store) => ({
        getMany: (...args) =>
          state.isDown && args[0].length > 0 ? Promise.reject(error) : store.getMany(...args),
      }),
    });
    for (const options of [{}, { tags: ["red"] }]) {
      await other().set("a", 1, { tags: ["red"] });
      state.isDown = true;
      expect(await errorOf(cache.take("a", options))).toMatchObject({ outcome: "unknown" });
      state.isDown = false;
    }
  });

  test("supersedes a load of the key: its result is not stored", async () => {
    const { cache, other } = openCache();
    for (const taker of [cache, other()]) {
      const { promise, open } = gate<string>();
      const loading = cache.getOrSet("a", () => promise);
      await turn();
      expect(await taker.take("a")).toBeUndefined();
      open("old");
      expect(await loading).toBe("old");
      expect(await cache.get("a")).toBeUndefined();
    }
  });
});
