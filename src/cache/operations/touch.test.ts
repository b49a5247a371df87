import { describe, expect, test } from "vitest";

import {
  anyDeadline,
  type CacheHarness,
  gate,
  openCache,
  ttlOf,
  turn,
} from "../../../test/support/cache-harness.ts";
import { StoreServiceError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";
import type { CacheSettings } from "../cache-settings.ts";
import { zlibCompressor } from "../entry/compression.ts";
import type { LoadOptions } from "../load/load-options.ts";
import { TaggedJsonSerializer } from "../entry/serializers.ts";

const SECOND = 1000;
const WHOLE = "shop:1:k";

const CACHES: Readonly<Record<string, Omit<CacheSettings, "store">>> = {
  "of JSON": {},
  "that compresses": { compression: { compressor: zlibCompressor(), minLength: 10 } },
  "with a serializer of its own": { serializer: TaggedJsonSerializer },
  "whose serializer writes what begins as a header does": {
    serializer: {
      dump: (value) => `~{}\n${JSON.stringify(value)}`,
      load: (text) => JSON.parse(text.slice(4)) as unknown,
    },
  },
};

/**
 * Entries by the reason for their header, with the time for which the store keeps them after
 * expiry.
 */
const ENTRIES: Readonly<Record<string, { readonly options: LoadOptions; readonly grace: number }>> = {
  "without options": { options: {}, grace: 0 },
  "with stale": { options: { stale: 30 }, grace: 30 },
  "with staleIfError": { options: { staleIfError: 30 }, grace: 30 },
  "with stale and staleIfError": { options: { stale: 5, staleIfError: 30 }, grace: 30 },
  "with early": { options: { early: true }, grace: 0 },
  "with tags": { options: { tags: ["red", "round"] }, grace: 0 },
  "with all of them": { options: { stale: 30, staleIfError: 10, early: 1, tags: ["red"] }, grace: 30 },
};

const VALUE = { text: "a text that is long enough to be worth compressing ".repeat(3), n: 1 };

type Prolong = (cache: Cache, harness: CacheHarness) => Promise<unknown>;

/** Calls that set the remaining time of `k` to 100 seconds. */
const CALLS: Readonly<Record<string, Prolong>> = {
  touch: (cache) => cache.touch("k", 100),
  touchMany: async (cache) => (await cache.touchMany(["none", "k"], 100)).has("k"),
  expire: (cache) => cache.expire("k", "100s"),
  expireAt: (cache, { clock }) => cache.expireAt("k", new Date(clock.now() + 100 * SECOND)),
};

describe.each(Object.keys(CACHES))("touch in a cache %s", (kind) => {
  const open = () => openCache({ random: () => 0.5, ...CACHES[kind] });

  describe.each(Object.keys(ENTRIES))("of an entry %s", (entry) => {
    const { options, grace } = ENTRIES[entry] ?? { options: {}, grace: 0 };
    const load = (cache: Cache) => cache.getOrSet("k", () => VALUE, { timeout: 10, ...options });

    test.each(Object.keys(CALLS))("%s moves its time, in the store and to its readers", async (name) => {
      const harness = open();
      const { cache, clock, store } = harness;
      await load(cache);
      for (let round = 0; round < 3; round++) {
        clock.advance(8 * SECOND);
        expect(await CALLS[name]?.(cache, harness)).toBe(true);
        expect(await ttlOf(store, WHOLE)).toBe((100 + grace) * SECOND);
      }
      clock.advance(99 * SECOND);
      expect([await cache.get("k"), await cache.has("k"), await cache.ttl("k")]).toEqual([
        VALUE,
        true,
        1 + grace,
      ]);
      clock.advance(2 * SECOND);
      expect([await cache.get("k"), await cache.has("k"), await cache.touch("k", 100)]).toEqual([
        undefined,
        false,
        false,
      ]);
      clock.advance(grace * SECOND);
      expect(await ttlOf(store, WHOLE)).toBeUndefined();
    });

    test("also to a shorter one", async () => {
      const { cache, clock } = open();
      await load(cache);
      expect(await cache.touch("k", 1)).toBe(true);
      clock.advance(1001);
      expect(await cache.get("k")).toBeUndefined();
    });

    test("persist removes its expiry, and a later touch sets it again", async () => {
      const { cache, clock, store } = open();
      await load(cache);
      expect([await cache.persist("k"), await cache.persist("k")]).toEqual([true, true]);
      clock.advance(365 * 86_400 * SECOND);
      expect([await cache.get("k"), await cache.ttl("k")]).toEqual([VALUE, null]);
      expect([...(await cache.persistMany(["k", "none"]))]).toEqual(["k"]);
      expect(await cache.touch("k", 100)).toBe(true);
      expect(await ttlOf(store, WHOLE)).toBe((100 + grace) * SECOND);
      clock.advance(101 * SECOND);
      expect(await cache.get("k")).toBeUndefined();
    });

    test("an expired one counts as missing: it is unchanged, and a timeout of 0 deletes it", async () => {
      const { cache, clock, store, raw } = open();
      await load(cache);
      clock.advance(10 * SECOND);
      const before = [await raw(WHOLE), await ttlOf(store, WHOLE)];
      expect([await cache.touch("k", 100), await cache.persist("k")]).toEqual([false, false]);
      expect([await raw(WHOLE), await ttlOf(store, WHOLE)]).toEqual(before);
      expect([await cache.touch("k", 0), await raw(WHOLE)]).toEqual([false, undefined]);
    });

    test("a timeout of 0 deletes it", async () => {
      const { cache, raw } = open();
      await load(cache);
      expect([await cache.touch("k", 0), await raw(WHOLE), await cache.touch("k", 0)]).toEqual([
        true,
        undefined,
        false,
      ]);
    });
  });

  test("of an entry that set() has stored with tags", async () => {
    const { cache, clock } = open();
    await cache.set("k", VALUE, { timeout: 10, tags: ["red"] });
    expect(await cache.touch("k", 100_000)).toBe(true);
    clock.advance(99_999 * SECOND);
    expect(await cache.get("k")).toEqual(VALUE);
    clock.advance(SECOND);
    expect(await cache.get("k")).toBeUndefined();
  });
});

describe("the tags of an entry that is touched", () => {
  test("live as long as it does, also without expiry", async () => {
    const { cache, clock, store } = openCache();
    const week = 7 * 86_400;
    await cache.getOrSet("k", () => 1, { timeout: 10, stale: 30, tags: ["red", "round"] });
    await cache.touch("k", week);
    for (const tag of ["red", "round"]) {
      expect(await ttlOf(store, `shop:1:~tag:${tag}`)).toBeGreaterThanOrEqual((week + 30) * SECOND);
    }
    clock.advance(week * SECOND - 1);
    expect(await cache.get("k")).toBe(1);
    await cache.persist("k");
    clock.advance(10 * week * SECOND);
    expect(await cache.get("k")).toBe(1);
    await cache.invalidateTags(["round"]);
    expect(await cache.get("k")).toBeUndefined();
  });

  test("make it missing when one was invalidated, and no token is made for it", async () => {
    const { cache, raw, clock, store } = openCache();
    await cache.setMany({ dead: 1, alive: 2 }, { tags: ["red"], timeout: 10 });
    await cache.invalidateTags(["red"]);
    expect(await cache.touch("dead", null)).toBe(false);
    expect(await raw("shop:1:~tag:red")).toBeUndefined();
    await cache.set("alive", 2, { tags: ["red"], timeout: 10 });
    expect([...(await cache.touchMany(["dead", "alive"], 20))]).toEqual(["alive"]);
    expect([await ttlOf(store, "shop:1:dead"), await ttlOf(store, "shop:1:alive")]).toEqual([10_000, 20_000]);
    clock.advance(15 * SECOND);
    expect(await cache.getMany(["dead", "alive"])).toEqual(new Map([["alive", 2]]));
  });

  test("make it missing when they are invalidated between the check and the write", async () => {
    const harness: CacheHarness = openCache({
      override: (store) => ({
        ensureMany: async (...args) => {
          await harness.other().invalidateTags(["red"]);
          return store.ensureMany(...args);
        },
      }),
    });
    await harness.other().set("k", 1, { tags: ["red"] });
    expect(await harness.cache.touch("k", 100)).toBe(false);
  });

  test("are those of the version of the call", async () => {
    const { cache, clock } = openCache();
    await cache.set("k", 2, { tags: ["red"], version: 2, timeout: 10 });
    expect(await cache.touch("k", 100_000, { version: 2 })).toBe(true);
    clock.advance(99_000 * SECOND);
    expect(await cache.get("k", { version: 2 })).toBe(2);
  });
});

describe("a touch", () => {
  test("sets the expiry, and the time kept beyond it, of an entry that was stored without expiry", async () => {
    const { cache, clock, store } = openCache();
    await cache.getOrSet("k", () => 1, { timeout: null, stale: 30 });
    expect(await cache.touch("k", 100)).toBe(true);
    expect(await ttlOf(store, WHOLE)).toBe(130_000);
    clock.advance(101 * SECOND);
    expect(await cache.get("k")).toBeUndefined();
  });

  test("of entries without headers is one call to the store, which returns no values", async () => {
    const { cache, calls } = openCache();
    await cache.setMany({ a: 1, b: 2 });
    calls.length = 0;
    await cache.touchMany(["a", "b", "none"], 100);
    expect(calls.filter((name) => name !== "constructor")).toEqual(["touchHeadless"]);
  });

  test("of an entry that earlier versions have persisted, or stored, still works", async () => {
    const { cache, putRaw, clock, store } = openCache();
    const at = clock.now();
    const put = (ttl: number | null) =>
      store.setMany(
        [{ key: WHOLE, value: `~{"at":${at},"nonce":"n","freshUntil":${at + 10_000},"took":5}\n1`, ttl }],
        "always",
        anyDeadline(),
      );
    await put(15_000);
    expect(await cache.touch("k", 60)).toBe(true);
    expect(await ttlOf(store, WHOLE)).toBe(65_000);
    await put(null);
    expect(await cache.persist("k")).toBe(true);
    clock.advance(1e9);
    expect(await cache.get("k")).toBe(1);
    await putRaw(WHOLE, "~an unknown header\n1");
    expect(await cache.touch("k", 60)).toBe(true);
    expect(await ttlOf(store, WHOLE)).toBe(60_000);
  });

  test("of 20 processes at once is true for all", async () => {
    const { cache, other, store } = openCache();
    await cache.getOrSet("k", () => 1, { timeout: 10, stale: 30, tags: ["red"] });
    const caches = Array.from({ length: 20 }, () => other());
    const touched = await Promise.all(caches.map((each, index) => each.touch("k", 100 + index)));
    expect(touched).toEqual(caches.map(() => true));
    expect(await ttlOf(store, WHOLE)).toBeGreaterThanOrEqual(130_000);
  });

  test.each<[string, (cache: Cache) => Promise<unknown>, boolean, unknown]>([
    ["stores a newer entry", (cache) => cache.set("k", "new", { timeout: 20, tags: ["red"] }), true, "new"],
    ["stores one without a header", (cache) => cache.set("k", "new"), true, "new"],
    ["deletes it", (cache) => cache.delete("k"), false, undefined],
  ])("while another caller %s", async (_, write, isThere, value) => {
    const harness: CacheHarness = openCache({
      override: (store) => ({
        replaceHead: async (...args) => {
          await write(harness.other());
          return store.replaceHead(...args);
        },
      }),
    });
    await harness.other().getOrSet("k", () => "old", { timeout: 10, stale: 30 });
    expect(await harness.cache.touch("k", 100)).toBe(isThere);
    expect(await harness.other().get("k")).toBe(value);
  });

  test('with onStoreError "miss", is false when the store does not write', async () => {
    const error = new StoreServiceError("OOM", { outcome: "not-sent" });
    const { cache, other } = openCache({
      onStoreError: "miss",
      override: () => ({ replaceHead: () => Promise.reject(error) }),
    });
    await other().getOrSet("k", () => 1, { stale: 30 });
    expect(await cache.touch("k", 100)).toBe(false);
    expect(await cache.get("k")).toBe(1);
  });

  test("does not supersede an early load: its result is stored", async () => {
    const { cache, clock } = openCache({ random: () => 0.999 });
    const { promise, open } = gate<string>();
    const load = async () => (clock.advance(1000), "old");
    await cache.getOrSet("k", load, { timeout: 10, early: 5 });
    clock.advance(8000);
    expect(await cache.getOrSet("k", () => promise, { timeout: 10, early: 5 })).toBe("old");
    await turn();
    expect(await cache.touch("k", 100)).toBe(true);
    open("new");
    await turn();
    await turn();
    expect(await cache.get("k")).toBe("new");
    expect(cache.stats.superseded).toBe(0);
  });

  test("shares one deadline among its steps", async () => {
    const deadlines = new Set<unknown>();
    const { cache, other } = openCache({
      override: (store) =>
        Object.fromEntries(
          (["touchHeadless", "getMany", "ensureMany", "replaceHead", "takeMany"] as const).map((name) => [
            name,
            (...args: unknown[]): unknown => {
              deadlines.add(args.at(-1));
              return (store[name] as (...all: unknown[]) => unknown)(...args);
            },
          ]),
        ),
    });
    await other().getOrSet("k", () => 1, { stale: 30, tags: ["red"] });
    await cache.touch("k", 100);
    expect(deadlines.size).toBe(1);
    await cache.touch("k", 0);
    expect(deadlines.size).toBe(2);
  });
});
