import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { StoreServiceError } from "../core/errors.ts";
import type { RedisRegistry } from "../redis/registry.ts";

/** What is kept under a key: text, or bytes where the cache compresses. */
export type StoredValue = string | Uint8Array;

/**
 * What a store can do beyond the rest of {@link CacheStore}. A cache feature that needs more than its store
 * has is refused with `ImproperlyConfigured`, and the method behind it is never called.
 */
export interface CacheStoreCapabilities {
  /** `incr` is one step inside the engine. Needed by `incr` and `decr`, and by rate limits. */
  readonly atomicIncrement: boolean;
  /** Keys can be walked: `scan` and `clear` work. */
  readonly scan: boolean;
  /** An entry can be replaced if it still has the value that was read. Needed by sessions in a cache. */
  readonly compareAndSet: boolean;
  /** A missing entry can be leased to the one caller who loads it: `lease`, `fill` and `release` work. */
  readonly leases: boolean;
  /** One caller of all can have a lock: `acquireLock` and its like work. Needed by locks. */
  readonly locks: boolean;
}

/** What is stored under a key. */
export interface CacheEntry extends NewValue {
  readonly key: string;
}

/** A value and how long it lives. */
export interface NewValue {
  readonly value: StoredValue;
  /** Time to live from now, more than 0; `null` is no expiry. */
  readonly ttl: Milliseconds | null;
}

/** What an entry begins with, and what is left of its time to live; `null` when it does not expire. */
export interface EntryHead {
  readonly head: StoredValue;
  readonly ttl: Milliseconds | null;
}

/** When an entry is stored: whatever is there, only where nothing is, or only over an entry. */
export type SetCondition = "always" | "if-absent" | "if-present";

/** How {@link CacheStore.incr} counts. */
export interface IncrementOptions {
  /**
   * What is stored, in the same step, where there is no entry; nothing is added to it. An integer in canonical
   * digits. @defaultValue nothing is stored
   */
  readonly begin?: NewValue | undefined;
  /** The entry is not left with less than this, whatever is added. @defaultValue no bound */
  readonly least?: bigint | undefined;
}

/** Answer of {@link CacheStore.incr}. Exactly one of the three is true at the moment the store decides. */
export type IncrementResult =
  | { readonly status: "incremented"; readonly value: bigint }
  /** There is no entry, or it has expired, and nothing was given to begin one with. */
  | { readonly status: "missing" }
  /** The value is no integer in canonical digits, or the sum leaves 64 bits; nothing was changed. */
  | { readonly status: "not-integer" };

/** Who loads an entry, and what the load replaces. */
export interface Lease {
  readonly key: string;
  /** Names the one who loads: no other lease has it. */
  readonly token: string;
  /**
   * What the one who loads has found under the key and is going to replace, whole or the beginning of it;
   * `undefined` where nothing was. Any other value counts as newer.
   */
  readonly expected: StoredValue | undefined;
}

/** Answer of {@link CacheStore.lease}. */
export type LeaseResult =
  /** The lease is the caller's, for the time that was asked for. */
  | { readonly status: "leased" }
  /**
   * Another caller is loading. `ended` grows with each load of the key that ends without a value while others
   * wait for it.
   */
  | { readonly status: "busy"; readonly ended: number }
  /** The key has another value than the one that was seen; a lease with the caller's token has ended. */
  | { readonly status: "found"; readonly value: StoredValue };

/** Answer of {@link CacheStore.fill}. */
export type FillResult =
  | { readonly status: "stored" }
  /** The lease is gone, or the key was written to meanwhile. `value` is what is there now. */
  | { readonly status: "overruled"; readonly value: StoredValue | undefined }
  /**
   * The engine cannot store it for the moment, as `error` tells. The key is as it was, and the lease has
   * ended.
   */
  | { readonly status: "unstored"; readonly error: StoreServiceError };

/**
 * For how long after a lock's life the fencing token of its last holder is remembered, so that the next one is
 * greater even where the clock of the server is behind by then: 1 hour.
 */
export const FENCE_AFTERLIFE: Milliseconds = 3_600_000;

