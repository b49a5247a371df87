import assert from "node:assert/strict";

import type { Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import type { CacheEntry, CacheStore } from "../../stores/cache-store.ts";

/** What a test of the contract works with. */
export interface CacheContractContext {
  readonly store: CacheStore;
  /** What the keys of this test begin with: no other test has it. It ends in a letter. */
  readonly prefix: string;
  /** A fresh key. */
  readonly key: string;
  /** Time to live of entries that {@link expire} lets expire. */
  readonly shortTtl: Milliseconds;
  readonly expire: () => Promise<void>;
}

/** One promise of the contract. */
export type CacheContractTest = (context: CacheContractContext) => Promise<void>;

/** A time to live that no test outlasts. */
export const LONG_TTL: Milliseconds = 60_000;

/** A deadline that no test reaches. */
export const later = (): Deadline => new Deadline(30_000);

/** Stores one entry, whatever is there. */
export async function put(
  store: CacheStore,
  key: string,
  value: string,
  ttl: Milliseconds | null = LONG_TTL,
): Promise<void> {
  assert.deepEqual(await store.setMany([{ key, value, ttl }], "always", later()), [true]);
}

/** Reads one value. */
export async function read(store: CacheStore, key: string): Promise<string | undefined> {
  const values = await store.getMany([key], later());
  assert.equal(values.length, 1);
  return values[0];
}

/** Every method sees no entry under the key, and creates none. */
export async function assertMissing(store: CacheStore, key: string): Promise<void> {
  assert.equal(await read(store, key), undefined);
  assert.equal(await store.ttl(key, later()), undefined);
  assert.equal(await store.touch(key, LONG_TTL, later()), false);
  assert.equal(await store.touch(key, null, later()), false);
  assert.deepEqual(await store.incr(key, 1n, later()), { status: "missing" });
  assert.deepEqual(await store.setMany([{ key, value: "1", ttl: LONG_TTL }], "if-present", later()), [false]);
  assert.equal(await store.deleteMany([key], later()), 0);
  assert.equal(await read(store, key), undefined);
}

/** It fails with an error that says that nothing was sent. */
export async function assertNotSent(operation: Promise<unknown>): Promise<void> {
  await assert.rejects(operation, (error: unknown) => {
    assert.ok(error instanceof StoreConnectionError, `expected a StoreConnectionError, got ${String(error)}`);
    assert.equal(error.outcome, "not-sent");
    return true;
  });
}

/** Entries `{prefix}0` and so on, with their number as value. */
export function numbered(prefix: string, count: number): CacheEntry[] {
  return Array.from({ length: count }, (_, index) => ({ key: prefix + index, value: `v${index}`, ttl: LONG_TTL }));
}

/** All that an iterable yields. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** How many entries `clear` says it has deleted. */
export async function countCleared(store: CacheStore, keyPrefix: string): Promise<number> {
  const pages = await collect(store.clear(keyPrefix, later));
  return pages.reduce((sum, deleted) => sum + deleted, 0);
}
