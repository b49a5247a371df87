import assert from "node:assert/strict";

import type { Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";

/** Store, key and times for a test of the contract. */
export interface ContractContext {
  readonly store: SessionStore;
  /** A fresh key. */
  readonly key: SessionKey;
  /** Time to live of records that {@link expire} lets expire. */
  readonly shortTtl: Milliseconds;
  readonly expire: () => Promise<void>;
  /** Whether the store can list its keys. */
  readonly hasScan: boolean;
}

/** One guarantee of the contract. */
export type ContractTest = (context: ContractContext) => Promise<void>;

/** Guarantees of the contract by their titles. */
export type ContractTests = Readonly<Record<string, ContractTest>>;

/** Time to live that outlasts every test. */
export const LONG_TTL: Milliseconds = 60_000;

/** Two records with the form of signed ones, and their etags: the last 43 bytes. */
export const A_RECORD = "eyJhIjoxfQ:1tJ8Zq:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
export const B_RECORD = "eyJhIjoyfQ:1tJ8Zr:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
export const A_ETAG: Etag = { start: -43, text: A_RECORD.slice(-43) };
export const B_ETAG: Etag = { start: -43, text: B_RECORD.slice(-43) };

/** Returns a deadline that no test reaches. */
export const later = (): Deadline => new Deadline(30_000);

/** Asserts that a store which can list its keys lists these, and no other. */
export async function assertListed(
  { store, hasScan }: Pick<ContractContext, "store" | "hasScan">,
  keys: readonly SessionKey[],
): Promise<void> {
  if (hasScan) assert.deepEqual((await collectKeys(store)).toSorted(), keys.toSorted());
}

/** Asserts that no method sees a record under the key. */
export async function assertAbsent(store: SessionStore, key: SessionKey): Promise<void> {
  assert.equal(await store.read(key, later()), undefined);
  assert.deepEqual(await store.commit(key, B_RECORD, A_ETAG, LONG_TTL, later()), { status: "gone" });
  assert.deepEqual(await store.touch(key, A_ETAG, LONG_TTL, later()), { status: "gone" });
  assert.deepEqual(await store.deleteIfMatch(key, A_ETAG, later()), { status: "gone" });
  assert.equal(await store.delete(key, later()), false);
  assert.equal(await store.read(key, later()), undefined);
}

/**
 * Asserts that the etag matches the record in each method, and that one with another last character
 * does not.
 */
export async function assertEtagWorks(
  store: SessionStore,
  key: SessionKey,
  record: string,
  etag: Etag,
): Promise<void> {
  const wrong = { start: etag.start, text: `${etag.text.slice(0, -1)}#` };
  const conflict = { status: "conflict", record };
  const committed = { status: "committed" };
  await store.create(key, record, LONG_TTL, later());
  assert.deepEqual(await store.touch(key, wrong, LONG_TTL, later()), conflict);
  assert.deepEqual(await store.commit(key, "x", wrong, LONG_TTL, later()), conflict);
  assert.deepEqual(await store.deleteIfMatch(key, wrong, later()), conflict);
  assert.deepEqual(await store.touch(key, etag, LONG_TTL, later()), committed);
  assert.deepEqual(await store.commit(key, record, etag, LONG_TTL, later()), committed);
  assert.deepEqual(await store.deleteIfMatch(key, etag, later()), committed);
}

/** Asserts that an operation fails with an error that says that nothing was sent. */
export async function assertNotSent(operation: Promise<unknown>): Promise<void> {
  await assert.rejects(operation, (error: unknown) => {
    assert.ok(error instanceof StoreConnectionError, `expected a StoreConnectionError, got ${String(error)}`);
    assert.equal(error.outcome, "not-sent");
    return true;
  });
}

/** Creates records under fresh keys. */
export async function createMany(store: SessionStore, count: number): Promise<SessionKey[]> {
  const keys = Array.from({ length: count }, newSessionKey);
  await Promise.all(keys.map((key) => store.create(key, A_RECORD, LONG_TTL, later())));
  return keys;
}

/** Deletes some records, creates some of them again, and others besides. */
export async function rewriteSome(store: SessionStore, keys: readonly SessionKey[]): Promise<void> {
  await Promise.all(keys.map((key) => store.delete(key, later())));
  await Promise.all(keys.slice(10).map((key) => store.create(key, B_RECORD, LONG_TTL, later())));
  await createMany(store, 20);
}

/** Collects the keys that a scan yields, in its order. */
export async function collectKeys(
  store: SessionStore,
  pageDeadline: () => Deadline = later,
): Promise<SessionKey[]> {
  const keys: SessionKey[] = [];
  for await (const key of store.scan(pageDeadline)) keys.push(key);
  return keys;
}