/**
 * The longest that a lease can be asked for at once. A store keeps each for so long: one whose time is over is
 * still its holder's, as long as nobody else takes it, since a loader that blocks the event loop keeps its
 * lease from being renewed.
 */
export const MAX_LEASE: Milliseconds = 30_000;

/** For how long waiting callers can hear that a load has ended without a value: ten times as long as they sleep. */
export const ENDED_TTL: Milliseconds = 2000;

/**
 * Keeps the entries of caches. The store never looks into a value, but for the digits that `incr` counts with
 * and for comparing.
 *
 * - Unknown, expired, evicted and deleted look the same: `undefined`, `false` or `"missing"`.
 * - Each key is decided at one instant inside the engine; a check followed by a write is not an
 *   implementation. The keys of one call are decided independently.
 * - A call takes any number of keys and splits them as its engine needs; none at all costs nothing.
 * - The deadline is absolute and holds for the whole call, however many keys it has. A method that cannot
 *   answer in time throws {@link StoreConnectionError}.
 * - Failures are {@link StoreConnectionError} and {@link StoreServiceError}. `outcome: "not-sent"` says that
 *   nothing of the call was written; when a part was, it is `"unknown"`. Nothing else is thrown, and no
 *   failure looks like a miss.
 * - Keys are well-formed text of at least one character, of any other form. A store may drop entries to stay
 *   within its bounds, but for counters and locks.
 * - Values that are read are all text, or all bytes, as {@link CacheStoreContext.values} asks, however they
 *   were written: text is kept as UTF-8.
 *
 * `describeCacheStore` of `sojourn/testing` is this contract as a test suite.
 */
export interface CacheStore {
  /** The engine's name, as in `stores/<name>`. */
  readonly name: string;

  readonly capabilities: CacheStoreCapabilities;

  /** Reads a live value. */
  get(key: string, deadline: Deadline): Promise<StoredValue | undefined>;

