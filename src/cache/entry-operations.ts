import type { Milliseconds } from "../core/clock.ts";
import { CacheCorruptError, CacheKeyNotFoundError, CacheNotIntegerError, CacheUsageError } from "../core/errors.ts";
import { newNonce } from "../core/ids.ts";
import { describeValue } from "../core/settings.ts";
import type { SetCondition } from "../stores/cache-store.ts";
import type { CacheCore } from "./cache-core.ts";
import type { ConditionalSetOptions, GetOptions, ReadOptions, SetOptions, VersionOption } from "./cache-options.ts";
import { toDelta } from "./deltas.ts";
import type { EntryHeader } from "./entry-codec.ts";
import type { Found, ReadPlan } from "./entry-reader.ts";
import { freshnessOf } from "./freshness.ts";
import { toKeyPattern } from "./key-patterns.ts";
import { type EntryKey, TAG_KEY } from "./keys.ts";
import { requireCapability } from "./requirements.ts";
import { endsAtOnce, type Timeout } from "./timeouts.ts";
import { entriesOf } from "./values.ts";

const NO_OPTIONS = {};
const NO_TAGS: readonly string[] = [];
const NO_GRACE = { stale: 0, staleIfError: 0, early: 0 };

/** The operations on entries of Django's cache API and of django-redis, each for one key and for many. */
export abstract class EntryOperations {
  /** @internal */
  protected readonly core: CacheCore;

  /** @internal */
  constructor(core: CacheCore) {
    this.core = core;
  }

  /**
   * Reads a value, built anew for each call.
   *
   * @returns The default on a miss. A stored `null` is no miss.
   * @throws {CacheCorruptError} When the entry cannot be read.
   */
  get<Value = unknown>(key: string, options: GetOptions<Value> & { readonly default: Value }): Promise<Value>;
  get<Value = unknown>(key: string, options?: GetOptions<Value>): Promise<Value | undefined>;
  async get(key: string, options: GetOptions<unknown> = NO_OPTIONS): Promise<unknown> {
    const found = await this.core.reading(options, (version) => this.#read(key, options, version));
    return this.#valueOf(found, key, options.default);
  }

  /**
   * Reads several values.
   *
   * @returns Those that are there, by their keys, in the order in which the keys were given.
   * @throws {CacheCorruptError} When one of the entries cannot be read.
   */
  async getMany<Value = unknown>(
    keys: Iterable<string>,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    const given = [...this.core.keys.unique(keys)];
    const found = await this.core.reading(options, (version) => {
      const entries = this.core.keys.ofMany(given, version);
      return this.core.reader.readMany(entries, toReadPlan(options, version), this.core.newDeadline());
    });
    const values = new Map<string, Value>();
    for (const [index, key] of given.entries()) {
      const value = this.#valueOf(found[index] ?? { status: "missing" }, key, undefined);
      if (value !== undefined) values.set(key, value as Value);
    }
    return values;
  }

  /**
   * Stores a value. A timeout of 0 or less deletes.
   *
   * @returns Whether it was stored: always, but with `nx` and `xx`, and where `onStoreError` is `"miss"`.
   */
  async set(key: string, value: unknown, options: ConditionalSetOptions = NO_OPTIONS): Promise<boolean> {
    const [isStored = false] = await this.#write([[key, value]], onlyPath, options, toCondition(options));
    return isStored;
  }

  /**
   * Stores several values. All of them are checked before the first is written; then each is written for itself.
   *
   * @param values By their keys.
   * @returns The keys that were not stored, as in Django: none, but with `nx` and `xx`, and where `onStoreError` is `"miss"`.
   */
  async setMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: ConditionalSetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    const entries = entriesOf(values);
    const stored = await this.#write(entries, memberPath, options, toCondition(options));
    return entries.filter((_, index) => stored[index] !== true).map(([key]) => key);
  }

  /**
   * Stores a value if there is none.
   *
   * @returns Whether there was none: with a timeout of 0 or less too, which stores nothing.
   */
  async add(key: string, value: unknown, options: SetOptions = NO_OPTIONS): Promise<boolean> {
    const [isAdded = false] = await this.#write([[key, value]], onlyPath, options, "if-absent");
    return isAdded;
  }

