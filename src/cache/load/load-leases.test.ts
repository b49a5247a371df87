import { describe, expect, test } from "vitest";

import { anyDeadline, type CacheHarness, openCache, turn } from "../../../test/support/cache-harness.ts";
import { StoreConnectionError } from "../../core/errors.ts";

describe("a call that fails leaves no lease behind", () => {
  const AWAY = () => new StoreConnectionError("no answer in time", { outcome: "unknown" });

  test("when the answer to the lease got lost", async () => {
    const { cache, other } = openCache({
      override: (store) => ({
        lease: async (...args) => {
          await store.lease(...args);
          throw AWAY();
        },
      }),
    });
    await expect(cache.getOrSet("k", () => 1)).rejects.toThrow("no answer");
    await turn();
    const second = other();
    expect(await second.getOrSet("k", () => 2)).toBe(2);
    expect(second.stats.leaseWaits).toBe(0);
  });

  test.each(["ensureMany", "fill"] as const)("when %s fails", async (name) => {
    const { cache, other } = openCache({ override: () => ({ [name]: () => Promise.reject(AWAY()) }) });
    await expect(cache.getOrSet("k", () => 1, { tags: ["a"] })).rejects.toThrow("no answer");
    await turn();
    const second = other();
    expect(await second.getOrSet("k", () => 2)).toBe(2);
    expect(second.stats.leaseWaits).toBe(0);
  });
});

describe("a loader that blocks the event loop for longer than its lease", () => {
  /** Loads while the clock goes on without a renewal, and runs a change of the key meanwhile. */
  async function block(meanwhile: (harness: CacheHarness) => unknown) {
    const harness = openCache({ lease: "1s" });
    const result = await harness.cache.getOrSet("k", async () => {
      harness.clock.advance(5000);
      await meanwhile(harness);
      return "loaded";
    });
    return { ...harness, result };
  }

  test("stores its value if no other caller has written", async () => {
    const { cache, result } = await block(() => {});
    expect([result, await cache.get("k")]).toEqual(["loaded", "loaded"]);
  });

  test("does not store it after a delete, a newer value, or another load", async () => {
    const afterDelete = await block(({ other }) => other().delete("k"));
    expect(await afterDelete.cache.get("k")).toBeUndefined();
    const afterSet = await block(({ other }) => other().set("k", "newer"));
    expect([afterSet.result, await afterSet.cache.get("k")]).toEqual(["newer", "newer"]);
    const lease = { key: "shop:1:k", token: "another", expected: undefined };
    const afterLease = await block(({ store }) => store.lease(lease, 1000, anyDeadline()));
    expect(await afterLease.cache.get("k")).toBeUndefined();
  });
});
