import assert from "node:assert/strict";

import type { Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import {
  type CacheEntry,
  type CacheStore,
  type FillResult,
  type Lease,
  type LeaseResult,
  MAX_LEASE,
  type StoredValue,
} from "../../stores/cache-store.ts";

/** Store, keys and times for a test of the contract. */
export interface CacheContractContext {
  /** The store with values converted to texts: see {@link withTexts}. */
  readonly store: CacheStore;
  /** The store itself. */
  readonly raw: CacheStore;
  /** Form in which its values are read. */
  readonly values: "text" | "bytes";
  /** Prefix of the keys of this test, which no other test has. It ends in a letter. */
  readonly prefix: string;
  /** A fresh key. */
  readonly key: string;
  /** Time to live of entries that {@link expire} lets expire. */
  readonly shortTtl: Milliseconds;
  readonly expire: () => Promise<void>;
}

/** One guarantee of the contract. */
export type CacheContractTest = (context: CacheContractContext) => Promise<void>;

/** Guarantees of the contract by their titles. */
export type CacheContractTests = Readonly<Record<string, CacheContractTest>>;

/** Time to live that outlasts every test. */
export const LONG_TTL: Milliseconds = 60_000;

/** Returns a deadline that no test reaches. */
export const later = (): Deadline => new Deadline(30_000);

/** Stores one entry unconditionally. */
export async function put(
  store: CacheStore,
  key: string,
  value: string,
  ttl: Milliseconds | null = LONG_TTL,
): Promise<void> {
  assert.equal(await store.set({ key, value, ttl }, "always", later()), true);
}

/** Reads one value, in all ways. */
export async function read(store: CacheStore, key: string): Promise<string | undefined> {
  const value = await store.get(key, later());
  assert.deepEqual(await store.getMany([key], later()), [value]);
  const atHand = store.getSync?.(key);
  if (store.getSync !== undefined && atHand !== null) assert.deepEqual(atHand, value);
  return value as string | undefined;
}

/** Returns the remaining time to live of one entry. */
export async function ttlOf(store: CacheStore, key: string): Promise<Milliseconds | null | undefined> {
  const ttls = await store.ttlMany([key], later());
  assert.equal(ttls.length, 1);
  return ttls[0];
}

/** Sets the time to live of one entry. */
export async function touch(
  store: CacheStore,
  key: string,
  ttl: Milliseconds | null,
): Promise<boolean | undefined> {
  const touched = await store.touchMany([key], ttl, later());
  assert.equal(touched.length, 1);
  return touched[0];
}

/** Makes a lease for a token, with no expected value by default. */
export function leaseOf(key: string, token: string, expected?: string): Lease {
  return { key, token, expected };
}

/** Asks for a lease that outlasts every test. */
export async function take(
  store: CacheStore,
  lease: Lease,
  ttl: Milliseconds = MAX_LEASE,
): Promise<LeaseResult["status"]> {
  return (await store.lease(lease, ttl, later())).status;
}

/** Fills in a value. */
export function fill(
  store: CacheStore,
  lease: Lease,
  value: StoredValue,
  ttl: Milliseconds | null = LONG_TTL,
): Promise<FillResult> {
  return store.fill(lease, { value, ttl }, later());
}

/** Asserts that no method sees an entry under the key, or creates one. */
export async function assertMissing(store: CacheStore, key: string): Promise<void> {
  assert.equal(await read(store, key), undefined);
  assert.equal(await ttlOf(store, key), undefined);
  assert.equal(await touch(store, key, LONG_TTL), false);
  assert.equal(await touch(store, key, null), false);
  assert.deepEqual(await store.takeMany([key], later()), [undefined]);
  assert.deepEqual(await store.touchHeadless([key], LONG_TTL, later()), [false]);
  assert.deepEqual(await store.touchHeadless([key], null, later()), [false]);
  assert.deepEqual(await store.incr(key, 1n, later()), { status: "missing" });
  const entry = { key, value: "1", ttl: LONG_TTL };
  assert.equal(await store.set(entry, "if-present", later()), false);
  assert.deepEqual(await store.setMany([entry], "if-present", later()), [false]);
  assert.equal(await store.deleteMany([key], later()), 0);
  assert.equal(await read(store, key), undefined);
}

/** Asserts that an operation fails with an error that says that nothing was sent. */
export async function assertNotSent(operation: Promise<unknown>): Promise<void> {
  await assert.rejects(operation, (error: unknown) => {
    assert.ok(error instanceof StoreConnectionError, `expected a StoreConnectionError, got ${String(error)}`);
    assert.equal(error.outcome, "not-sent");
    return true;
  });
}

/** Makes entries `{prefix}0` and so on, with their number as value. */
export function numbered(prefix: string, count: number): CacheEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    key: prefix + index,
    value: `v${index}`,
    ttl: LONG_TTL,
  }));
}

/** Collects the items of an iterable. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Returns the number of entries that `clear` reports as deleted. */
export async function countCleared(store: CacheStore, keyPrefix: string): Promise<number> {
  const pages = await collect(store.clear(keyPrefix, later));
  return pages.reduce((sum, deleted) => sum + deleted, 0);
}