  /** Stores those values whose keys have none. @returns The keys that had none. */
  async addMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: SetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    const entries = entriesOf(values);
    const added = await this.#write(entries, memberPath, options, "if-absent");
    return entries.filter((_, index) => added[index] === true).map(([key]) => key);
  }

  /**
   * Sets the time that an entry still has. A timeout of 0 or less deletes it.
   *
   * @param timeout As in {@link SetOptions.timeout}.
   * @returns Whether there is such an entry.
   */
  async touch(key: string, timeout?: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return (await this.touchMany([key], timeout, options)).has(key);
  }

  /** {@link touch} of several entries. @returns The keys of those that are there. */
  async touchMany(
    keys: Iterable<string>,
    timeout?: Timeout,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Set<string>> {
    const ttl = this.core.ttlOf(timeout);
    return this.core.writing(options, async (version) => {
      const entries = this.core.keys.ofMany(keys, version);
      return pick(entries, await this.#touch(entries, ttl));
    });
  }

  /** Lets an entry live for this time from now on: {@link touch} with a timeout that is said. django-redis: `expire`. */
  expire(key: string, timeout: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.touch(key, timeout, options);
  }

  /** Lets an entry live until an instant. One that is over deletes it. @returns Whether there is such an entry. */
  async expireAt(key: string, at: Date, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    if (!(at instanceof Date) || Number.isNaN(at.getTime())) {
      throw new CacheUsageError(`expireAt() takes a valid Date, got ${describeValue(at)}.`);
    }
    return this.touch(key, (at.getTime() - this.core.clock.now()) / 1000, options);
  }

  /** Takes the expiry off an entry. @returns Whether there is such an entry, also if it did not expire before. */
  persist(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return this.touch(key, null, options);
  }

  /** {@link persist} of several entries. @returns The keys of those that are there. */
  persistMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Set<string>> {
    return this.touchMany(keys, null, options);
  }

  /**
   * The time that an entry still has, in seconds, rounded up; `null` when it does not expire, `undefined` when there is
   * none (django-redis: `None` and 0). The time for which `stale` and `staleIfError` keep it counts.
   */
  async ttl(key: string, options: VersionOption = NO_OPTIONS): Promise<number | null | undefined> {
    const left = await this.pttl(key, options);
    return typeof left === "number" ? Math.ceil(left / 1000) : left;
  }

  /** {@link ttl} in milliseconds. */
  async pttl(key: string, options: VersionOption = NO_OPTIONS): Promise<Milliseconds | null | undefined> {
    return (await this.pttlMany([key], options)).get(key);
  }

  /** {@link ttl} of several entries, by their keys; those that are not there are left out. */
  async ttlMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Map<string, number | null>> {
    const left = await this.pttlMany(keys, options);
    return new Map([...left].map(([key, each]) => [key, each === null ? null : Math.ceil(each / 1000)]));
  }

  /** {@link ttlMany} in milliseconds. */
  async pttlMany(
    keys: Iterable<string>,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Map<string, Milliseconds | null>> {
    const given = [...this.core.keys.unique(keys)];
    const ttls = await this.core.reading(options, (version) =>
      this.core.store.ttlMany(wholeKeys(this.core.keys.ofMany(given, version)), this.core.newDeadline()),
    );
    const left = new Map<string, Milliseconds | null>();
    for (const [index, key] of given.entries()) {
      const ttl = ttls[index];
      if (ttl !== undefined) left.set(key, ttl);
    }
    return left;
  }

  /** Deletes an entry. @returns Whether there was one. */
  async delete(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    return (await this.deleteMany([key], options)) === 1;
  }

  /** Deletes several entries. @returns How many there were. */
  deleteMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.core.writing(options, async (version) => this.#delete(this.core.keys.ofMany(keys, version)));
  }

  /** Whether there is an entry, readable or not, whose time is not over. */
  async has(key: string, options: ReadOptions = NO_OPTIONS): Promise<boolean> {
    return (await this.hasMany([key], options)).has(key);
  }

  /** {@link has} of several keys. @returns The keys of those that are there. */
  async hasMany(keys: Iterable<string>, options: ReadOptions = NO_OPTIONS): Promise<Set<string>> {
    const given = [...this.core.keys.unique(keys)];
    const found = await Promise.all(given.map((key) => this.#has(key, options)));
    return new Set(given.filter((_, index) => found[index]));
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
  async incr(key: string, delta: number | bigint = 1, options: VersionOption = NO_OPTIONS): Promise<number | bigint> {
    const sum = await this.#incr(key, toDelta(delta), options);
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /** Subtracts from an integer, as {@link incr} adds. */
  decr(key: string, delta: bigint, options?: VersionOption): Promise<bigint>;
  decr(key: string, delta?: number, options?: VersionOption): Promise<number>;
  async decr(key: string, delta: number | bigint = 1, options: VersionOption = NO_OPTIONS): Promise<number | bigint> {
    const sum = await this.#incr(key, -toDelta(delta), options);
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /** {@link incr} of several keys, each in a step of its own. @returns The sums, by their keys. */
  async incrMany(keys: Iterable<string>, delta = 1, options: VersionOption = NO_OPTIONS): Promise<Map<string, number>> {
    const given = [...this.core.keys.unique(keys)];
    const sums = await Promise.all(given.map((key) => this.incr(key, delta, options)));
    return new Map(given.map((key, index) => [key, sums[index] ?? 0]));
  }

  /** {@link decr} of several keys, each in a step of its own. @returns The sums, by their keys. */
  decrMany(keys: Iterable<string>, delta = 1, options: VersionOption = NO_OPTIONS): Promise<Map<string, number>> {
    return this.incrMany(keys, -delta, options);
  }

  /**
   * Moves an entry to another version, with its time to live. It is read, written and deleted, not in one step.
   *
   * @returns The new version.
   * @throws {CacheKeyNotFoundError} When there is no entry.
   */
  async incrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.core.writing(options, async (version = this.core.settings.version) => {
      const { keys, store, codec, tags } = this.core;
      const [from, to] = [keys.of(key, version), keys.of(key, version + delta)];
      const [found, [ttl]] = await Promise.all([
        this.#read(key, NO_OPTIONS, version),
        store.ttlMany([from.whole], this.core.newDeadline()),
      ]);
      if (found.status !== "entry" || ttl === undefined) throw new CacheKeyNotFoundError(key);
      const names = Object.keys(found.header?.tags ?? {});
      const tokens = await tags.ensure(names, version + delta, ttl, this.core.newDeadline());
      const header = found.header && { ...found.header, tags: tokens };
      const { stored } = codec.write(found.value, "value", header);
      this.core.loads.overrule([to]);
      await store.setMany([{ key: to.whole, value: stored, ttl }], "always", this.core.newDeadline());
      await this.#delete([from]);
      return version + delta;
    });
  }

  /** {@link incrVersion} the other way. */
  decrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    return this.incrVersion(key, -delta, options);
  }

  /** The keys of this cache and version that match a pattern, as they were given. See {@link iterKeys}. */
  async keys(pattern: string, options: VersionOption = NO_OPTIONS): Promise<string[]> {
    const keys: string[] = [];
    for await (const key of this.iterKeys(pattern, options)) keys.push(key);
    return keys;
  }

  /**
   * Walks the keys of this cache and version that match a pattern, page by page, as they were given. It looks at all keys
   * of the store, so it is for maintenance, not for requests; each page has a deadline of its own.
   *
   * @param pattern In Redis's glob style: `*`, `?`, `[abc]`, `[^a]`, and `\` for the next character as it is.
   * @throws {ImproperlyConfigured} When the store cannot walk its keys.
   * @throws {CacheUsageError} With a key function of your own.
   */
  async *iterKeys(pattern: string, options: VersionOption = NO_OPTIONS): AsyncGenerator<string, void, undefined> {
    const { keys, store, path } = this.core;
    requireCapability(store, "scan", "a walk through the keys", path);
    const { head, matches } = toKeyPattern(pattern);
    const prefix = await this.core.writing(options, async (version) => keys.prefixOf(version));
    for await (const whole of store.scan(prefix + head, () => this.core.newDeadline())) {
      const key = whole.slice(prefix.length);
      if (!key.startsWith(TAG_KEY) && matches(key)) yield key;
    }
  }

  /** Deletes the entries whose keys match a pattern. See {@link iterKeys}. @returns How many there were. */
  async deletePattern(pattern: string, options: VersionOption = NO_OPTIONS): Promise<number> {
    let count = 0;
    let page: string[] = [];
    for await (const key of this.iterKeys(pattern, options)) {
      page.push(key);
      if (page.length < DELETE_PAGE) continue;
      count += await this.deleteMany(page, options);
      page = [];
    }
    return count + (await this.deleteMany(page, options));
  }

  #read(key: string, options: ReadOptions, version: number | undefined): Promise<Found> {
    const { keys, reader } = this.core;
    return reader.read(keys.of(key, version), toReadPlan(options, version), this.core.newDeadline());
  }

  #valueOf(found: Found, key: string, fallback: unknown): unknown {
    const { monitor } = this.core;
    if (!this.#isFresh(found)) {
      monitor.emit("miss", { key });
      return fallback;
    }
    monitor.hit(key);
    return found.value;
  }

  #isFresh(found: Found): found is Found & { readonly status: "entry" } {
    if (found.status !== "entry") return false;
    return found.header === undefined || freshnessOf(found.header, NO_GRACE, this.core.clock.now(), zero) === "fresh";
  }

  async #has(key: string, options: ReadOptions): Promise<boolean> {
    try {
      return this.#isFresh(await this.core.reading(options, (version) => this.#read(key, options, version)));
    } catch (error) {
      if (error instanceof CacheCorruptError) return true;
      throw error;
    }
  }

  #write(
    values: readonly (readonly [string, unknown])[],
    pathOf: (key: string) => string,
    options: SetOptions,
    condition: SetCondition,
  ): Promise<readonly boolean[]> {
    const { keys, codec, store, loads } = this.core;
    const ttl = this.core.ttlOf(options.timeout);
    return this.core.writing(options, async (version) => {
      const entries = values.map(([key]) => keys.of(key, version));
      const header = await this.#headerFor(options.tags ?? NO_TAGS, version, ttl);
      const written = values.map(([key, value]) => codec.write(value, pathOf(key), header).stored);
      if (endsAtOnce(ttl)) return this.#writeNothing(values, entries, condition, options);
      loads.overrule(entries);
      const records = entries.map(({ whole }, index) => ({ key: whole, value: written[index] ?? "", ttl }));
      return store.setMany(records, condition, this.core.newDeadline());
    });
  }

  async #headerFor(
    tags: readonly string[],
    version: number | undefined,
    ttl: Milliseconds | null,
  ): Promise<EntryHeader | undefined> {
    if (tags.length === 0 || endsAtOnce(ttl)) return undefined;
    const tokens = await this.core.tags.ensure(tags, version, ttl, this.core.newDeadline());
    return { at: this.core.clock.now(), nonce: newNonce(), tags: tokens };
  }

  /** What has expired at once leaves no entry where it may replace one, and needs no write where it may not. */
  async #writeNothing(
    values: readonly (readonly [string, unknown])[],
    entries: readonly EntryKey[],
    condition: SetCondition,
    options: VersionOption,
  ): Promise<readonly boolean[]> {
    const isThere =
      condition === "always"
        ? undefined
        : await this.hasMany(
            values.map(([key]) => key),
            options,
          );
    if (condition === "if-absent") return values.map(([key]) => isThere?.has(key) !== true);
    await this.#delete(entries);
    return values.map(([key]) => isThere === undefined || isThere.has(key));
  }

  async #touch(entries: readonly EntryKey[], ttl: Milliseconds | null): Promise<readonly boolean[]> {
    const { store } = this.core;
    if (!endsAtOnce(ttl)) return store.touchMany(wholeKeys(entries), ttl, this.core.newDeadline());
    return Promise.all(entries.map(async (entry) => (await this.#delete([entry])) === 1));
  }

  #delete(keys: readonly EntryKey[]): Promise<number> {
    this.core.loads.overrule(keys);
    return this.core.store.deleteMany(wholeKeys(keys), this.core.newDeadline());
  }

  async #incr(key: string, delta: bigint, options: VersionOption): Promise<bigint> {
    const { store, path, keys, loads } = this.core;
    requireCapability(store, "atomicIncrement", "incr() and decr()", path);
    const result = await this.core.writing(options, async (version) => {
      const entry = keys.of(key, version);
      loads.overrule([entry]);
      return store.incr(entry.whole, delta, this.core.newDeadline());
    });
    if (result.status === "missing") throw new CacheKeyNotFoundError(key);
    if (result.status === "not-integer") throw new CacheNotIntegerError(key);
    return result.value;
  }
}

/** How many keys `deletePattern` collects before it deletes them. */
const DELETE_PAGE = 1000;

function toReadPlan({ tags = NO_TAGS }: ReadOptions, version: number | undefined): ReadPlan {
  return { tags, version, corrupt: "throw" };
}

function toCondition({ nx = false, xx = false }: ConditionalSetOptions): SetCondition {
  if (nx && xx)
    throw new CacheUsageError("A value is stored only where nothing is (nx) or only over an entry (xx), not both.");
  if (nx) return "if-absent";
  return xx ? "if-present" : "always";
}

function wholeKeys(keys: readonly EntryKey[]): string[] {
  return keys.map(({ whole }) => whole);
}

/** The keys, as they were given, for which something is true. */
function pick(entries: readonly EntryKey[], isTrue: readonly boolean[]): Set<string> {
  return new Set(entries.filter((_, index) => isTrue[index]).map(({ given }) => given));
}

const onlyPath = (): string => "value";
const memberPath = (key: string): string => `values[${JSON.stringify(key)}]`;
const zero = (): number => 0;
