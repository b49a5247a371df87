import type { Milliseconds } from "../core/clock.ts";
import type { Listener } from "../core/events.ts";
import type { CacheStoreCapabilities } from "../stores/cache-store.ts";
import { type CacheContext, CacheCore } from "./cache-core.ts";
import type { CacheSettings } from "./cache-settings.ts";
import { Counters } from "./counters.ts";
import { type CacheKeySpace, keySpaceOf } from "./keys/key-space.ts";
import { LeasedEntries } from "./leased-entries.ts";
import type { LoadContext, Loader, LoadOptions } from "./load/load-options.ts";
import { type Memoized, memoize, type MemoizedValue, type MemoizeOptions } from "./load/memoize.ts";
import type { CacheLock } from "./lock/lock.ts";
import type { LockOptions } from "./lock/lock-options.ts";
import { makeLock } from "./lock/make-lock.ts";
import type { CacheEvents, CacheStats } from "./monitor/cache-events.ts";
import type { IncrOptions } from "./operations/beginnings.ts";
import { EntryVersions } from "./operations/entry-versions.ts";
import { Expiry } from "./operations/expiry.ts";
import { Increments } from "./operations/increments.ts";
import { KeyWalk } from "./operations/key-walk.ts";
import { ReadThrough } from "./operations/read-through.ts";
import { type Peek, Reads } from "./operations/reads.ts";
import type { ValuesByKey } from "./operations/values.ts";
import { Writes } from "./operations/writes.ts";
import { NO_OPTIONS } from "./options/cache-calls.ts";
import { CacheRecords } from "./records.ts";
import type {
  ClearOptions,
  ConditionalSetOptions,
  GetOptions,
  PeekOptions,
  ReadOptions,
  SetOptions,
  VersionOption,
} from "./options/cache-options.ts";
import type { Timeout } from "./options/timeouts.ts";

/**
 * A cache with Django's API in camelCase and Django's key layout. `createSojourn` makes it, as
 * `caches.default` and so on.
 *
 * - Values are JSON, unless the settings name another serializer. `undefined` is a miss, `null` a
 *   value like any other. A value that JSON cannot hold exactly is refused with `NotJsonError`
 *   before anything is written.
 * - A timeout that is a bare number is in seconds; `null` is no expiry; with 0 or less an entry
 *   expires at once.
 * - Failures of the store are thrown unchanged, as {@link StoreConnectionError} and
 *   {@link StoreServiceError}, or are misses if the settings say so.
 * - A key that is empty or not a string is a {@link CacheUsageError}.
 */
export class Cache {
  readonly #core: CacheCore;
  #leasedEntries: LeasedEntries | undefined;
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #readThrough: ReadThrough;
  readonly #expiry: Expiry;
  readonly #increments: Increments;
  readonly #versions: EntryVersions;
  readonly #keyWalk: KeyWalk;

  /** @internal Use `createSojourn`. */
  constructor(settings: CacheSettings, path: string, context: CacheContext) {
    const core = new CacheCore(settings, path, context);
    this.#core = core;
    this.#reads = new Reads(core);
    this.#writes = new Writes(core);
    this.#readThrough = new ReadThrough(core);
    this.#expiry = new Expiry(core);
    this.#increments = new Increments(core);
    this.#versions = new EntryVersions(core);
    this.#keyWalk = new KeyWalk(core);
  }

  /** Name of the engine that keeps the entries, such as `redis`. */
  get storeName(): string {
    return this.#core.store.name;
  }

  /** Capabilities of the store. */
  get capabilities(): CacheStoreCapabilities {
    return this.#core.store.capabilities;
  }

  /** Counts of this process so far. */
  get stats(): CacheStats {
    return this.#core.monitor.stats;
  }

