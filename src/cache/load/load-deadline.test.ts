import { describe, expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";

describe("one deadline for all store steps of a call", () => {
  /** A store with slow steps. */
  function openSlow(took: number, settings = {}) {
    const slowed = [
      "get",
      "getMany",
      "setMany",
      "ensureMany",
      "lease",
      "fill",
      "deleteMany",
      "ttlMany",
    ] as const;
    const harness = openCache({
      deadline: "500ms",
      ...settings,
      override: (store) =>
        Object.fromEntries(
          slowed.map((name) => [
            name,
            async (...args: unknown[]) => {
              harness.clock.advance(took);
              return Reflect.apply(store[name] as (...args: unknown[]) => unknown, store, args);
            },
          ]),
        ),
    });
    return harness;
  }

  const CALLS: readonly [string, (cache: Cache) => Promise<unknown>][] = [
    ["getOrSet", (cache) => cache.getOrSet("k", () => 1)],
    ["getOrSetMany", (cache) => cache.getOrSetMany(["k"], () => ({ k: 1 }))],
    ["get with tags", (cache) => cache.get("k", { tags: ["a"] })],
    ["set with tags", (cache) => cache.set("k", 1, { tags: ["a"] })],
    ["touchMany", (cache) => cache.touchMany(["k"], 0)],
    ["add of an expired value", (cache) => cache.add("k", 1, { timeout: 0 })],
  ];

  test.each(CALLS)("%s", async (_, call) => {
    const { cache, clock } = openSlow(400);
    const start = clock.monotonic();
    const [result] = await Promise.allSettled([call(cache)]);
    const error: unknown = result.status === "rejected" ? result.reason : undefined;
    expect([undefined, StoreConnectionError]).toContain((error as Error | undefined)?.constructor);
    // A step that has begun in time may end after the deadline, since this store ignores it.
    expect(clock.monotonic() - start).toBeLessThanOrEqual(800);
  });

  test("with a shared version too", async () => {
    const { cache, clock } = openSlow(400, { sharedVersion: true });
    const start = clock.monotonic();
    await expect(cache.set("k", 1, { tags: ["a"] })).rejects.toThrow(StoreConnectionError);
    expect(clock.monotonic() - start).toBeLessThanOrEqual(1200);
  });

  test("without the time of the loader", async () => {
    const { cache, clock } = openSlow(100);
    const result = cache.getOrSet("k", () => {
      clock.advance(20_000);
      return "value";
    });
    expect(await result).toBe("value");
    expect(await cache.get("k")).toBe("value");
  });
});
