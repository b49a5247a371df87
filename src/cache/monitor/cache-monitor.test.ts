import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect, onTestFinished, test } from "vitest";

import { openCache, turn } from "../../../test/support/cache-harness.ts";
import type { CacheEvents } from "../index.ts";

const NAMES: readonly (keyof CacheEvents)[] = [
  "hit",
  "miss",
  "stale",
  "load",
  "loadFailed",
  "superseded",
  "corrupt",
];

/** Records the published events of caches, as `name key`. */
function listen(): string[] {
  const published: string[] = [];
  for (const name of NAMES) {
    const onMessage = (message: unknown): void => {
      const { cache, key } = message as { cache: string; key: string };
      published.push(`${cache} ${name} ${key}`);
    };
    subscribe(`sojourn:cache:${name}`, onMessage);
    onTestFinished(() => void unsubscribe(`sojourn:cache:${name}`, onMessage));
  }
  return published;
}

test("events of a cache are published on node:diagnostics_channel, emitted to listeners, and counted", async () => {
  const published = listen();
  const { cache, clock, putRaw } = openCache();
  const told: string[] = [];
  for (const name of NAMES)
    cache.on(name, (event) => told.push(`default ${name} ${(event as { key: string }).key}`));
  const options = { timeout: 10, stale: 60 } as const;
  await cache.get("a");
  await cache.getOrSet("a", () => (clock.advance(25), 1), options);
  await cache.get("a");
  clock.advance(11_000);
  await cache.getOrSet("a", () => 2, options);
  await turn();
  await cache.getOrSet("b", () => Promise.reject(new Error("down"))).catch(() => {});
  await cache.getOrSet("c", () => cache.delete("c"));
  await putRaw("shop:1:d", "hello");
  await cache.getOrSet("d", () => 1);
  expect(published).toEqual([
    "default miss a",
    "default miss a",
    "default load a",
    "default hit a",
    "default stale a",
    "default load a",
    "default miss b",
    "default loadFailed b",
    "default miss c",
    "default load c",
    "default superseded c",
    "default corrupt d",
    "default miss d",
    "default load d",
  ]);
  expect(told).toEqual(published);
  expect(cache.stats).toEqual({
    hits: 1,
    misses: 5,
    stale: 1,
    loads: 4,
    loadFailures: 1,
    loadTime: 25,
    leaseWaits: 0,
    superseded: 1,
    corrupt: 1,
    storeErrors: 0,
    forgotten: 0,
  });
});

test("stats are a snapshot", async () => {
  const { cache } = openCache();
  const before = cache.stats;
  await cache.get("a");
  expect([before.misses, cache.stats.misses]).toEqual([0, 1]);
});
