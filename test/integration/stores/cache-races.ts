import { expect, test } from "vitest";

import { newNonce } from "../../../src/core/ids.ts";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import type { CacheStore, FillResult, Lease } from "../../../src/stores/cache-store.ts";
import { later } from "./sql-support.ts";

const CALLERS = 60;

/**
 * Races between stores that share nothing but their place, as those of several processes.
 *
 * @param openStores Opens three stores in one place.
 */
export function describeCacheRaces(openStores: (clock: Clock) => Promise<readonly CacheStore[]>): void {
  test("counters of several stores: each caller sees another sum, and none is lost", async () => {
    const [stores, key] = [await openStores(systemClock), newNonce()];
    const begin = { value: "1", ttl: 60_000 };
    const results = await race(stores, (store) => store.incr(key, 1n, later(), { begin }));
    const sums = results.map((result) => (result.status === "incremented" ? Number(result.value) : 0));
    expect(new Set(sums)).toEqual(new Set(Array.from({ length: CALLERS }, (_, index) => index + 1)));
    expect(await stores[0]?.get(key, later())).toBe(String(CALLERS));
  });

  test("callers of several stores that miss a key: one loads, the others find its value", async () => {
    const [stores, key] = [await openStores(systemClock), newNonce()];
    const fills: FillResult[] = [];
    await race(stores, async (store, index) => {
      const lease: Lease = { key, token: `t${index}`, expected: undefined };
      for (;;) {
        const { status } = await store.lease(lease, 20_000, later());
        if (status === "found") return;
        if (status === "leased") {
          fills.push(await store.fill(lease, { value: "loaded", ttl: 60_000 }, later()));
          return;
        }
        await nextTurns();
      }
    });
    expect(fills).toEqual([{ status: "stored" }]);
  });

  test("a delete during a load wins: whatever the order, no value that was loaded before it stays", async () => {
    const [one, other] = await openStores(systemClock);
    if (one === undefined || other === undefined) throw new Error("there are two");
    for (let round = 0; round < 40; round++) {
      const lease: Lease = { key: newNonce(), token: "t", expected: undefined };
      await one.lease(lease, 20_000, later());
      const fill = { value: "old", ttl: 60_000 };
      await Promise.all([one.fill(lease, fill, later()), other.deleteMany([lease.key], later())]);
      expect(await one.get(lease.key, later())).toBeUndefined();
    }
  });

  test("locks of several stores have one holder at a time, and fencing tokens that grow", async () => {
    const [stores, key] = [await openStores(systemClock), newNonce()];
    const [fences, seen, releases]: [number[], number[], boolean[]] = [[], [], []];
    let holders = 0;
    await race(
      stores,
      async (store, index) => {
        const token = `t${index}`;
        for (;;) {
          const fence = await store.acquireLock(key, token, 20_000, later());
          if (fence !== undefined) {
            fences.push(fence);
            holders++;
            seen.push(holders);
            await nextTurns();
            holders--;
            releases.push(await store.releaseLock(key, token, later()));
            return;
          }
          await nextTurns();
        }
      },
      12,
    );
    expect(seen).toEqual(seen.map(() => 1));
    expect(releases).toEqual(Array.from({ length: 12 }, () => true));
    expect(fences).toEqual([...new Set(fences)].toSorted((left, right) => left - right));
  });
}

function nextTurns(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}

function race<Result>(
  stores: readonly CacheStore[],
  call: (store: CacheStore, index: number) => Promise<Result>,
  callers = CALLERS,
): Promise<Result[]> {
  const calls = Array.from({ length: callers }, (_, index) => {
    const store = stores[index % stores.length];
    if (store === undefined) throw new Error("there is a store");
    return call(store, index);
  });
  return Promise.all(calls);
}