  /** @internal For rate limits. */
  get counters(): Counters {
    return new Counters(this.#core);
  }

  /** @internal For integrations that keep records of their own. */
  get records(): CacheRecords {
    return new CacheRecords(this.#core);
  }

  /** @internal For integrations whose entries one caller at a time makes. */
  get leasedEntries(): LeasedEntries {
    this.#leasedEntries ??= new LeasedEntries(this.#core);
    return this.#leasedEntries;
  }

  /** @internal */
  get keySpace(): CacheKeySpace {
    return keySpaceOf(this.#core);
  }

  /**
   * Reads a value, built for each call.
   *
   * @returns The default on a miss. A stored `null` is no miss.
   * @throws {CacheCorruptError} When the entry cannot be read.
   */
  get<Value = unknown>(key: string, options: GetOptions<Value> & { readonly default: Value }): Promise<Value>;
  get<Value = unknown>(key: string, options?: GetOptions<Value>): Promise<Value | undefined>;
  get(key: string, options: GetOptions<unknown> = NO_OPTIONS): Promise<unknown> {
    return this.#reads.get(key, options);
  }

  /**
   * Reads several values.
   *
   * @returns The existing values by their keys, in the order of the given keys.
   * @throws {CacheCorruptError} When one of the entries cannot be read.
   */
  getMany<Value = unknown>(
    keys: Iterable<string>,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    return this.#reads.getMany(keys, options);
  }

  /**
   * Stores a value. A timeout of 0 or less deletes.
   *
   * @returns Whether it was stored: always, except with `nx` or `xx`, or if `onStoreError` is
   *   `"miss"`.
   */
  set(key: string, value: unknown, options: ConditionalSetOptions = NO_OPTIONS): Promise<boolean> {
    return this.#writes.set(key, value, options);
  }

  /**
   * Stores several values. All are checked before the first is written; then each is written
   * separately.
   *
   * @param values By their keys.
   * @returns The keys that were not stored, as in Django: none, except with `nx` or `xx`, or if
   *   `onStoreError` is `"miss"`.
   */
  setMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: ConditionalSetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    return this.#writes.setMany(values, options);
  }

  /**
   * Stores a value if there is none.
   *
   * @returns Whether there was none, even with a timeout of 0 or less, which stores nothing.
   */
  add(key: string, value: unknown, options: SetOptions = NO_OPTIONS): Promise<boolean> {
    return this.#writes.add(key, value, options);
  }

  /** Stores the values whose keys have none. @returns The keys that had none. */
  addMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: SetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    return this.#writes.addMany(values, options);
  }

  /**
   * Reads a value; on a miss, stores the given value or the loader's result.
   *
   * - Among all callers in all processes that miss the same key at the same time, one runs the
   *   loader, and the others wait for its result. In one process they also share its error, after
   *   which the next caller runs the loader again. If the loading process dies, another one takes
   *   over when its lease has expired.
   * - A write to the key while the loader runs wins, whichever process it comes from: the result is
   *   not stored. After a delete, or `invalidateTags`, only the caller that started the load still
   *   gets the result; all others load again.
   * - `undefined` from the loader is returned and not stored.
   * - An unreadable entry is a miss and is overwritten; the event `corrupt` reports it.
   * - A hit costs one GET.
   *
   * @typeParam Value Type of the value, and of `stale`, if the call states it.
   * @typeParam Loaded Type of the given value. @defaultValue that of the loader's result
   * @param valueOrLoader A value, or a function that makes it. It must not itself request the same
   *   key.
   * @throws {CacheLoadTimeoutError} After `hardTimeout`. Other errors of the loader are thrown
   *   unchanged.
   */
  getOrSet<Value, Loaded = Value>(
    key: string,
    valueOrLoader: Loaded | Loader<Loaded, Value>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Loaded> {
    return this.#readThrough.getOrSet(key, valueOrLoader, options);
  }

  /**
   * {@link getOrSet} of several keys: one read for all, one load of the missing ones, one round
   * trip to store them.
   *
   * @param load Gets the missing keys and returns their values; a key without a value does not
   *   exist.
   * @returns The values by their keys, in the order of the given keys.
   */
  getOrSetMany<Value>(
    keys: Iterable<string>,
    load: (
      missing: readonly string[],
      context: LoadContext,
    ) => ValuesByKey<Value> | Promise<ValuesByKey<Value>>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    return this.#readThrough.getOrSetMany(keys, load, options);
  }

  /**
   * Returns a function that keeps its results in this cache.
   *
   * @param load Makes the value of given arguments. To use the context of the load (`signal`,
   *   `stale`, `setTimeout`, `skip`), it returns a function that takes it:
   *   `(id: number) => ({ signal }: LoadContext) => fetchProduct(id, signal)`.
   * @param options.key Names the entry of given arguments. Different results need different keys.
   * @example
   * ```ts
   * import { createSojourn } from "sojourn";
   *
   * const { caches } = createSojourn({ projectName: "shop", secretKey: process.env.SECRET_KEY });
   * const fetchQuote = async (symbol: string) => ({ symbol, price: 1 });
   * const quote = caches.default.memoize((symbol: string) => fetchQuote(symbol), {
   *   key: (symbol) => `quote:${symbol}`,
   *   timeout: "15s",
   * });
   * await quote("AAPL");
   * await quote.delete("AAPL");
   * ```
   */
  memoize<Load extends (...args: never) => unknown>(
    load: Load,
    options: MemoizeOptions<Parameters<Load>>,
  ): Memoized<Parameters<Load>, MemoizedValue<Load>> {
    return memoize(this, load, options);
  }

  /**
   * Reads a value and deletes its entry in one step: of all concurrent callers, in all processes,
   * one gets it. For values used once, such as a token in a link. A running load of the key is
   * superseded, as by {@link delete}.
   *
   * @returns The default if there is no entry, or if it has expired or one of its tags was
   *   invalidated; such an entry is deleted too.
   * @throws {CacheCorruptError} When the entry cannot be read. It is deleted too.
   * @throws {StoreConnectionError} As {@link delete} does, whatever `onStoreError` says. With
   *   `outcome: "unknown"`, the entry may be deleted, and its value lost.
   */
  take<Value = unknown>(
    key: string,
    options: GetOptions<Value> & { readonly default: Value },
  ): Promise<Value>;
  take<Value = unknown>(key: string, options?: GetOptions<Value>): Promise<Value | undefined>;
  take(key: string, options: GetOptions<unknown> = NO_OPTIONS): Promise<unknown> {
    return this.#reads.take(key, options);
  }

  /**
   * {@link take} of several keys, each in its own step. An unreadable entry is left out and
   * deleted, and the event `corrupt` reports it: an error would lose the other values.
   *
   * @returns The values by their keys, in the order of the given keys.
   */
  takeMany<Value = unknown>(
    keys: Iterable<string>,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    return this.#reads.takeMany(keys, options);
  }

  /** Deletes an entry. @returns Whether there was one. */
  delete(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.#writes.delete(key, options);
  }

  /** Deletes several entries. @returns Number of entries deleted. */
  deleteMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.#writes.deleteMany(keys, options);
  }

  /** Returns whether an entry exists that has not expired, readable or not. */
  has(key: string, options: ReadOptions = NO_OPTIONS): Promise<boolean> {
    return this.#reads.has(key, options);
  }

  /** {@link has} of several keys. @returns The keys of the existing entries. */
  hasMany(keys: Iterable<string>, options: ReadOptions = NO_OPTIONS): Promise<Set<string>> {
    return this.#reads.hasMany(keys, options);
  }

  /**
   * Reads a value and reports where it comes from. The read counts neither as a hit nor as a miss.
   *
   * @throws {CacheCorruptError}
   */
  peek<Value = unknown>(key: string, options: PeekOptions = NO_OPTIONS): Promise<Peek<Value>> {
    return this.#reads.peek(key, options);
  }

  /**
   * Makes all entries with one of these tags misses, with one command for any number of entries. An
   * entry that is being loaded at the time is a miss from the start.
   */
  invalidateTags(tags: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<void> {
    return this.#writes.invalidateTags(tags, options);
  }

  /**
   * Sets the remaining time of an entry. A timeout of 0 or less deletes it.
   *
   * - The time for which `stale` and `staleIfError` keep the entry is added, as when it was stored.
   *   The tokens of its tags live as long.
   * - An entry that has expired, or one of whose tags was invalidated, counts as missing.
   * - If another caller writes the entry at the same time, the expiry of that write holds.
   *
   * @param timeout As in {@link SetOptions.timeout}.
   * @returns Whether there is such an entry.
   */
  touch(key: string, timeout?: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.#expiry.touch(key, timeout, options);
  }

  /** {@link touch} of several entries. @returns The keys of the existing ones. */
  touchMany(
    keys: Iterable<string>,
    timeout?: Timeout,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Set<string>> {
    return this.#expiry.touchMany(keys, timeout, options);
  }

  /**
   * Sets the remaining time of an entry: {@link touch} with a required timeout. django-redis:
   * `expire`.
   */
  expire(key: string, timeout: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.#expiry.expire(key, timeout, options);
  }

  /**
   * Sets the instant at which an entry expires. An instant in the past deletes it.
   *
   * @returns Whether there is such an entry.
   */
  expireAt(key: string, at: Date, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.#expiry.expireAt(key, at, options);
  }

  /**
   * Removes the expiry of an entry, as {@link touch} with `null`.
   *
   * @returns Whether there is such an entry, even without an expiry before.
   */
  persist(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.#expiry.persist(key, options);
  }

  /** {@link persist} of several entries. @returns The keys of the existing ones. */
  persistMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Set<string>> {
    return this.#expiry.persistMany(keys, options);
  }

  /**
   * Returns the remaining time of an entry, in seconds, rounded up; `null` without an expiry,
   * `undefined` without an entry (django-redis: `None` and 0). Includes the time for which `stale`
   * and `staleIfError` keep the entry.
   */
  ttl(key: string, options: VersionOption = NO_OPTIONS): Promise<number | null | undefined> {
    return this.#expiry.ttl(key, options);
  }

  /** {@link ttl} in milliseconds. */
  pttl(key: string, options: VersionOption = NO_OPTIONS): Promise<Milliseconds | null | undefined> {
    return this.#expiry.pttl(key, options);
  }

  /** {@link ttl} of several entries, by their keys, without the missing ones. */
  ttlMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Map<string, number | null>> {
    return this.#expiry.ttlMany(keys, options);
  }

  /** {@link ttlMany} in milliseconds. */
  pttlMany(
    keys: Iterable<string>,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Map<string, Milliseconds | null>> {
    return this.#expiry.pttlMany(keys, options);
  }

  /**
   * Adds to an integer, in one step inside the store, and keeps its time to live.
   *
   * @param delta An integer. For sums beyond 2^53 use a bigint: a number would be rounded (in the
   *   result, not in the store).
   * @returns The sum, as a number or a bigint like `delta`.
   * @throws {CacheKeyNotFoundError} When there is no entry. None is created without `initial`.
   * @throws {CacheNotIntegerError} When the entry is no integer, or the sum exceeds 64 bits. The
   *   entry is unchanged.
   */
  incr(key: string, delta: bigint, options?: IncrOptions): Promise<bigint>;
  incr(key: string, delta?: number, options?: IncrOptions): Promise<number>;
  incr(key: string, delta: number | bigint = 1, options: IncrOptions = NO_OPTIONS): Promise<number | bigint> {
    return this.#increments.incr(key, delta, options);
  }

  /** Subtracts from an integer, as {@link incr} adds. */
  decr(key: string, delta: bigint, options?: IncrOptions): Promise<bigint>;
  decr(key: string, delta?: number, options?: IncrOptions): Promise<number>;
  decr(key: string, delta: number | bigint = 1, options: IncrOptions = NO_OPTIONS): Promise<number | bigint> {
    return this.#increments.decr(key, delta, options);
  }

  /**
   * {@link incr} of several keys, each in its own step.
   *
   * @returns The sums, by their keys.
   * @throws {CacheKeyNotFoundError} When one of them has no entry. The others are increased.
   * @throws {CacheNotIntegerError} When one of them is no integer. The others are increased.
   */
  incrMany(
    keys: Iterable<string>,
    delta = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<Map<string, number>> {
    return this.#increments.incrMany(keys, delta, options);
  }

  /** {@link decr} of several keys, each in its own step. @returns The sums, by their keys. */
  decrMany(
    keys: Iterable<string>,
    delta = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<Map<string, number>> {
    return this.#increments.decrMany(keys, delta, options);
  }

  /**
   * Moves an entry to another version, with its time to live. The entry is read, written and
   * deleted in separate steps. If both versions have the same key, because of a delta of 0 or a key
   * function without the version, the entry stays.
   *
   * @returns The new version.
   * @throws {CacheKeyNotFoundError} When there is no entry.
   */
  incrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.#versions.incr(key, delta, options);
  }

  /** {@link incrVersion} in the other direction. */
  decrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.#versions.decr(key, delta, options);
  }

  /**
   * Empties the cache with one command. Entries of the previous version stay unread until they
   * expire.
   *
   * @returns The new version.
   * @throws {ImproperlyConfigured} Without the setting `sharedVersion`.
   */
  bumpVersion(): Promise<number> {
    return this.#versions.bump();
  }

  /**
   * Returns the keys of this cache and version that match a pattern, as they were given. See
   * {@link iterKeys}.
   */
  keys(pattern: string, options: VersionOption = NO_OPTIONS): Promise<string[]> {
    return this.#keyWalk.keys(pattern, options);
  }

  /**
   * Iterates over the keys of this cache and version that match a pattern, page by page, as they
   * were given. It visits all keys of the store, so it is for maintenance, not for requests; each
   * page has its own deadline.
   *
   * @param pattern In Redis's glob style: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` to escape the
   *   next character. As in Redis, it works on the bytes of UTF-8: `?` is one byte, and `é` has
   *   two. Every well-formed string is a pattern; the time to match a key is at most proportional
   *   to its length times that of the pattern.
   * @throws {ImproperlyConfigured} When the store cannot walk its keys.
   * @throws {CacheUsageError} With a key function of your own, and for a pattern with a lone
   *   surrogate.
   */
  iterKeys(pattern: string, options: VersionOption = NO_OPTIONS): AsyncGenerator<string, void, undefined> {
    return this.#keyWalk.iterate(pattern, options);
  }

  /**
   * Deletes the entries whose keys match a pattern. See {@link iterKeys}. An entry that is still
   * being loaded is not deleted.
   *
   * @returns Number of entries deleted.
   */
  deletePattern(pattern: string, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.#keyWalk.deletePattern(pattern, options);
  }

  /**
   * Deletes all entries of this cache, of all versions: the keys `{keyPrefix}:{integer}:…`, and no
   * others. The call walks the store page by page, so entries written meanwhile may stay; each page
   * has its own deadline.
   *
   * @returns Number of entries deleted.
   * @throws {ImproperlyConfigured} With an empty prefix or a key function of your own, which do not
   *   determine the cache's keys; and with a store that cannot walk its keys.
   */
  clear(options: ClearOptions = NO_OPTIONS): Promise<number> {
    return this.#keyWalk.clear(options);
  }

  /**
   * Returns a lock that all processes share. It is independent of the entry with the same key,
   * unless the store has the locks of django-redis.
   *
   * @throws {ImproperlyConfigured} When the store has no locks.
   */
  lock(key: string, options: LockOptions): CacheLock {
    return makeLock(this.#core, key, options);
  }

  /** Calls a listener on each event of a kind. @returns A function that removes the listener. */
  on<Name extends keyof CacheEvents>(name: Name, listener: Listener<CacheEvents[Name]>): () => void {
    return this.#core.monitor.on(name, listener);
  }

  /** Resolves when the store answers. */
  ping(): Promise<void> {
    return this.#core.store.ping(this.#core.newDeadline());
  }

  /** Releases the store's resources. Connections belong to the registry. */
  close(): Promise<void> {
    return this.#core.store.close();
  }
}
