import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { RedisRegistry } from "../redis/registry.ts";

/**
 * What a store can do beyond the rest of {@link CacheStore}. A cache feature that needs more than its store has is
 * refused with `ImproperlyConfigured`, and the method behind it is never called.
 */
export interface CacheStoreCapabilities {
  /** `incr` is one step inside the engine. Needed by `incr` and `decr`. */
  readonly atomicIncrement: boolean;
  /** Keys can be walked: `scan` and `clear` work. */
  readonly scan: boolean;
  /** An entry can be replaced if it still is the version that was read. No store has it yet. */
  readonly compareAndSet: boolean;
  /** A missing entry can be leased to the one caller who loads it, across processes. No store has it yet. */
  readonly leases: boolean;
}

/** What is stored under a key. */
export interface CacheEntry {
  readonly key: string;
  readonly value: string;
  /** Time to live from now, more than 0; `null` is no expiry. */
  readonly ttl: Milliseconds | null;
}

/** When an entry is stored: whatever is there, only where nothing is, or only over an entry. */
export type SetCondition = "always" | "if-absent" | "if-present";

/** Answer of {@link CacheStore.incr}. Exactly one of the three is true at the moment the store decides. */
export type IncrementResult =
  | { readonly status: "incremented"; readonly value: bigint }
  /** There is no entry, or it has expired; none was created. */
  | { readonly status: "missing" }
  /** The value is no integer in canonical digits, or the sum leaves 64 bits; nothing was changed. */
  | { readonly status: "not-integer" };

/**
 * Keeps the entries of caches. A value is text (UTF-8 where the engine keeps bytes) that the store never looks into, but
 * for the digits that `incr` counts with.
 *
 * - Unknown, expired, evicted and deleted look the same: `undefined`, `false` or `"missing"`.
 * - Each key is decided at one instant inside the engine; a check followed by a write is not an implementation. The keys
 *   of one call are decided independently.
 * - A call takes any number of keys and splits them as its engine needs; none at all costs nothing.
 * - The deadline is absolute and holds for the whole call, however many keys it has. A method that cannot answer in time
 *   throws {@link StoreConnectionError}.
 * - Failures are {@link StoreConnectionError} and {@link StoreServiceError}. `outcome: "not-sent"` says that nothing of the
 *   call was written; when a part was, it is `"unknown"`. Nothing else is thrown, and no failure looks like a miss.
 * - Keys are well-formed text of at least one character, of any other form. A store may drop entries to stay within its
 *   bounds.
 *
 * `describeCacheStore` of `sojourn/testing` is this contract as a test suite.
 */
export interface CacheStore {
  /** The engine's name, as in `stores/<name>`. */
  readonly name: string;

  readonly capabilities: CacheStoreCapabilities;

  /** Reads live values, in the order of the keys. */
  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (string | undefined)[]>;

  /**
   * Stores entries, each with its own time to live, which replaces the one before.
   *
   * @returns Which were stored, in their order.
   */
  setMany(entries: readonly CacheEntry[], condition: SetCondition, deadline: Deadline): Promise<readonly boolean[]>;

  /** Deletes entries. @returns How many live ones there were. */
  deleteMany(keys: readonly string[], deadline: Deadline): Promise<number>;

  /** Sets the time to live of an entry; `null` is no expiry. @returns Whether there is one. */
  touch(key: string, ttl: Milliseconds | null, deadline: Deadline): Promise<boolean>;

  /** What is left of an entry's time to live: `null` when it does not expire, `undefined` when there is none. */
  ttl(key: string, deadline: Deadline): Promise<Milliseconds | null | undefined>;

  /**
   * Adds to an integer and keeps its time to live.
   *
   * @param delta Fits into 64 bits.
   */
  incr(key: string, delta: bigint, deadline: Deadline): Promise<IncrementResult>;

  /**
   * Walks all keys with a prefix that are in the store during the whole walk; others may or may not come. No key comes
   * twice.
   *
   * @param prefix Taken as it is, whatever characters it has.
   * @param pageDeadline Makes the deadline of each page, so that a long walk is bounded step by step.
   */
  scan(prefix: string, pageDeadline: () => Deadline): AsyncIterable<string>;

  /**
   * Deletes all entries of one cache, page by page: those with keys of the form `{keyPrefix}:{integer}:{anything}`
   * ({@link isCacheKey}), and nothing else. What is written meanwhile may stay.
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
}

/** What `redisCacheStore()` and its like return: the store is made when the settings are complete. */
export type CacheStoreFactory = (context: CacheStoreContext) => CacheStore;

/** Whether a key is one of the cache with this prefix: `{keyPrefix}:{version}:{anything}`, Django's layout. */
export function isCacheKey(key: string, keyPrefix: string): boolean {
  return key.startsWith(`${keyPrefix}:`) && VERSION_AND_COLON.test(key.slice(keyPrefix.length + 1));
}

const VERSION_AND_COLON = /^-?\d+:/;
