import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { StoreServiceError } from "../core/errors.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { StoredValue } from "./stored-value.ts";
import type { ChangeListener, TrackedReads } from "./tracked-reads.ts";

export type { StoredValue };

/**
 * Optional abilities of a {@link CacheStore}. A cache feature that needs a missing one is refused
 * with `ImproperlyConfigured`, and the method behind it is never called.
 */
export interface CacheStoreCapabilities {
  /** `incr` is one step inside the engine. Needed by `incr` and `decr`, and by rate limits. */
  readonly atomicIncrement: boolean;
  /** Keys can be walked: `scan` and `clear` work. */
  readonly scan: boolean;
  /** An entry can be replaced if it has the value that was read. Needed by sessions in a cache. */
  readonly compareAndSet: boolean;
  /** A missing entry can be leased to one loading caller: `lease`, `fill` and `release` work. */
  readonly leases: boolean;
  /**
   * A lock can be held by one caller at a time: `acquireLock` and its like work. Needed by locks.
   */
  readonly locks: boolean;
}

/** Key and value of an entry. */
export interface CacheEntry extends NewValue {
  readonly key: string;
}

/** A value and its time to live. */
export interface NewValue {
  readonly value: StoredValue;
  /** Time to live from now, more than 0; `null` is no expiry. */
  readonly ttl: Milliseconds | null;
}

/** Beginning of an entry and its remaining time to live; `null` if it does not expire. */
export interface EntryHead {
  readonly head: StoredValue;
  readonly ttl: Milliseconds | null;
}

/** When an entry is stored: always, only if the key has none, or only if it has one. */
export type SetCondition = "always" | "if-absent" | "if-present";

/** Options of {@link CacheStore.incr}. */
export interface IncrementOptions {
  /**
   * Stored as it is, in the same step, if there is no entry; nothing is added to it. An integer in
   * canonical digits.
   *
   * @defaultValue nothing is stored
   */
  readonly begin?: NewValue | undefined;
  /** Lower bound of the result, whatever is added. @defaultValue no bound */
  readonly least?: bigint | undefined;
}

/** Answer of {@link CacheStore.incr}. Exactly one of them is true at the moment of decision. */
export type IncrementResult =
  | { readonly status: "incremented"; readonly value: bigint }
  /** There is no entry, or it has expired, and no `begin` was given. */
  | { readonly status: "missing" }
  /**
   * The value is no integer in canonical digits, or the sum leaves 64 bits; nothing was changed.
   */
  | { readonly status: "not-integer" };

/** A caller's right to load an entry, and the value that the load replaces. */
export interface Lease {
  readonly key: string;
  /** Names the loading caller: no other lease has it. */
  readonly token: string;
  /**
   * Value that the loading caller found under the key and is going to replace, whole or its
   * beginning; `undefined` if there was none. Any other value counts as newer.
   */
  readonly expected: StoredValue | undefined;
}

/** Answer of {@link CacheStore.lease}. */
export type LeaseResult =
  /** The caller holds the lease for the requested time. */
  | { readonly status: "leased" }
  /**
   * Another caller is loading. `ended` grows with each load of the key that ends without a value
   * while others wait for it.
   */
  | { readonly status: "busy"; readonly ended: number }
  /** The key has another value than the expected one; a lease with the caller's token has ended. */
  | { readonly status: "found"; readonly value: StoredValue };

/** Answer of {@link CacheStore.fill}. */
export type FillResult =
  | { readonly status: "stored" }
  /** The lease is gone, or the key was written to meanwhile. `value` is the current value. */
  | { readonly status: "superseded"; readonly value: StoredValue | undefined }
  /**
   * The engine cannot store it for the moment, as `error` explains. The key is as it was, and the
   * lease has ended.
   */
  | { readonly status: "unstored"; readonly error: StoreServiceError };

/**
 * Time after a lock's expiry for which the fencing token of its last holder is remembered, so that
 * the next one is greater even if the server's clock has fallen behind by then: 1 hour.
 */
export const FENCE_AFTERLIFE: Milliseconds = 3_600_000;

/**
 * Maximum time of a lease per request. A store keeps each lease for so long: an expired one still
 * belongs to its holder until another caller takes it, since a loader that blocks the event loop
 * keeps its lease from being renewed.
 */
export const MAX_LEASE: Milliseconds = 30_000;

