import { describe, expect, test } from "vitest";

import { gate, openCache, turn } from "../../../test/support/cache-harness.ts";

describe("a loader that waits for itself gets an error at once", () => {
  const REENTRANCE = expect.objectContaining({ code: "ERR_CACHE_REENTRANCE" }) as unknown;

  test("by its own key", async () => {
    const { cache } = openCache();
    const result = cache.getOrSet("k", () => cache.getOrSet("k", () => 1));
    await expect(result).rejects.toEqual(REENTRANCE);
    expect(await cache.getOrSet("k", () => "later")).toBe("later");
  });

  test("also after it has waited for something else", async () => {
    const { cache } = openCache();
    const result = cache.getOrSet("k", async () => {
      await turn();
      return cache.getOrSetMany(["a", "k"], () => ({ a: 1, k: 1 }));
    });
    await expect(result).rejects.toEqual(REENTRANCE);
  });

  test("through another loader, and through a memoized function", async () => {
    const { cache } = openCache();
    const b = cache.memoize(() => cache.getOrSet("a", () => 1), { key: () => "b" });
    await expect(cache.getOrSet("a", () => b())).rejects.toEqual(REENTRANCE);
    await expect(cache.getOrSetMany(["a", "c"], async () => ({ a: await b(), c: 1 }))).rejects.toEqual(
      REENTRANCE,
    );
  });

  test("through another cache object on the same store", async () => {
    const { other } = openCache();
    const [first, second] = [other(), other()];
    await expect(first.getOrSet("k", () => second.getOrSet("k", () => 1))).rejects.toEqual(REENTRANCE);
  });

  test("when two separate loads request each other", async () => {
    const { cache } = openCache();
    const { promise: both, open } = gate();
    const load = (other: string) => async () => {
      await both;
      return cache.getOrSet(other, () => "none");
    };
    const results = [cache.getOrSet("a", load("b")), cache.getOrSet("b", load("a"))];
    await turn();
    open();
    for (const result of results) await expect(result).rejects.toEqual(REENTRANCE);
  });

  test("other cases work: recursion over other keys, shared loads, other stores, get and set of its own key", async () => {
    const { cache } = openCache();
    const fibonacci = cache.memoize(
      async (n: number): Promise<number> => {
        if (n < 2) return n;
        const [one, two] = await Promise.all([fibonacci(n - 1), fibonacci(n - 2)]);
        return one + two;
      },
      { key: (n) => `fibonacci:${n}` },
    );
    expect(await fibonacci(20)).toBe(6765);
    const elsewhere = openCache().cache;
    expect(await cache.getOrSet("k", () => elsewhere.getOrSet("k", () => 1))).toBe(1);
    expect(await cache.getOrSet("own", async () => (await cache.get("own")) ?? "none")).toBe("none");
    await cache.getOrSet("written", () => cache.set("written", 2));
    expect(await cache.get("written")).toBe(2);
  });

  test("code that a loader has left behind may request the key", async () => {
    const { cache } = openCache();
    const { promise: later, open } = gate();
    let left: Promise<unknown> | undefined;
    await cache.getOrSet("k", () => {
      left = later.then(() => cache.getOrSet("k", () => "again"));
      return "first";
    });
    await cache.delete("k");
    open();
    expect(await left).toBe("again");
  });

  test("a loader that deletes its own key may load it", async () => {
    const { cache } = openCache();
    const result = cache.getOrSet("k", async () => {
      await cache.delete("k");
      return cache.getOrSet("k", () => "inner");
    });
    expect(await result).toBe("inner");
  });
});