  /** Reads live values, in the order of the keys. */
  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]>;

  /**
   * Stores entries, each with its own time to live, which replaces the one before.
   *
   * @returns Which were stored, in their order.
   */
  setMany(entries: readonly CacheEntry[], condition: SetCondition, deadline: Deadline): Promise<readonly boolean[]>;

  /**
   * Stores values where none is; what is there stays, and lives at least as long as its new value would have.
   * It does not end leases.
   *
   * @returns What is there then, in the order of the entries.
   */
  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]>;

  /** Deletes entries, and ends the leases on their keys first. @returns How many live entries there were. */
  deleteMany(keys: readonly string[], deadline: Deadline): Promise<number>;

  /**
   * Reads and deletes entries, and ends the leases on their keys, each entry in one step: of all who take it,
   * one gets it.
   *
   * @returns What was there, in the order of the keys.
   */
  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]>;

  /** Sets the time to live of entries; `null` is no expiry. @returns Which of them are there, in their order. */
  touchMany(keys: readonly string[], ttl: Milliseconds | null, deadline: Deadline): Promise<readonly boolean[]>;

  /**
   * {@link touchMany} of those entries that have no head. A head is what an entry begins with: a `~` and all up
   * to the first line end, that included. An entry with a head is left as it is.
   *
   * @returns Which of them are there, or their heads, in their order.
   */
  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]>;

  /**
   * Replaces the head of an entry, and sets its time to live, if it begins with the head that is expected. The
   * rest of its value stays as it is. It does not end leases.
   *
   * @param next The new head, with the time to live of the entry.
   * @returns Whether it had.
   */
  replaceHead(key: string, head: StoredValue, next: NewValue, deadline: Deadline): Promise<boolean>;

  /**
   * What is left of the time to live of entries, at least 1: `null` when one does not expire, `undefined` when there is
   * none.
   */
  ttlMany(keys: readonly string[], deadline: Deadline): Promise<readonly (Milliseconds | null | undefined)[]>;

  /**
   * Adds to an integer and keeps its time to live.
   *
   * What was counted is not dropped to make room for other entries, until its time is over or something else is
   * stored under its key. A store whose room for counters is taken refuses another one with
   * {@link StoreServiceError}.
   *
   * @param delta Fits into 64 bits.
   */
  incr(key: string, delta: bigint, deadline: Deadline, options?: IncrementOptions): Promise<IncrementResult>;

  /**
   * Replaces an entry, if it has the value that is expected.
   *
   * @param next `undefined` deletes it.
   * @returns Whether it had.
   */
  compareAndSet(key: string, expected: StoredValue, next: NewValue | undefined, deadline: Deadline): Promise<boolean>;

  /**
   * Takes the lease on a key, or keeps it for longer when the caller has it already.
   *
   * A lease says who of all processes loads an entry. It ends by `fill`, by `release` and when the key is
   * deleted or taken. When its time is over others can take it; until one does, it is still its holder's, for
   * {@link MAX_LEASE} in all.
   *
   * @param ttl From now, at most {@link MAX_LEASE}.
   */
  lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult>;

  /**
   * Lets a lease last for longer. One that has ended, or that another caller has taken, is not taken again;
   * one on a key that somebody has written to ends.
   *
   * @param ttl As for {@link lease}.
   * @returns Whether it is still the caller's.
   */
  renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean>;

  /**
   * Stores what was loaded, if the lease is still the caller's and nobody has written to the key since it was
   * taken. The lease ends in any case.
   */
  fill(lease: Lease, entry: NewValue, deadline: Deadline): Promise<FillResult>;

  /**
   * Ends a lease without a value, if it is still the caller's. Those who wait for it hear of that.
   *
   * @returns Whether it was: if not, the key may have been deleted since it was taken.
   */
  release(lease: Lease, deadline: Deadline): Promise<boolean>;

  /**
   * Takes a lock that nobody has.
   *
   * Locks are no entries: what is stored and deleted under the same key has nothing to do with them, no walk
   * comes upon them, and nothing drops them to make room. A store whose room for locks is taken refuses another
   * one with {@link StoreServiceError}.
   *
   * @param token Names the holder: no other one has it. Not empty.
   * @param ttl Time from now until the lock is free again, more than 0.
   * @returns The fencing token, a whole number below 2^53, greater than those of all holders of this lock before;
   *   `undefined` when another caller has the lock.
   */
  acquireLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<number | undefined>;

  /** Sets the time until a lock is free again, if the token is its holder's. @returns Whether it is. */
  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean>;

  /** Frees a lock, if the token is its holder's. @returns Whether it was. */
  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean>;

  /** The token of the one who has a lock; `undefined` when it is free. */
  lockHolder(key: string, deadline: Deadline): Promise<string | undefined>;

  /**
   * Walks all keys with a prefix that are in the store during the whole walk; others may or may not come. No
   * key comes twice.
   *
   * @param prefix Taken as it is, whatever characters it has.
   * @param pageDeadline Makes the deadline of each page, so that a long walk is bounded step by step.
   */
  scan(prefix: string, pageDeadline: () => Deadline): AsyncIterable<string>;

  /**
   * Deletes all entries of one cache, page by page, and ends the leases on their keys and on its missing
   * ones: those with keys of the form `{keyPrefix}:{integer}:{anything}` ({@link isCacheKey}), and nothing
   * else. What is written meanwhile may stay.
   *
   * @param keyPrefix Taken as it is. Not empty.
   * @returns After each page, how many entries it has deleted.
   */
  clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncIterable<number>;

  /** Resolves when the engine answers. */
  ping(deadline: Deadline): Promise<void>;

  /** Lets go of what the store itself has opened (connections belong to the registry). */
  close(): Promise<void>;
}

/** What a store is made from: the settings that it shares with the rest of the application. */
export interface CacheStoreContext {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** How values are to be read. @defaultValue `"text"` */
  readonly values?: "text" | "bytes";
}

/** What `redisCacheStore()` and its like return: the store is made when the settings are complete. */
export type CacheStoreFactory = (context: CacheStoreContext) => CacheStore;

/** Whether a key is one of the cache with this prefix: `{keyPrefix}:{version}:{anything}`, Django's layout. */
export function isCacheKey(key: string, keyPrefix: string): boolean {
  return key.startsWith(`${keyPrefix}:`) && VERSION_AND_COLON.test(key.slice(keyPrefix.length + 1));
}

const VERSION_AND_COLON = /^-?\d+:/;
