import { describe, expect, test, vi } from "vitest";

import { anyDeadline, gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";

describe("tags", () => {
  test("invalidating one makes all entries with it misses, and leaves the others", async () => {
    const { cache } = openCache();
    await cache.set("a", 1, { tags: ["red", "round"] });
    await cache.setMany({ b: 2, c: 3 }, { tags: ["red"] });
    await cache.set("d", 4, { tags: ["round"] });
    await cache.set("e", 5);
    await cache.invalidateTags(["red"]);
    expect(await cache.getMany(["a", "b", "c", "d", "e"])).toEqual(
      new Map([
        ["d", 4],
        ["e", 5],
      ]),
    );
    expect(await cache.hasMany(["a", "d"])).toEqual(new Set(["d"]));
  });

  test("a tag of one version is independent of other versions", async () => {
    const { cache } = openCache();
    for (const version of [1, 2]) await cache.set("a", version, { tags: ["red"], version });
    await cache.invalidateTags(["red"], { version: 2 });
    expect([await cache.get("a", { version: 1 }), await cache.get("a", { version: 2 })]).toEqual([
      1,
      undefined,
    ]);
  });

  test("an entry stored after an invalidation is valid", async () => {
    const { cache } = openCache();
    await cache.set("a", 1, { tags: ["red"] });
    await cache.invalidateTags(["red"]);
    await cache.set("a", 2, { tags: ["red"] });
    expect(await cache.get("a")).toBe(2);
  });

  test("their tokens are read with the entry if the call names them; otherwise they take another read", async () => {
    const { cache, calls } = openCache();
    await cache.set("a", 1, { tags: ["red", "round"] });
    calls.length = 0;
    expect(await cache.get("a", { tags: ["red", "round", "blue"] })).toBe(1);
    expect(calls).toEqual(["getMany"]);
    calls.length = 0;
    expect(await cache.get("a", { tags: ["red"] })).toBe(1);
    expect(await cache.get("a")).toBe(1);
    expect(calls).toEqual(["getMany", "getMany", "get", "getMany"]);
  });

  test("invalidated during a load: waiting callers get the value, later ones load again", async () => {
    const { cache, other } = openCache();
    const options = { tags: ["red"] } as const;
    const { promise, open } = gate<string>();
    const first = cache.getOrSet("k", () => promise, options);
    await turn();
    await other().invalidateTags(["red"]);
    open("old");
    expect(await first).toBe("old");
    expect(await cache.get("k")).toBeUndefined();
    expect(await cache.getOrSet("k", () => "new", options)).toBe("new");
    expect(await cache.get("k")).toBe("new");
  });

  test("invalidated during a load: a caller that joins the load afterwards does not get its value", async () => {
    const { cache } = openCache();
    const options = { tags: ["red"] } as const;
    const { promise, open } = gate<string>();
    const first = cache.getOrSet("k", () => promise, options);
    await turn();
    await cache.invalidateTags(["red"]);
    const second = cache.getOrSet("k", () => "new", options);
    await turn();
    open("old");
    expect(await second).toBe("new");
    expect(await first).toBe("old");
  });

  test("invalidated after one load and before the next: the value of the first is not returned", async () => {
    const { cache } = openCache();
    const load = vi.fn<() => number>().mockReturnValueOnce(1).mockReturnValueOnce(2);
    const options = { tags: ["red"], staleIfError: "1h", stale: "1h" } as const;
    expect(await cache.getOrSet("k", load, options)).toBe(1);
    await cache.invalidateTags(["red"]);
    expect(await cache.getOrSet("k", load, options)).toBe(2);
  });

  test("a token that the store has evicted makes a miss", async () => {
    const { cache, store } = openCache();
    await cache.set("a", 1, { tags: ["red"] });
    expect(await store.deleteMany(["shop:1:~tag:red"], anyDeadline())).toBe(1);
    await cache.set("b", 1, { tags: ["red"] });
    expect(await cache.get("a")).toBeUndefined();
    expect(await cache.get("b")).toBe(1);
  });

  test("their tokens live at least as long as the entries", async () => {
    const { cache, clock } = openCache();
    await cache.set("a", 1, { tags: ["red"], timeout: 100 });
    await cache.set("b", 1, { tags: ["red"], timeout: 10 });
    await cache.getOrSet("c", () => 1, { tags: ["red"], timeout: 200 });
    clock.advance(99_000);
    expect(await cache.get("a")).toBe(1);
    clock.advance(100_000);
    expect(await cache.get("c")).toBe(1);
  });

  test("any string is a tag, even __proto__", async () => {
    const { cache } = openCache();
    const tags = ["__proto__", "constructor", "a b", "é", "\n"];
    await cache.set("a", 1, { tags });
    expect(await cache.get("a")).toBe(1);
    await cache.invalidateTags(["__proto__"]);
    expect(await cache.get("a")).toBeUndefined();
  });

  test("an entry moves to another version with its tags", async () => {
    const { cache } = openCache();
    await cache.set("a", 1, { tags: ["red"] });
    expect(await cache.incrVersion("a")).toBe(2);
    expect(await cache.get("a", { version: 2 })).toBe(1);
    await cache.invalidateTags(["red"], { version: 2 });
    expect(await cache.get("a", { version: 2 })).toBeUndefined();
  });

  test("callers cannot use their keys", async () => {
    const { cache } = openCache();
    await expect(cache.set("~tag:red", 1)).rejects.toThrow(CacheUsageError);
    await cache.set("a", 1, { tags: ["red"] });
    expect(await cache.keys("*")).toEqual(["a"]);
  });

  test("an entry without tags is stored as Django writes it, one with tags behind a line that begins with ~", async () => {
    const { cache, raw } = openCache();
    await cache.set("a", { n: 1 });
    await cache.set("b", { n: 1 }, { tags: ["red"] });
    expect(await raw("shop:1:a")).toBe('{"n":1}');
    expect(await raw("shop:1:b")).toMatch(
      /^~\{"at":\d+,"nonce":"[0-9a-f]{16}","tags":\{"red":"[0-9a-f]{16}"\}\}\n\{"n":1\}$/,
    );
  });

  test.each(["~{}", '~{"at":1}\n1', "~\n1", "~[]\n1", '~{"at":"1","nonce":"a"}\n1'])(
    "a header that Sojourn has not written is an error for get, and a miss for getOrSet: %j",
    async (text) => {
      const { cache, putRaw } = openCache();
      await putRaw("shop:1:k", text);
      await expect(cache.get("k")).rejects.toThrow("cannot be read");
      expect(await cache.getOrSet("k", () => 1)).toBe(1);
    },
  );
});
