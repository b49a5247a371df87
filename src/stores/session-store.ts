import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { Etag } from "../core/etag.ts";
import type { SessionKey } from "../core/ids.ts";
import type { TimeZone } from "../core/time-zone.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { RecordWatch, RecordWatchListener } from "./record-watch.ts";
import type { SessionTombstones } from "./session-tombstones.ts";
import type { UserIndex } from "./user-index.ts";

export { type Etag, hasEtag } from "../core/etag.ts";

/**
 * Answer of a conditional write. Exactly one of the three is true at the moment the store decides.
 */
export type CommitResult =
  | { readonly status: "committed" }
  /** Another version is in the store; nothing was changed. */
  | { readonly status: "conflict"; readonly record: string }
  /** There is no record, or it has expired; nothing was changed. */
  | { readonly status: "gone" };

/** Answer of {@link SessionStore.readWithTtl}. */
export interface RecordWithTtl {
  readonly record: string;
  /** Time to live from now, more than 0. */
  readonly ttl: Milliseconds;
}

/** Progress of {@link SessionStore.clearExpired}. */
export interface ClearProgress {
  /** Records deleted so far. */
  readonly cleared: number;
  /** Sessions moved so far, if the store is moving them into a cache. */
  readonly moved?: number;
}

/** Answer of {@link SessionStore.create}. */
export type CreateResult = { readonly status: "created" } | { readonly status: "exists" };

/**
 * Keeps session records. A record is text (UTF-8 if the engine keeps bytes), opaque to the store
 * except for the place of its etag.
 *
 * - Unknown, expired and deleted look the same: `undefined` or `"gone"`.
 * - Every method decides at one instant inside the engine; a check followed by a write is not an
 *   implementation.
 * - `ttl` is the time to live from now, in milliseconds, and is at least 1: `delete` removes a
 *   record.
 * - The deadline is absolute. A method that cannot answer in time throws
 *   {@link StoreConnectionError}.
 * - Failures are {@link StoreConnectionError} and {@link StoreServiceError}, whose `outcome` says
 *   whether the write may have happened. Nothing else is thrown, and no failure looks like an
 *   absent record.
 * - Keys have been checked: 32 characters of `[a-z0-9]`.
 *
 * `describeSessionStore` of `sojourn/testing` is this contract as a test suite.
 */
export interface SessionStore {
  /** The engine's name, as in `stores/<name>`. */
  readonly name: string;

  /**
   * Whether an etag may be the whole record, with any characters. Required by
   * `sessions.format: "django-cache"`.
   *
   * @defaultValue `false`
   */
  readonly comparesWholeRecords?: boolean;

  /** Index of users, if the engine can keep one: sessions can be listed and revoked by user. */
  readonly users?: UserIndex | undefined;

  /**
   * Tombstones of keys that have moved or ended, if the engine can share them between processes.
   * Without them each process has its own memory of them, and `createSojourn` warns.
   */
  readonly tombstones?: SessionTombstones | undefined;

  /** Reads a live record. */
  read(key: SessionKey, deadline: Deadline): Promise<string | undefined>;

  /**
   * Reads a live record and its remaining time to live. Optional: `cachedDbSessionStore()` needs it
   * of the store that it copies from.
   */
  readWithTtl?(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined>;

  /**
   * Reads many records, at most some hundreds, in fewer steps than {@link readWithTtl} would.
   * Optional: used to move sessions into a cache.
   *
   * @returns In the order of the keys.
   */
  readManyWithTtl?(
    keys: readonly SessionKey[],
    deadline: Deadline,
  ): Promise<readonly (RecordWithTtl | undefined)[]>;

  /** Stores a record under a key that has none. An existing record stays, with its time to live. */
  create(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult>;

  /**
   * Replaces a record and its time to live, if the stored record is still the version of the etag.
   */
  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult>;

  /** Sets only the time to live, if the stored record is still the version of the etag. */
  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult>;

  /** Deletes a record. @returns Whether there was a live one. */
  delete(key: SessionKey, deadline: Deadline): Promise<boolean>;

  /**
   * Deletes many records, at most some hundreds, in fewer steps than {@link delete} would.
   * Optional: used by revocations, and to move sessions into a cache.
   *
   * @returns The keys of those that were live.
   */
  deleteMany?(keys: readonly SessionKey[], deadline: Deadline): Promise<readonly SessionKey[]>;

  /** Deletes a record, if it is still the version of the etag. */
  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult>;

  /**
   * Walks all keys that are in the store during the whole walk; others may or may not be included.
   * No key comes twice.
   *
   * @param pageDeadline Makes the deadline of each page, so that a long walk is bounded step by
   * step.
   */
  scan(pageDeadline: () => Deadline): AsyncIterable<SessionKey>;

  /** Resolves when the engine answers. */
  ping(deadline: Deadline): Promise<void>;

  /**
   * Deletes expired records if the engine does not do so itself, in steps short enough not to delay
   * other callers.
   *
   * @param pageDeadline Makes the deadline of each step.
   * @param onProgress Called after each step.
   * @returns Number of deleted records.
   */
  clearExpired(pageDeadline: () => Deadline, onProgress?: (progress: ClearProgress) => void): Promise<number>;

  /**
   * Begins to report the ends of records. Optional: without it, `sessions.watch()` reads the watched
   * records now and then.
   *
   * @returns `undefined` if the engine can do so, but not as it is set up.
   */
  watch?(listener: RecordWatchListener): RecordWatch | undefined;

  /** Releases the store's own resources (connections belong to the registry). */
  close(): Promise<void>;
}

/** Format of records; see `sessions.format`. */
export type RecordFormat = "django" | "json" | "django-cache";

/** Settings that a store shares with the rest of the application. */
export interface StoreContext {
  /** First segment of the Redis keys. */
  readonly projectName: string;
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** Format of records; `undefined` for a store that is not made for sessions. */
  readonly format?: RecordFormat | undefined;
  /** Time zone of Django with `USE_TZ = False`; `undefined`: `USE_TZ = True`. */
  readonly timeZone?: TimeZone | undefined;
}

/** Result of `redisSessionStore()` and its like: makes the store once the settings are complete. */
export type SessionStoreFactory = (context: StoreContext) => SessionStore;
