import type { Milliseconds } from "../core/clock.ts";
import { CacheUsageError } from "../core/errors.ts";
import { newNonce } from "../core/ids.ts";
import type { SetCondition } from "../stores/cache-store.ts";
import { checkCallOptions, checkFlag, checkTags, NO_OPTIONS } from "./cache-calls.ts";
import type { CacheCore } from "./cache-core.ts";
import type { ConditionalSetOptions, GetOptions, ReadOptions, SetOptions, VersionOption } from "./cache-options.ts";
import type { EntryHeader } from "./entry-codec.ts";
import { type Found, toReadPlan } from "./entry-reader.ts";
import { isFresh } from "./freshness.ts";
import type { EntryKey } from "./keys.ts";
import { endsAtOnce } from "./timeouts.ts";
import { entriesOf } from "./values.ts";

/** Reads, stores and deletes values. */
export abstract class ValueOperations {
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
    checkCallOptions(options, "get");
    const { core } = this;
    // The usual case, without the detours of the others: it is the hot path.
    const found =
      core.sharedVersion === undefined
        ? await core.read(key, options, options.version)
        : await core.reading(options, (version) => core.read(key, options, version));
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
    checkCallOptions(options, "getMany");
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
    checkCallOptions(options, "set");
    const [isStored = false] = await this.#write([[key, value]], onlyPath, options, toCondition(options));
    return isStored;
  }

  /**
   * Stores several values. All of them are checked before the first is written; then each is written for itself.
   *
   * @param values By their keys.
   * @returns The keys that were not stored, as in Django: none, but with `nx` and `xx`, and where
   *   `onStoreError` is `"miss"`.
   */
  async setMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: ConditionalSetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    checkCallOptions(options, "setMany");
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
    checkCallOptions(options, "add");
    const [isAdded = false] = await this.#write([[key, value]], onlyPath, options, "if-absent");
    return isAdded;
  }

  /** Stores those values whose keys have none. @returns The keys that had none. */
  async addMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: SetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    checkCallOptions(options, "addMany");
    const entries = entriesOf(values);
    const added = await this.#write(entries, memberPath, options, "if-absent");
    return entries.filter((_, index) => added[index] === true).map(([key]) => key);
  }

  /** Deletes an entry. @returns Whether there was one. */
  async delete(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "delete");
    return (await this.deleteMany([key], options)) === 1;
  }

  /** Deletes several entries. @returns How many there were. */
  async deleteMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "deleteMany");
    return this.core.writing(options, async (version) => this.core.deleteEntries(this.core.keys.ofMany(keys, version)));
  }

  /** Whether there is an entry, readable or not, whose time is not over. */
  async has(key: string, options: ReadOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "has");
    return (await this.hasMany([key], options)).has(key);
  }

  /** {@link has} of several keys. @returns The keys of those that are there. */
  async hasMany(keys: Iterable<string>, options: ReadOptions = NO_OPTIONS): Promise<Set<string>> {
    checkCallOptions(options, "hasMany");
    const given = [...this.core.keys.unique(keys)];
    const found = await this.core.reading(options, (version) => {
      const plan = { ...toReadPlan(options, version), corrupt: "bury" } as const;
      return this.core.reader.readMany(this.core.keys.ofMany(given, version), plan, this.core.newDeadline());
    });
    const now = this.core.clock.now();
    return new Set(given.filter((_, index) => isThere(found[index], now)));
  }

  #valueOf(found: Found, key: string, fallback: unknown): unknown {
    const { monitor } = this.core;
    if (!isLive(found, this.core.clock.now())) {
      monitor.emit("miss", { key });
      return fallback;
    }
    monitor.hit(key);
    return found.value;
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
      const header =
        options.tags === undefined ? undefined : await this.#headerFor(checkTags(options.tags), version, ttl);
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
    { version }: VersionOption,
  ): Promise<readonly boolean[]> {
    const present =
      condition === "always"
        ? undefined
        : await this.hasMany(
            values.map(([key]) => key),
            { version },
          );
    if (condition === "if-absent") return values.map(([key]) => present?.has(key) !== true);
    await this.core.deleteEntries(entries);
    return values.map(([key]) => present === undefined || present.has(key));
  }
}

/** Whether there is a value whose time is not over. */
function isLive(found: Found, now: number): found is Found & { readonly status: "entry" } {
  return found.status === "entry" && isFresh(found.header, now);
}

/** Whether there is anything, readable or not, whose time is not over. */
function isThere(found: Found | undefined, now: number): boolean {
  return found?.status === "unreadable" || (found !== undefined && isLive(found, now));
}

function toCondition(options: ConditionalSetOptions): SetCondition {
  if (options === NO_OPTIONS) return "always";
  const [nx, xx] = [checkFlag(options.nx, "nx"), checkFlag(options.xx, "xx")];
  if (nx && xx) {
    throw new CacheUsageError("A value is stored only where nothing is (nx) or only over an entry (xx), not both.");
  }
  if (nx) return "if-absent";
  return xx ? "if-present" : "always";
}

const onlyPath = (): string => "value";
const memberPath = (key: string): string => `values[${JSON.stringify(key)}]`;
