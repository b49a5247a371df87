import { describe, expect, test, vi } from "vitest";

import { anyDeadline, gate, openCache, turn } from "../../../test/support/cache-harness.ts";
import type { Duration } from "../../core/durations.ts";

/** Waits, in real time, until a condition holds. */
const until = (check: () => unknown) => vi.waitUntil(check, { timeout: 2000, interval: 5 });

describe("two processes that miss the same key", () => {
  test("one loads, the other waits for its result", async () => {
    const { cache, other } = openCache();
    const second = other();
    const { promise, open } = gate<string>();
    const load = vi.fn<() => Promise<string>>(() => promise);
    const results = [cache.getOrSet("k", load)];
    await turn();
    results.push(second.getOrSet("k", load));
    await until(() => second.stats.leaseWaits === 1);
    open("value");
    expect(await Promise.all(results)).toEqual(["value", "value"]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("when the load of the first fails, the second loads", async () => {
    const { cache, other } = openCache();
    const second = other();
    const { promise, fail } = gate<string>();
    const first = cache.getOrSet("k", () => promise);
    await turn();
    const result = second.getOrSet("k", () => "second");
    await until(() => second.stats.leaseWaits === 1);
    fail(new Error("down"));
    await expect(first).rejects.toThrow("down");
    expect(await result).toBe("second");
  });

  test("when the first has died, the second loads as soon as the lease has expired", async () => {
    const { cache, other, clock, store } = openCache({ lease: "5s" });
    const second = other({ lease: "5s" });
    // A process that takes the lease and dies.
    await store.lease({ key: "shop:1:k", token: "dead", expected: undefined }, 5000, anyDeadline());
    const result = second.getOrSet("k", () => "second");
    await until(() => second.stats.leaseWaits === 1);
    clock.advance(4999);
    await turn();
    expect(second.stats.loads).toBe(0);
    clock.advance(1);
    expect(await result).toBe("second");
    expect(cache.stats.loads).toBe(0);
  });

  test("a load that takes longer than the lease keeps it", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const { cache, other, clock } = openCache({ lease: "3s" });
      const second = other({ lease: "3s" });
      const { promise, open } = gate<string>();
      const first = cache.getOrSet("k", () => promise);
      await turn();
      for (let seconds = 0; seconds < 10; seconds++) {
        clock.advance(1000);
        await vi.advanceTimersByTimeAsync(1000);
        await turn();
      }
      const result = second.getOrSet("k", () => "second");
      await until(() => second.stats.leaseWaits === 1);
      expect(second.stats.loads).toBe(0);
      open("first");
      expect(await Promise.all([first, result])).toEqual(["first", "first"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("after a delete of the other process, the old value is not stored", async () => {
    const { cache, other } = openCache();
    const second = other();
    const { promise, open } = gate<string>();
    const first = cache.getOrSet("k", () => promise);
    await turn();
    await second.delete("k");
    expect(await second.getOrSet("k", () => "new")).toBe("new");
    open("old");
    expect(await first).toBe("new");
    expect(await second.get("k")).toBe("new");
    expect(cache.stats.superseded).toBe(1);
  });

  test("a caller that comes after the other process has stored and deleted a value loads again", async () => {
    const stored = gate();
    const { cache, other } = openCache({
      override: (store) => ({
        async fill(...args) {
          const result = await store.fill(...args);
          await stored.promise;
          return result;
        },
      }),
    });
    const second = other();
    const first = cache.getOrSet("k", () => "old");
    await until(async () => (await second.get("k")) === "old");
    await second.delete("k");
    const late = cache.getOrSet("k", () => "new");
    await turn();
    stored.open();
    expect(await Promise.all([first, late])).toEqual(["old", "new"]);
  });

  test("a load in the background is left to a process that is loading already", async () => {
    const { cache, other, clock } = openCache();
    const options = { timeout: 10, stale: 60 } as const;
    await cache.getOrSet("k", () => "old", options);
    clock.advance(11_000);
    const { promise, open } = gate<string>();
    await cache.getOrSet("k", () => promise, options);
    await turn();
    const load = vi.fn<() => string>();
    expect(await other().getOrSet("k", load, options)).toBe("old");
    await turn();
    expect(load).not.toHaveBeenCalled();
    open("new");
  });

  test("a caller that joins a background load which was left to another process waits for it", async () => {
    const { cache, other, clock } = openCache();
    const second = other();
    const options = { timeout: 10, stale: 60 } as const;
    await cache.getOrSet("k", () => "old", options);
    clock.advance(11_000);
    const { promise, open } = gate<string>();
    await cache.getOrSet("k", () => promise, options);
    await turn();
    const load = () => Promise.reject(new Error("not to be run"));
    const results = [
      second.getOrSet<string>("k", load, options),
      second.getOrSet<string>("k", load, { ...options, stale: 0 }),
    ];
    expect(await results[0]).toBe("old");
    open("new");
    expect(await results[1]).toBe("new");
  });

  test("without leases each process loads for itself, and its own delete still wins", async () => {
    const { cache, other } = openCache({ lease: null });
    const load = vi.fn<() => Promise<string>>(async () => "value");
    await Promise.all([cache.getOrSet("k", load), other({ lease: null }).getOrSet("k", load)]);
    expect(load).toHaveBeenCalledTimes(2);
    const { promise, open } = gate<string>();
    const old = cache.getOrSet("l", () => promise);
    await turn();
    await cache.delete("l");
    open("old");
    expect(await old).toBe("old");
    expect(await cache.has("l")).toBe(false);
  });
});

describe("the leases of a call of many keys", () => {
  const COUNT = 20_000;
  const keys = Array.from({ length: COUNT }, (_, index) => `key${index}`);

  /**
   * A cache on a store that takes some time for each hundred leases, and counts the stored entries.
   */
  function openBusy(took: number, lease: Duration) {
    let leases = 0;
    let stored = 0;
    const pass = async (): Promise<void> => {
      if (++leases % 100 > 0) return;
      harness.clock.advance(took);
      await vi.advanceTimersByTimeAsync(took);
    };
    const harness = openCache({
      lease,
      deadline: "1m",
      override: (store) => ({
        lease: async (...args) => {
          await pass();
          return store.lease(...args);
        },
        renew: async (...args) => {
          await pass();
          return store.renew(...args);
        },
        fill: async (...args) => {
          const result = await store.fill(...args);
          if (result.status === "stored") stored++;
          return result;
        },
      }),
    });
    return { ...harness, stored: () => stored };
  }

  test.each([
    { took: 50, lease: "5s" },
    { took: 10, lease: "1s" },
  ] as const)(
    "outlive its steps on a store that takes $took ms for a hundred: $lease",
    async ({ took, lease }) => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
      try {
        const { cache, stored } = openBusy(took, lease);
        const found = await cache.getOrSetMany(
          keys,
          async (missing) => new Map(missing.map((key) => [key, 1])),
        );
        expect(found.size).toBe(COUNT);
        expect(stored()).toBe(COUNT);
      } finally {
        vi.useRealTimers();
      }
    },
  );
});
