import type { Milliseconds } from "../core/clock.ts";
import { checkFunction } from "../core/calls.ts";
import { describeKind } from "../core/descriptions.ts";
import { CacheUsageError, ImproperlyConfigured } from "../core/errors.ts";
import type { Listener } from "../core/events.ts";
import { isPlainObject } from "../json/index.ts";
import type { CacheStoreCapabilities } from "../stores/cache-store.ts";
import { type KeyPlace, keySpacesOf } from "../stores/key-spaces.ts";
import { writtenInPart } from "../stores/await-writes.ts";
import { checkCallOptions, NO_OPTIONS } from "./options/cache-calls.ts";
import { type CacheContext, CacheCore } from "./cache-core.ts";
import type { CacheEvents, CacheStats } from "./monitor/cache-events.ts";
import type { ClearOptions, ReadOptions, VersionOption } from "./options/cache-options.ts";
import type { CacheSettings } from "./cache-settings.ts";
import { Counters } from "./counters.ts";
import { EntryOperations } from "./operations/entry-operations.ts";
import { toReadPlan } from "./entry/entry-reader.ts";
import { isFresh } from "./entry/freshness.ts";
import type { CacheKeySettings } from "./keys/keys.ts";
import {
  type Loader,
  type LoadContext,
  type LoadOptions,
  type LoadPlan,
  toLoadPlan,
} from "./load/load-options.ts";
import { CacheLock } from "./lock/lock.ts";
import type { LockOptions } from "./lock/lock-options.ts";
import { type Memoized, memoize, type MemoizedValue, type MemoizeOptions } from "./load/memoize.ts";
import { checkClearable, requireCapability } from "./requirements.ts";
import type { Timeout } from "./options/timeouts.ts";

/** Result of `cache.peek`. */
export type Peek<Value = unknown> =
  | { readonly isHit: false }
  | {
      readonly isHit: true;
      readonly value: Value;
      /** Name of the store that has the entry, such as `redis`. */
      readonly source: string;
      /** `"stale"`: the entry has expired, and only `getOrSet` may still return it. */
      readonly state: "fresh" | "stale";
      /** Time since the entry was written; `undefined` when unknown. */
      readonly age: Milliseconds | undefined;
      /** Remaining time in the store; `null`: no expiry. */
      readonly ttl: Milliseconds | null;
    };

/** Keys of a cache, for the check that no two settings share keys. */
export interface CacheKeySpace {
  readonly path: string;
  readonly places: readonly KeyPlace[];
  readonly keyPrefix: string;
  readonly hasKeyFunction: boolean;
  /** Returns the storage key of an entry; `undefined` where the key function makes none. */
  readonly storageKeyOf: (key: string) => string | undefined;
}

/** Options of `cache.peek`. */
export interface PeekOptions extends ReadOptions {
  /**
   * Timeout that the entry was stored with; its age follows from it.
   *
   * @defaultValue the `timeout` of the settings
   */
  readonly timeout?: Timeout | undefined;
}

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
export class Cache extends EntryOperations {
  /** @internal Use `createSojourn`. */
  constructor(settings: CacheSettings, path: string, context: CacheContext) {
    super(new CacheCore(settings, path, context));
  }

  /** Name of the engine that keeps the entries, such as `redis`. */
  get storeName(): string {
    return this.core.store.name;
  }

  /** Capabilities of the store. */
  get capabilities(): CacheStoreCapabilities {
    return this.core.store.capabilities;
  }

  /** @internal For rate limits. */
  get counters(): Counters {
    return new Counters(this.core);
  }

  /** @internal */
  get keySpace(): CacheKeySpace {
    const { path, settings, strictStore } = this.core;
    const { keyPrefix, keyFunction, version } = settings;
    const places = keySpacesOf(strictStore).map(({ place }) => place);
    const storageKeyOf = (key: string): string | undefined =>
      wholeKeyOf(key, { keyPrefix, keyFunction, version });
    return { path, places, keyPrefix, hasKeyFunction: keyFunction !== undefined, storageKeyOf };
  }

