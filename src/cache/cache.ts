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
import { type Loader, type LoadContext, type LoadOptions, type LoadPlan, toLoadPlan } from "./load/load-options.ts";
import { CacheLock } from "./lock/lock.ts";
import type { LockOptions } from "./lock/lock-options.ts";
import { type Memoized, memoize, type MemoizedValue, type MemoizeOptions } from "./load/memoize.ts";
import { checkClearable, requireCapability } from "./requirements.ts";
import type { Timeout } from "./options/timeouts.ts";

/** What `cache.peek` tells. */
export type Peek<Value = unknown> =
  | { readonly hit: false }
  | {
      readonly hit: true;
      readonly value: Value;
      /** Name of the store that has it, such as `redis`. */
      readonly source: string;
      /** `"stale"`: its time is over, and only `getOrSet` may still give it. */
      readonly state: "fresh" | "stale";
      /** How long it has been there; `undefined` when nothing tells. */
      readonly age: Milliseconds | undefined;
      /** How long the store keeps it; `null`: for ever. */
      readonly ttl: Milliseconds | null;
    };

/** Which keys a cache has, for the check that no settings share them. */
export interface CacheKeySpace {
  readonly path: string;
  readonly places: readonly KeyPlace[];
  readonly keyPrefix: string;
  readonly hasKeyFunction: boolean;
  /** The whole key of an entry; `undefined` where the key function has none for it. */
  readonly wholeOf: (key: string) => string | undefined;
}

/** Options of `cache.peek`. */
export interface PeekOptions extends ReadOptions {
  /**
   * The timeout that the entry was stored with, from which its age follows.
   *
   * @defaultValue the `timeout` of the settings
   */
  readonly timeout?: Timeout | undefined;
}

