import type { Clock, Milliseconds } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError } from "../core/errors.ts";
import { Events, type Listener } from "../core/events.ts";
import { writeJson } from "../json/index.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { CacheStore, CacheStoreCapabilities, SetCondition } from "../stores/cache-store.ts";
import type { CacheEvents } from "./cache-events.ts";
import type { GetOptions, SetOptions, VersionOption } from "./cache-options.ts";
import { type CacheSettings, type ResolvedCacheSettings, resolveCacheSettings } from "./cache-settings.ts";
import { toDelta } from "./deltas.ts";
import { CacheKeys, type EntryKey } from "./keys.ts";
import { Loads } from "./loads.ts";
import { checkClearable, requireCapability } from "./requirements.ts";
import { endsAtOnce, type Timeout, toTtl } from "./timeouts.ts";
import { entriesOf, readValue } from "./values.ts";

/** What {@link Cache} shares with the rest of the application. */
export interface CacheContext {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
}

/**
 * A cache with Django's API in camelCase, and Django's key layout. Made by `createSojourn`, as `caches.default` and so on.
 *
 * - Values are JSON. `undefined` is a miss, `null` a value like any other. What JSON cannot hold exactly is refused with
 *   `NotJsonError` before anything is written.
 * - A timeout of a bare number is seconds; `null` is no expiry; with 0 or less an entry has expired at once.
 * - Failures of the store are thrown as they are: {@link StoreConnectionError} and {@link StoreServiceError}.
 * - An empty key, or one that is no text, is a {@link CacheUsageError}.
 */
export class Cache {
  readonly #path: string;
  readonly #settings: ResolvedCacheSettings;
  readonly #clock: Clock;
  readonly #store: CacheStore;
  readonly #keys: CacheKeys;
  readonly #events = new Events<CacheEvents>();
  readonly #loads: Loads;

  /** @internal Use `createSojourn`. */
  constructor(settings: CacheSettings, path: string, { redis, clock }: CacheContext) {
    this.#path = path;
    this.#settings = resolveCacheSettings(settings, path);
    this.#clock = clock;
    this.#store = this.#settings.store({ redis, clock });
    this.#keys = new CacheKeys(this.#settings);
    this.#loads = new Loads({ store: this.#store, events: this.#events, newDeadline: () => this.#newDeadline() });
  }

  /** Name of the engine that keeps the entries, such as `redis`. */
  get storeName(): string {
    return this.#store.name;
  }

  /** What the store can do. */
  get capabilities(): CacheStoreCapabilities {
    return this.#store.capabilities;
  }

  /**
   * Reads a value, built anew for each call.
   *
   * @returns The default on a miss. A stored `null` is no miss.
   * @throws {CacheCorruptError} When the entry is not JSON.
   */
  get<Value = unknown>(key: string, options: GetOptions<Value> & { readonly default: Value }): Promise<Value>;
  get<Value = unknown>(key: string, options?: GetOptions<Value>): Promise<Value | undefined>;
  async get(key: string, options: GetOptions<unknown> = {}): Promise<unknown> {
    const entry = this.#keys.of(key, options.version);
    const [text] = await this.#store.getMany([entry.whole], this.#newDeadline());
    return text === undefined ? options.default : readValue(text, entry);
  }

  /** Stores a value, whatever is there. A timeout of 0 or less deletes. */
  async set(key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    await this.#write([[key, value]], () => "value", options, "always");
  }

  /**
   * Stores a value if there is none.
   *
   * @returns Whether there was none: with a timeout of 0 or less too, which stores nothing.
   */
  async add(key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    const [isAdded = false] = await this.#write([[key, value]], () => "value", options, "if-absent");
    return isAdded;
  }

