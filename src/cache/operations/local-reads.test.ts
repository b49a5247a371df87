import { describe, expect, test } from "vitest";

import { openCache, turn } from "../../../test/support/cache-harness.ts";
import { CacheCorruptError, CacheReentranceError } from "../../core/errors.ts";

const tags = ["prices"];

describe("a store in this process is read without waiting", () => {
  test("a hit of get and getOrSet is one read without a promise", async () => {
    const { cache, calls } = openCache({ isLocal: true });
    await cache.set("k", { n: 1 });
    calls.length = 0;
    expect(await cache.get("k")).toEqual({ n: 1 });
    expect(await cache.getOrSet("k", () => 2)).toEqual({ n: 1 });
    expect(await cache.get("none", { default: 7 })).toBe(7);
    expect(calls).toEqual(["getSync", "getSync", "getSync"]);
    expect(cache.stats).toMatchObject({ hits: 2, misses: 1 });
  });

  test("a miss loads once for all callers, and is counted once for each", async () => {
    const { cache, calls } = openCache({ isLocal: true });
    let loads = 0;
    const load = async (): Promise<number> => {
      await turn();
      return ++loads;
    };
    expect(await Promise.all([cache.getOrSet("k", load), cache.getOrSet("k", load)])).toEqual([1, 1]);
    expect(calls).toEqual(["getSync", "getSync", "lease", "fill"]);
    expect(cache.stats).toMatchObject({ hits: 0, misses: 2, loads: 1 });
  });

  test("errors are rejections: of a wrong key, a wrong version, and an unreadable entry", async () => {
    const { cache, putRaw, events } = openCache({ isLocal: true });
    await putRaw("shop:1:k", "{");
    await expect(cache.get("k")).rejects.toThrow(CacheCorruptError);
    await expect(cache.get("")).rejects.toThrow("has to be a text that is not empty");
    await expect(cache.get("k", { version: 1.5 })).rejects.toThrow("has to be an integer");
    await expect(cache.getOrSet("", () => 1)).rejects.toThrow("has to be a text that is not empty");
    expect(await cache.getOrSet("k", () => 1)).toBe(1);
    expect(events).toHaveLength(1);
  });

  test("a hit with tags reads their tokens so too, whether or not the call names them", async () => {
    const { cache, calls } = openCache({ isLocal: true });
    await cache.set("k", 1, { tags: ["prices", "units"] });
    calls.length = 0;
    expect([await cache.get("k"), await cache.getOrSet("k", () => 2, { tags })]).toEqual([1, 1]);
    expect(calls).toEqual(Array.from({ length: 6 }, () => "getSync"));
    await expect(cache.get("k", { tags: [""] })).rejects.toThrow("has to be a text that is not empty");
  });

  test("an entry, or a token, that is not at hand is asked for", async () => {
    const { cache, calls } = openCache({
      isLocal: true,
      override: (store) => ({ getSync: (key) => (key.includes("far") ? null : store.getSync?.(key)) }),
    });
    await cache.set("far", 1);
    await cache.set("k", 2, { tags: ["far"] });
    calls.length = 0;
    expect(await cache.get("far")).toBe(1);
    expect(await cache.getOrSet("far", () => 3)).toBe(1);
    expect(await cache.get("none")).toBeUndefined();
    expect(calls).toEqual(["getSync", "get", "getSync", "get", "getSync"]);
    calls.length = 0;
    expect(await cache.get("k")).toBe(2);
    expect(calls).toEqual(["getSync", "getSync", "get", "getMany"]);
  });

  test("an entry whose tag was invalidated is a miss, whether or not the call names the tag", async () => {
    const { cache } = openCache({ isLocal: true });
    await cache.set("k", 1, { tags });
    expect([await cache.get("k"), await cache.get("k", { tags })]).toEqual([1, 1]);
    await cache.invalidateTags(tags);
    expect([await cache.get("k"), await cache.get("k", { tags })]).toEqual([undefined, undefined]);
    expect(await cache.getOrSet("k", () => 2, { tags })).toBe(2);
    expect(cache.stats).toMatchObject({ hits: 2, misses: 3 });
  });

  test("a stale entry is given, and loaded again in the background", async () => {
    const { cache, clock } = openCache({ isLocal: true });
    const options = { timeout: 10, stale: 60 };
    expect(await cache.getOrSet("k", () => 1, options)).toBe(1);
    clock.advance(11_000);
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.getOrSet("k", () => 2, options)).toBe(1);
    await turn();
    expect(await cache.getOrSet("k", () => 3, options)).toBe(2);
  });

  test("an old entry is given when its load fails", async () => {
    const { cache, clock } = openCache({ isLocal: true });
    const options = { timeout: 10, staleIfError: 60 };
    await cache.getOrSet("k", () => 1, options);
    clock.advance(11_000);
    const fail = (): number => {
      throw new Error("gone");
    };
    expect(await cache.getOrSet("k", fail, options)).toBe(1);
    clock.advance(60_000);
    await expect(cache.getOrSet("k", fail, options)).rejects.toThrow("gone");
  });

  test("a signal that has aborted before ends the call, also of a hit", async () => {
    const { cache } = openCache({ isLocal: true });
    await cache.set("k", 1);
    const signal = AbortSignal.abort(new Error("left"));
    await expect(cache.getOrSet("k", () => 2, { signal })).rejects.toThrow("left");
  });

  test("a version that all processes share is read first", async () => {
    const { cache, other } = openCache({ isLocal: true, sharedVersion: true });
    await cache.set("k", 1);
    expect(await cache.get("k")).toBe(1);
    await other({ sharedVersion: true }).bumpVersion();
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.getOrSet("k", () => 2)).toBe(2);
  });

  test("a loader that requests its own key is told", async () => {
    const { cache } = openCache({ isLocal: true });
    const load = (): Promise<unknown> => cache.getOrSet("k", () => 1);
    await expect(cache.getOrSet("k", load)).rejects.toThrow(CacheReentranceError);
  });
});