  /** Counts of this process so far. */
  get stats(): CacheStats {
    return this.core.monitor.stats;
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
  async getOrSet<Value, Loaded = Value>(
    key: string,
    valueOrLoader: Loaded | Loader<Loaded, Value>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Loaded> {
    checkCallOptions(options, "getOrSet");
    checkLoaded(valueOrLoader);
    const load =
      typeof valueOrLoader === "function" ? (valueOrLoader as Loader<unknown>) : () => valueOrLoader;
    const value = await this.core.writing(options, (version, deadline) =>
      this.core.loads.getOrLoad(
        this.core.keys.of(key, version),
        this.#plan(options, version),
        load,
        deadline,
      ),
    );
    return value as Loaded;
  }

  /**
   * {@link getOrSet} of several keys: one read for all, one load of the missing ones, one round
   * trip to store them.
   *
   * @param load Gets the missing keys and returns their values; a key without a value does not
   *   exist.
   * @returns The values by their keys, in the order of the given keys.
   */
  async getOrSetMany<Value>(
    keys: Iterable<string>,
    load: (
      missing: readonly string[],
      context: LoadContext,
    ) => ValuesByKey<Value> | Promise<ValuesByKey<Value>>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    checkCallOptions(options, "getOrSetMany");
    checkFunction(load, "The loader of getOrSetMany()", CacheUsageError);
    const given = [...this.core.keys.unique(keys)];
    const values = await this.core.writing(options, (version, deadline) => {
      const entries = this.core.keys.ofMany(given, version);
      const loadMap = async (missing: readonly string[], context: LoadContext) =>
        toMap(await load(missing, context));
      return this.core.loads.getOrLoadMany(entries, this.#plan(options, version), loadMap, deadline);
    });
    const found = given.map((key, index) => [key, values[index] as Value] as const);
    return new Map(found.filter(([, value]) => value !== undefined));
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
    checkFunction(load, "The first argument of memoize()", CacheUsageError);
    checkCallOptions(options, "memoize");
    checkFunction(options.key, 'The option "key" of memoize()', CacheUsageError);
    return memoize(this, load, options);
  }

  /**
   * Reads a value and reports where it comes from. The read counts neither as a hit nor as a miss.
   *
   * @throws {CacheCorruptError}
   */
  async peek<Value = unknown>(key: string, options: PeekOptions = NO_OPTIONS): Promise<Peek<Value>> {
    checkCallOptions(options, "peek");
    const { keys, reader, store, clock } = this.core;
    const [found, [ttl]] = await this.core.reading(options, (version, deadline) => {
      const entry = keys.of(key, version);
      const plan = toReadPlan(options, version);
      return Promise.all([reader.read(entry, plan, deadline), store.ttlMany([entry.storageKey], deadline)]);
    });
    if (found.status !== "entry" || ttl === undefined) return { isHit: false };
    const { header, value } = found;
    const state = isFresh(header, clock.now()) ? "fresh" : "stale";
    // With clocks that differ between processes, an entry can come from the future.
    const age =
      header === undefined ? this.#ageOf(ttl, options.timeout) : Math.max(0, clock.now() - header.at);
    return { isHit: true, value: value as Value, source: store.name, state, age, ttl };
  }

  /**
   * Makes all entries with one of these tags misses, with one command for any number of entries. An
   * entry that is being loaded at the time is a miss from the start.
   */
  async invalidateTags(tags: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<void> {
    checkCallOptions(options, "invalidateTags");
    const names = [...this.core.keys.unique(tags, "tags")];
    await this.core.writing(options, (version, deadline) =>
      this.core.tags.invalidate(names, version, deadline),
    );
  }

  /**
   * Returns a lock that all processes share. It is independent of the entry with the same key,
   * unless the store has the locks of django-redis.
   *
   * @throws {ImproperlyConfigured} When the store has no locks.
   */
  lock(key: string, options: LockOptions): CacheLock {
    const { strictStore: store, clock, path, keys } = this.core;
    requireCapability(store, "locks", "a lock", path);
    // Without options, the error is the missing timeout.
    if (options !== undefined) checkCallOptions(options, "lock");
    const newDeadline = () => this.core.newDeadline();
    return new CacheLock(keys.of(key, options?.version), options, { store, clock, newDeadline });
  }

  /**
   * Empties the cache with one command. Entries of the previous version stay unread until they
   * expire.
   *
   * @returns The new version.
   * @throws {ImproperlyConfigured} Without the setting `sharedVersion`.
   */
  bumpVersion(): Promise<number> {
    const { sharedVersion, path, loads } = this.core;
    if (sharedVersion === undefined) {
      throw new ImproperlyConfigured(
        `${path}.sharedVersion`,
        "expected true: bumpVersion() raises the version for all processes.",
      );
    }
    loads.supersedeAll();
    return sharedVersion.bump(this.core.newDeadline());
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
  async clear(options: ClearOptions = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "clear");
    const { onProgress } = options;
    const { settings, store, path, loads } = this.core;
    checkClearable(settings, store, path);
    loads.supersedeAll();
    let count = 0;
    const pages = store.clear(settings.keyPrefix, () => this.core.newDeadline());
    try {
      for await (const deleted of pages) {
        count += deleted;
        onProgress?.(count);
      }
    } catch (error) {
      throw count > 0 ? writtenInPart(error) : error;
    }
    return count;
  }

  /** Resolves when the store answers. */
  ping(): Promise<void> {
    return this.core.store.ping(this.core.newDeadline());
  }

  /** Calls a listener on each event of a kind. @returns A function that removes the listener. */
  on<Name extends keyof CacheEvents>(name: Name, listener: Listener<CacheEvents[Name]>): () => void {
    return this.core.monitor.on(name, listener);
  }

  /** Releases the store's resources. Connections belong to the registry. */
  close(): Promise<void> {
    return this.core.store.close();
  }

  #plan(options: LoadOptions, version: number | undefined): LoadPlan {
    return toLoadPlan(options, version, this.core.ttlOf(options.timeout), this.core.settings.loads);
  }

  /** Returns the age of an entry without a header: its timeout minus the remaining time. */
  #ageOf(left: Milliseconds | null, timeout: Timeout | undefined): Milliseconds | undefined {
    const whole = this.core.ttlOf(timeout);
    return whole === null || left === null || left > whole ? undefined : whole - left;
  }
}

function wholeKeyOf(key: string, { keyPrefix, keyFunction, version }: CacheKeySettings): string | undefined {
  if (keyFunction === undefined) return `${keyPrefix}:${version}:${key}`;
  try {
    return keyFunction(key, keyPrefix, version);
  } catch {
    // The application's key function may accept its own keys only.
    return undefined;
  }
}

/** Values by their keys. */
export type ValuesByKey<Value> = ReadonlyMap<string, Value> | Readonly<Record<string, Value>>;

function toMap(values: unknown): ReadonlyMap<string, unknown> {
  if (values instanceof Map) return values as Map<string, unknown>;
  if (isPlainObject(values)) return new Map(Object.entries(values));
  throw new CacheUsageError(
    `The loader of getOrSetMany() has to return a Map, or an object, of values by their keys, got ${describeKind(values)}.`,
  );
}

/** Refuses a value in the place of a loader. @throws {CacheUsageError} */
function checkLoaded(valueOrLoader: unknown): void {
  if (typeof valueOrLoader === "function") return;
  if (valueOrLoader !== undefined && !(valueOrLoader instanceof Promise)) return;
  // A promise would run on a hit too, with its failure unhandled.
  if (valueOrLoader instanceof Promise) valueOrLoader.catch(() => {});
  throw new CacheUsageError(
    `getOrSet() expected a function that makes the value, or the value, got ${describeKind(valueOrLoader)}. Write ` +
      "() => load(), which runs on a miss only.",
  );
}