/** Time for which waiting callers learn of a load without a value: ten times their sleep. */
export const ENDED_TTL: Milliseconds = 2000;

/**
 * Keeps the entries of caches. The store treats values as opaque, except that `incr` reads digits
 * and values are compared.
 *
 * - Unknown, expired, evicted and deleted look the same: `undefined`, `false` or `"missing"`.
 * - Each key is decided at one instant inside the engine; a check followed by a write is not an
 *   implementation. The keys of one call are decided independently.
 * - A call takes any number of keys and splits them as its engine needs; none at all costs nothing.
 * - The deadline is absolute and holds for the whole call, however many keys it has. A method that
 *   cannot answer in time throws {@link StoreConnectionError}.
 * - Failures are {@link StoreConnectionError} and {@link StoreServiceError}. `outcome: "not-sent"`
 *   says that nothing of the call was written; when a part was, it is `"unknown"`. Nothing else is
 *   thrown, and no failure looks like a miss.
 * - Keys are well-formed text of at least one character, in any other respect arbitrary. A store
 *   may drop entries to stay within its bounds, except counters and locks.
 * - Values are read as all text or all bytes, as {@link CacheStoreContext.values} asks, however
 *   they were written: text is kept as UTF-8.
 *
 * `describeCacheStore` of `sojourn/testing` is this contract as a test suite.
 */
export interface CacheStore {
  /** The engine's name, as in `stores/<name>`. */
  readonly name: string;

  readonly capabilities: CacheStoreCapabilities;

  /**
   * The store whose values this one keeps in this process, for reads that have to see every write
   * acknowledged before them, as those of sessions.
   *
   * @defaultValue the store itself
   */
  readonly authority?: CacheStore;

  /**
   * Opens reads whose keys' later changes are reported. Left out if the engine cannot report them;
   * `tieredCacheStore` needs it.
   *
   * @returns `undefined` if this connection to the engine cannot.
   */
  track?(listener: ChangeListener): TrackedReads | undefined;

  /** Reads a live value. */
  get(key: string, deadline: Deadline): Promise<StoredValue | undefined>;

  /**
   * Reads a live value without waiting, and so without a deadline. For a store with entries in this
   * process: where it is there, a cache calls it before {@link get}, which costs twice as much.
   *
   * @returns `undefined` if there is no such entry; `null` if only {@link get} can tell.
   */
  getSync?(key: string): StoredValue | undefined | null;