/**
 * A cache with Django's API in camelCase, and Django's key layout. Made by `createSojourn`, as
 * `caches.default` and so on.
 *
 * - Values are JSON, unless the settings name another serializer. `undefined` is a miss, `null` a value like
 *   any other. What JSON cannot hold exactly is refused with `NotJsonError` before anything is written.
 * - A timeout of a bare number is seconds; `null` is no expiry; with 0 or less an entry has expired at once.
 * - Failures of the store are thrown as they are: {@link StoreConnectionError} and {@link StoreServiceError};
 *   or are misses, where the settings say so.
 * - An empty key, or one that is no text, is a {@link CacheUsageError}.
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

  /** What the store can do. */
  get capabilities(): CacheStoreCapabilities {
    return this.core.store.capabilities;
  }

  /** @internal For limits. */
  get counters(): Counters {
    return new Counters(this.core);
  }

  /** @internal */
  get keySpace(): CacheKeySpace {
    const { path, settings, strictStore } = this.core;
    const { keyPrefix, keyFunction, version } = settings;
    const places = keySpacesOf(strictStore).map(({ place }) => place);
    const wholeOf = (key: string): string | undefined => wholeKeyOf(key, { keyPrefix, keyFunction, version });
    return { path, places, keyPrefix, hasKeyFunction: keyFunction !== undefined, wholeOf };
  }

  /** What has happened in this process so far. */
  get stats(): CacheStats {
    return this.core.monitor.stats;
  }

  /**
   * Reads a value; where there is none, stores what is given, or what the loader gives.
   *
   * - Of all callers in all processes who miss the same key at the same time, one runs the loader: the others
   *   wait for its result. In one process they also share its error, after which the next caller runs it
   *   again. Should the process that loads die, another one takes over when its lease has ended.
   * - A write to the key while the loader runs wins, whoever it comes from: the result is not stored. After a
   *   delete, or `invalidateTags`, only the caller who began the load still gets it; all others load anew.
   * - `undefined` from the loader is handed on and not stored.
   * - An entry that cannot be read is a miss and is overwritten; the event `corrupt` tells.
   * - A hit costs one GET.
   *
   * @typeParam Value Type of the value, and of `stale`, where the call says it.
   * @typeParam Loaded Type of what is given. @defaultValue that of the loader's result
   * @param valueOrLoader A value, or a function that makes it. It must not itself ask for the same key.
   * @throws {CacheLoadTimeoutError} After `hardTimeout`. What else the loader throws is thrown as it is.
   */
  async getOrSet<Value, Loaded = Value>(
    key: string,
    valueOrLoader: Loaded | Loader<Loaded, Value>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Loaded> {
    checkCallOptions(options, "getOrSet");
    checkLoaded(valueOrLoader);
    const load = typeof valueOrLoader === "function" ? (valueOrLoader as Loader<unknown>) : () => valueOrLoader;
    const value = await this.core.writing(options, (version, deadline) =>
      this.core.loads.getOrLoad(this.core.keys.of(key, version), this.#plan(options, version), load, deadline),
    );
    return value as Loaded;
  }

  /**
   * {@link getOrSet} of several keys: one read for all, one load of those that are missing, one round trip to
   * store them.
   *
   * @param load Is given the keys that are missing, and answers with their values; what it leaves out does
   *   not exist.
   * @returns The values by their keys, in the order in which the keys were given.
   */
  async getOrSetMany<Value>(
    keys: Iterable<string>,
    load: (missing: readonly string[], context: LoadContext) => ValuesByKey<Value> | Promise<ValuesByKey<Value>>,
    options: LoadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    checkCallOptions(options, "getOrSetMany");
    checkFunction(load, "The loader of getOrSetMany()", CacheUsageError);
    const given = [...this.core.keys.unique(keys)];
    const values = await this.core.writing(options, (version, deadline) => {
      const entries = this.core.keys.ofMany(given, version);
      const loadMap = async (missing: readonly string[], context: LoadContext) => toMap(await load(missing, context));
      return this.core.loads.getOrLoadMany(entries, this.#plan(options, version), loadMap, deadline);
    });
    const found = given.map((key, index) => [key, values[index] as Value] as const);
    return new Map(found.filter(([, value]) => value !== undefined));
  }

  /**
   * A function that keeps its results in this cache.
   *
   * @param load Makes the value of given arguments. Where it needs the context of the load (`signal`, `stale`,
   *   `setTimeout`, `skip`), it returns a function of that: `(id: number) => ({ signal }: LoadContext) => fetchProduct(id, signal)`.
   * @param options.key Names the entry of given arguments: write it so that no two things have the same name.
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
   * Reads a value and tells where it comes from. It counts neither as a hit nor as a miss.
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
    if (found.status !== "entry" || ttl === undefined) return { hit: false };
    const { header, value } = found;
    const state = isFresh(header, clock.now()) ? "fresh" : "stale";
    // Where the clocks of two processes differ, an entry can come from the future.
    const age = header === undefined ? this.#ageOf(ttl, options.timeout) : Math.max(0, clock.now() - header.at);
    return { hit: true, value: value as Value, source: store.name, state, age, ttl };
  }

  /**
   * Makes all entries with one of these tags misses: one command, however many there are. An entry that is
   * being loaded now is a miss from the start.
   */
  async invalidateTags(tags: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<void> {
    checkCallOptions(options, "invalidateTags");
    const names = [...this.core.keys.unique(tags, "tags")];
    await this.core.writing(options, (version, deadline) => this.core.tags.invalidate(names, version, deadline));
  }

  /**
   * A lock that all processes share. An entry of the same key has nothing to do with it, unless the store has
   * the locks of django-redis.
   *
   * @throws {ImproperlyConfigured} When the store has no locks.
   */
  lock(key: string, options: LockOptions): CacheLock {
    const { strictStore: store, clock, path, keys } = this.core;
    requireCapability(store, "locks", "a lock", path);
    // Without any, the missing timeout is what is wrong.
    if (options !== undefined) checkCallOptions(options, "lock");
    const newDeadline = () => this.core.newDeadline();
    return new CacheLock(keys.of(key, options?.version), options, { store, clock, newDeadline });
  }

  /**
   * Empties the cache with one command: the entries of the version before stay until their time is over, and
   * nobody reads them.
   *
   * @returns The new version.
   * @throws {ImproperlyConfigured} Without the setting `sharedVersion`.
   */
  bumpVersion(): Promise<number> {
    const { sharedVersion, path, loads } = this.core;
    if (sharedVersion === undefined) {
      throw new ImproperlyConfigured(
        `${path}.sharedVersion`,
        "expected true: bumpVersion() raises the version for all.",
      );
    }
    loads.supersedeAll();
    return sharedVersion.bump(this.core.newDeadline());
  }

  /**
   * Deletes all entries of this cache, of all versions: the keys `{keyPrefix}:{integer}:…`, and nothing else.
   * It walks the store page by page, so what is written meanwhile may stay; each page has a deadline of its
   * own.
   *
   * @returns How many there were.
   * @throws {ImproperlyConfigured} With an empty prefix or a key function of your own, which leave open which
   *   keys are this cache's; and with a store that cannot walk its keys.
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

  /** Calls a listener on each event of a kind. @returns A function that removes it. */
  on<Name extends keyof CacheEvents>(name: Name, listener: Listener<CacheEvents[Name]>): () => void {
    return this.core.monitor.on(name, listener);
  }

  /** Lets go of what the store has opened. Connections belong to the registry. */
  close(): Promise<void> {
    return this.core.store.close();
  }

  #plan(options: LoadOptions, version: number | undefined): LoadPlan {
    return toLoadPlan(options, version, this.core.ttlOf(options.timeout), this.core.settings.loads);
  }

  /** Of an entry that tells nothing of itself: what is over of its timeout. */
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
    // It is the application's, and may take keys of its own alone.
    return undefined;
  }
}

/** Values by their keys. */
export type ValuesByKey<Value> = ReadonlyMap<string, Value> | Readonly<Record<string, Value>>;

function toMap(values: unknown): ReadonlyMap<string, unknown> {
  if (values instanceof Map) return values as Map<string, unknown>;
  if (isPlainObject(values)) return new Map(Object.entries(values));
  throw new CacheUsageError(
    `The loader of getOrSetMany() has to give a Map, or an object, of values by their keys, got ${describeKind(values)}.`,
  );
}

/** Refuses a value in the place of a loader. @throws {CacheUsageError} */
function checkLoaded(valueOrLoader: unknown): void {
  if (typeof valueOrLoader === "function") return;
  if (valueOrLoader !== undefined && !(valueOrLoader instanceof Promise)) return;
  // It would run on a hit too, and nobody would hear of its failure.
  if (valueOrLoader instanceof Promise) valueOrLoader.catch(() => {});
  throw new CacheUsageError(
    `getOrSet() expected a function that makes the value, or the value, got ${describeKind(valueOrLoader)}. Write ` +
      "() => load(), which runs on a miss only.",
  );
}