  /**
   * Reads a value; where there is none, stores what is given, or what the loader gives.
   *
   * - Callers in this process who miss the same key at the same time share one run of the loader: its result, each with a
   *   copy of its own, or its error, after which the next caller runs it again.
   * - A value that somebody else has stored meanwhile counts, also another process: it is what the callers get.
   * - A write to the key by this process while the loader runs wins: the result is not stored. After a delete the callers
   *   who waited still get it, later ones load anew.
   * - `undefined` from the loader is handed on and not stored.
   * - An entry that is not JSON is a miss and is overwritten; the event `corrupt` tells.
   *
   * @param valueOrLoader A value, or a function that makes it. It must not itself ask for the same key.
   */
  async getOrSet<Value>(
    key: string,
    valueOrLoader: Value | (() => Value | Promise<Value>),
    options: SetOptions = {},
  ): Promise<Value> {
    const load = typeof valueOrLoader === "function" ? (valueOrLoader as () => unknown) : () => valueOrLoader;
    const entry = this.#keys.of(key, options.version);
    return (await this.#loads.getOrLoad(entry, { load, ttl: this.#ttlOf(options.timeout) })) as Value;
  }

  /**
   * Sets the time that an entry still has. A timeout of 0 or less deletes it.
   *
   * @param timeout As in {@link SetOptions.timeout}.
   * @returns Whether there is such an entry.
   */
  async touch(key: string, timeout?: Timeout, options: VersionOption = {}): Promise<boolean> {
    const ttl = this.#ttlOf(timeout);
    if (endsAtOnce(ttl)) return this.delete(key, options);
    return this.#store.touch(this.#keys.of(key, options.version).whole, ttl, this.#newDeadline());
  }

  /** Deletes an entry. @returns Whether there was one. */
  async delete(key: string, options: VersionOption = {}): Promise<boolean> {
    return (await this.#delete([this.#keys.of(key, options.version)])) === 1;
  }

  /** Whether there is an entry, readable or not. */
  async has(key: string, options: VersionOption = {}): Promise<boolean> {
    return this.#has(this.#keys.of(key, options.version));
  }

  /**
   * Reads several values.
   *
   * @returns Those that are there, by their keys, in the order in which the keys were given.
   * @throws {CacheCorruptError} When one of the entries is not JSON.
   */
  async getMany<Value = unknown>(keys: Iterable<string>, options: VersionOption = {}): Promise<Map<string, Value>> {
    const entries = this.#keys.ofMany(keys, options.version);
    const texts = await this.#store.getMany(wholeKeys(entries), this.#newDeadline());
    const values = new Map<string, Value>();
    for (const [index, entry] of entries.entries()) {
      const text = texts[index];
      if (text !== undefined) values.set(entry.given, readValue(text, entry) as Value);
    }
    return values;
  }

  /**
   * Stores several values, whatever is there. All of them are checked before the first is written; then each is written
   * for itself.
   *
   * @param values By their keys.
   * @returns The keys that could not be stored, as in Django: always none, since a failure of the store is thrown.
   */
  async setMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: SetOptions = {},
  ): Promise<string[]> {
    await this.#write(entriesOf(values), (key) => `values[${JSON.stringify(key)}]`, options, "always");
    return [];
  }

  /** Deletes several entries. @returns How many there were. */
  async deleteMany(keys: Iterable<string>, options: VersionOption = {}): Promise<number> {
    return this.#delete(this.#keys.ofMany(keys, options.version));
  }

  /**
   * Adds to an integer, in one step inside the store, and keeps its time to live.
   *
   * @param delta An integer. For sums beyond 2^53 give a bigint: a number would be rounded (in the answer, not in the store).
   * @returns The sum, as a number or a bigint like `delta`.
   * @throws {CacheKeyNotFoundError} When there is no entry. None is created.
   * @throws {CacheNotIntegerError} When it is no integer, or the sum would not fit into 64 bits. It stays as it is.
   */
  incr(key: string, delta: bigint, options?: VersionOption): Promise<bigint>;
  incr(key: string, delta?: number, options?: VersionOption): Promise<number>;
  async incr(key: string, delta: number | bigint = 1, options: VersionOption = {}): Promise<number | bigint> {
    const sum = await this.#incr(this.#keys.of(key, options.version), toDelta(delta));
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /** Subtracts from an integer, as {@link incr} adds. */
  decr(key: string, delta: bigint, options?: VersionOption): Promise<bigint>;
  decr(key: string, delta?: number, options?: VersionOption): Promise<number>;
  async decr(key: string, delta: number | bigint = 1, options: VersionOption = {}): Promise<number | bigint> {
    const sum = await this.#incr(this.#keys.of(key, options.version), -toDelta(delta));
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /**
   * Deletes all entries of this cache, of all versions: the keys `{keyPrefix}:{integer}:…`, and nothing else. It walks the
   * store page by page, so what is written meanwhile may stay; each page has a deadline of its own.
   *
   * @returns How many there were.
   * @throws {ImproperlyConfigured} With an empty prefix or a key function of your own, which leave open which keys are this
   *   cache's; and with a store that cannot walk its keys.
   */
  async clear(): Promise<number> {
    checkClearable(this.#settings, this.#store, this.#path);
    this.#loads.overruleAll();
    let count = 0;
    const pages = this.#store.clear(this.#settings.keyPrefix, () => this.#newDeadline());
    for await (const deleted of pages) count += deleted;
    return count;
  }

  /** Resolves when the store answers. */
  ping(): Promise<void> {
    return this.#store.ping(this.#newDeadline());
  }

  /** Calls a listener on each event of a kind. @returns A function that removes it. */
  on<Name extends keyof CacheEvents>(name: Name, listener: Listener<CacheEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  /** Lets go of what the store has opened. Connections belong to the registry. */
  close(): Promise<void> {
    return this.#store.close();
  }

  async #write(
    values: readonly (readonly [string, unknown])[],
    pathOf: (key: string) => string,
    { timeout, version }: SetOptions,
    condition: SetCondition,
  ): Promise<readonly boolean[]> {
    const ttl = this.#ttlOf(timeout);
    const keys = values.map(([key]) => this.#keys.of(key, version));
    const texts = values.map(([key, value]) => writeJson(value, pathOf(key)));
    if (endsAtOnce(ttl)) return this.#writeNothing(keys, condition);
    this.#loads.overrule(keys);
    const entries = keys.map(({ whole }, index) => ({ key: whole, value: texts[index] ?? "", ttl }));
    return this.#store.setMany(entries, condition, this.#newDeadline());
  }

  /** What has expired at once leaves no entry where it may replace one, and needs no write where it may not. */
  async #writeNothing(keys: readonly EntryKey[], condition: SetCondition): Promise<readonly boolean[]> {
    if (condition === "if-absent") return Promise.all(keys.map(async (key) => !(await this.#has(key))));
    await this.#delete(keys);
    return keys.map(() => true);
  }

  #delete(keys: readonly EntryKey[]): Promise<number> {
    this.#loads.overrule(keys);
    return this.#store.deleteMany(wholeKeys(keys), this.#newDeadline());
  }

  async #has({ whole }: EntryKey): Promise<boolean> {
    return (await this.#store.ttl(whole, this.#newDeadline())) !== undefined;
  }

  async #incr(key: EntryKey, delta: bigint): Promise<bigint> {
    requireCapability(this.#store, "atomicIncrement", "incr() and decr()", this.#path);
    this.#loads.overrule([key]);
    const result = await this.#store.incr(key.whole, delta, this.#newDeadline());
    if (result.status === "missing") throw new CacheKeyNotFoundError(key.given);
    if (result.status === "not-integer") throw new CacheNotIntegerError(key.given);
    return result.value;
  }

  #ttlOf(timeout: Timeout | undefined): Milliseconds | null {
    return timeout === undefined ? this.#settings.timeout : toTtl(timeout);
  }

  #newDeadline(): Deadline {
    return new Deadline(this.#settings.deadline, this.#clock);
  }
}

function wholeKeys(keys: readonly EntryKey[]): string[] {
  return keys.map(({ whole }) => whole);
}