  /** Reads live values, in the order of the keys. */
  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]>;

  /** Stores an entry; its time to live replaces the one before. @returns Whether it was stored. */
  set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean>;

  /**
   * Stores entries, each with its own time to live, which replaces the one before.
   *
   * @returns Whether each was stored, in the order of the entries.
   */
  setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]>;

  /**
   * Stores each value if its key has none; an existing value stays, and lives at least as long as
   * the new one would have. Leases stay.
   *
   * @returns The values stored then, in the order of the entries.
   */
  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]>;

  /**
   * Deletes entries, and ends the leases on their keys first.
   *
   * @returns Number of live entries deleted.
   */
  deleteMany(keys: readonly string[], deadline: Deadline): Promise<number>;

  /**
   * Reads and deletes entries, and ends the leases on their keys, each entry in one step: of
   * concurrent callers, one gets it.
   *
   * @returns The deleted values, in the order of the keys.
   */
  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]>;

  /**
   * Sets the time to live of entries; `null` is no expiry.
   *
   * @returns Whether each exists, in their order.
   */
  touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]>;

  /**
   * {@link touchMany} for entries without a head. The head of an entry is a `~` at its beginning
   * and everything up to and including the first line end. An entry with a head is left as it is.
   *
   * @returns Whether each exists, or its head, in their order.
   */
  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]>;

  /**
   * Replaces the head of an entry, and sets its time to live, if it begins with the expected head.
   * The rest of its value stays as it is. Leases stay.
   *
   * @param next The new head, with the time to live of the entry.
   * @returns Whether it began with the expected head.
   */
  replaceHead(key: string, head: StoredValue, next: NewValue, deadline: Deadline): Promise<boolean>;

  /**
   * Returns the remaining time to live of entries, at least 1: `null` for one that does not expire,
   * `undefined` for a missing one.
   */
  ttlMany(keys: readonly string[], deadline: Deadline): Promise<readonly (Milliseconds | null | undefined)[]>;

  /**
   * Adds to an integer and keeps its time to live.
   *
   * A counter is not dropped to make room for other entries until it expires or its key is
   * overwritten. A store with no room for another counter refuses it with
   * {@link StoreServiceError}.
   *
   * @param delta Fits into 64 bits.
   */
  incr(key: string, delta: bigint, deadline: Deadline, options?: IncrementOptions): Promise<IncrementResult>;

  /**
   * Replaces an entry if it has the expected value.
   *
   * @param next `undefined` deletes it.
   * @returns Whether it had the expected value.
   */
  compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean>;

  /**
   * Takes the lease on a key, or extends it if the caller holds it already.
   *
   * A lease gives one caller of all processes the right to load an entry. It ends by `fill`, by
   * `release` and when the key is deleted or taken. After it expires, others can take it; until one
   * does, it still belongs to its holder, for {@link MAX_LEASE} in all.
   *
   * @param ttl From now, at most {@link MAX_LEASE}.
   */
  lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult>;

  /**
   * Extends a lease. One that has ended, or that another caller has taken, is not taken again; one
   * on a key that has been written to ends.
   *
   * @param ttl As for {@link lease}.
   * @returns Whether the caller still holds it.
   */
  renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean>;

  /**
   * Stores a loaded value if the caller still holds the lease and the key has not been written to
   * since it was taken. The lease ends in any case.
   */
  fill(lease: Lease, entry: NewValue, deadline: Deadline): Promise<FillResult>;

  /**
   * Ends a lease without a value if the caller still holds it. Waiting callers learn of it.
   *
   * @returns Whether the caller held it: if not, the key may have been deleted since it was taken.
   */
  release(lease: Lease, deadline: Deadline): Promise<boolean>;

  /**
   * Takes a lock that is free.
   *
   * Locks are not entries: writing and deleting under the same key does not affect them, no walk
   * yields them, and they are never dropped to make room. A store with no room for another lock
   * refuses it with {@link StoreServiceError}.
   *
   * @param token Names the holder: no other one has it. Not empty.
   * @param ttl Time from now until the lock is free again, more than 0.
   * @returns The fencing token, a whole number below 2^53, greater than those of all earlier
   * holders of this lock; `undefined` if another caller has the lock.
   */
  acquireLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<number | undefined>;

  /**
   * Sets the time until a lock is free again, if the token is its holder's.
   *
   * @returns Whether it is.
   */
  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean>;

  /** Frees a lock, if the token is its holder's. @returns Whether it was. */
  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean>;

  /** Returns the token of a lock's holder; `undefined` if it is free. */
  lockHolder(key: string, deadline: Deadline): Promise<string | undefined>;

  /**
   * Walks all keys with a prefix that are in the store during the whole walk; others may or may not
   * be included. No key comes twice.
   *
   * @param prefix Taken literally, whatever characters it has.
   * @param pageDeadline Makes the deadline of each page, so that a long walk is bounded step by
   * step.
   */
  scan(prefix: string, pageDeadline: () => Deadline): AsyncIterable<string>;

  /**
   * Deletes all entries of one cache, page by page, and ends the leases on their keys and on its
   * missing ones: those with keys of the form `{keyPrefix}:{integer}:{anything}`
   * ({@link isCacheKey}), and nothing else. Entries written meanwhile may stay.
   *
   * @param keyPrefix Taken literally. Not empty.
   * @returns After each page, the number of entries that it deleted.
   */
  clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncIterable<number>;

  /** Resolves when the engine answers. */
  ping(deadline: Deadline): Promise<void>;

  /** Releases the store's own resources (connections belong to the registry). */
  close(): Promise<void>;
}

/** Settings that a store shares with the rest of the application. */
export interface CacheStoreContext {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** Form in which values are read. @defaultValue `"text"` */
  readonly values?: "text" | "bytes";
}

/** Result of `redisCacheStore()` and its like: makes the store once the settings are complete. */
export type CacheStoreFactory = (context: CacheStoreContext) => CacheStore;

/**
 * Returns whether a key belongs to the cache with this prefix: `{keyPrefix}:{version}:{anything}`,
 * Django's layout.
 */
export function isCacheKey(key: string, keyPrefix: string): boolean {
  return key.startsWith(`${keyPrefix}:`) && VERSION_AND_COLON.test(key.slice(keyPrefix.length + 1));
}

const VERSION_AND_COLON = /^-?\d+:/;
