import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { newNonce } from "../../core/ids.ts";
import type { SetCondition } from "../../stores/cache-store.ts";
import { checkCallOptions, checkFlag, checkTags, NO_OPTIONS } from "../options/cache-calls.ts";
import type { CacheCore } from "../cache-core.ts";
import type {
  ConditionalSetOptions,
  GetOptions,
  ReadOptions,
  SetOptions,
  VersionOption,
} from "../options/cache-options.ts";
import type { EntryHeader } from "../entry/entry-codec.ts";
import { type Found, type ReadPlan, toReadPlan } from "../entry/entry-reader.ts";
import { isFresh } from "../entry/freshness.ts";
import type { EntryKey } from "../keys/keys.ts";
import { endsAtOnce } from "../options/timeouts.ts";
import { entriesOf } from "./values.ts";

const MISSING = { status: "missing" } as const;

/** Reads, stores and deletes values. */
export abstract class ValueOperations {
  /** @internal */
  protected readonly core: CacheCore;

  /** @internal */
  constructor(core: CacheCore) {
    this.core = core;
  }

  /**
   * Reads a value, built for each call.
   *
   * @returns The default on a miss. A stored `null` is no miss.
   * @throws {CacheCorruptError} When the entry cannot be read.
   */
  get<Value = unknown>(key: string, options: GetOptions<Value> & { readonly default: Value }): Promise<Value>;
  get<Value = unknown>(key: string, options?: GetOptions<Value>): Promise<Value | undefined>;
  async get(key: string, options: GetOptions<unknown> = NO_OPTIONS): Promise<unknown> {
    checkCallOptions(options, "get");
    const { core } = this;
    // The hot path, without the detours of the other calls.
    const found =
      core.sharedVersion === undefined
        ? await core.read(key, options, options.version, core.newDeadline())
        : await core.reading(options, (version, deadline) => core.read(key, options, version, deadline));
    return this.#valueOf(found, key, options.default);
  }

  /**
   * Reads several values.
   *
   * @returns The existing values by their keys, in the order of the given keys.
   * @throws {CacheCorruptError} When one of the entries cannot be read.
   */
  async getMany<Value = unknown>(
    keys: Iterable<string>,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    checkCallOptions(options, "getMany");
    const given = [...this.core.keys.unique(keys)];
    const found = await this.core.reading(options, (version, deadline) => {
      const entries = this.core.keys.ofMany(given, version);
      return this.core.reader.readMany(entries, toReadPlan(options, version), deadline);
    });
    return this.#valuesOf(given, found);
  }

  /**
   * Stores a value. A timeout of 0 or less deletes.
   *
   * @returns Whether it was stored: always, except with `nx` or `xx`, or if `onStoreError` is
   *   `"miss"`.
   */
  async set(key: string, value: unknown, options: ConditionalSetOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "set");
    const [isStored = false] = await this.#write([[key, value]], onlyPath, options, toCondition(options));
    return isStored;
  }

  /**
   * Stores several values. All are checked before the first is written; then each is written
   * separately.
   *
   * @param values By their keys.
   * @returns The keys that were not stored, as in Django: none, except with `nx` or `xx`, or if
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
   * @returns Whether there was none, even with a timeout of 0 or less, which stores nothing.
   */
  async add(key: string, value: unknown, options: SetOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "add");
    const [isAdded = false] = await this.#write([[key, value]], onlyPath, options, "if-absent");
    return isAdded;
  }

  /** Stores the values whose keys have none. @returns The keys that had none. */
  async addMany(
    values: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>,
    options: SetOptions = NO_OPTIONS,
  ): Promise<string[]> {
    checkCallOptions(options, "addMany");
    const entries = entriesOf(values);
    const added = await this.#write(entries, memberPath, options, "if-absent");
    return entries.filter((_, index) => added[index] === true).map(([key]) => key);
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
  async take(key: string, options: GetOptions<unknown> = NO_OPTIONS): Promise<unknown> {
    checkCallOptions(options, "take");
    const [found = MISSING] = await this.#take([key], options, "throw");
    return this.#valueOf(found, key, options.default);
  }

  /**
   * {@link take} of several keys, each in its own step. An unreadable entry is left out and
   * deleted, and the event `corrupt` reports it: an error would lose the other values.
   *
   * @returns The values by their keys, in the order of the given keys.
   */
  async takeMany<Value = unknown>(
    keys: Iterable<string>,
    options: ReadOptions = NO_OPTIONS,
  ): Promise<Map<string, Value>> {
    checkCallOptions(options, "takeMany");
    const given = [...this.core.keys.unique(keys)];
    return this.#valuesOf(given, await this.#take(given, options, "miss"));
  }

  /** Deletes an entry. @returns Whether there was one. */
  async delete(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "delete");
    return (await this.deleteMany([key], options)) === 1;
  }

  /** Deletes several entries. @returns Number of entries deleted. */
  async deleteMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "deleteMany");
    return this.core.writing(options, async (version, deadline) =>
      this.core.deleteEntries(this.core.keys.ofMany(keys, version), deadline),
    );
  }

  /** Returns whether an entry exists that has not expired, readable or not. */
  async has(key: string, options: ReadOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "has");
    return (await this.hasMany([key], options)).has(key);
  }

  /** {@link has} of several keys. @returns The keys of the existing entries. */
  async hasMany(keys: Iterable<string>, options: ReadOptions = NO_OPTIONS): Promise<Set<string>> {
    checkCallOptions(options, "hasMany");
    const given = [...this.core.keys.unique(keys)];
    const isPresent = await this.core.reading(options, (version, deadline) =>
      this.#arePresent(this.core.keys.ofMany(given, version), toReadPlan(options, version), deadline),
    );
    return new Set(given.filter((_, index) => isPresent[index]));
  }

  /** Returns whether each entry exists, in the order of their keys. */
  async #arePresent(entries: readonly EntryKey[], plan: ReadPlan, deadline: Deadline): Promise<boolean[]> {
    const found = await this.core.reader.readMany(entries, { ...plan, onCorrupt: "miss" }, deadline);
    const now = this.core.clock.now();
    return found.map((each) => isThere(each, now));
  }

  #take(given: readonly string[], options: ReadOptions, onCorrupt: ReadPlan["onCorrupt"]): Promise<Found[]> {
    const { keys, loads, reader } = this.core;
    return this.core.writing(options, async (version, deadline) => {
      const entries = keys.ofMany(given, version);
      const plan = { ...toReadPlan(options, version), onCorrupt };
      loads.supersede(entries);
      return reader.takeMany(entries, plan, deadline);
    });
  }

  /** Returns the existing values by their keys. */
  #valuesOf<Value>(keys: readonly string[], found: readonly Found[]): Map<string, Value> {
    const values = new Map<string, Value>();
    for (const [index, key] of keys.entries()) {
      const value = this.#valueOf(found[index] ?? MISSING, key, undefined);
      if (value !== undefined) values.set(key, value as Value);
    }
    return values;
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
    return this.core.writing(options, async (version, deadline) => {
      const entries = values.map(([key]) => keys.of(key, version));
      const header =
        options.tags === undefined
          ? undefined
          : await this.#headerFor(checkTags(options.tags), version, ttl, deadline);
      const written = values.map(([key, value]) => codec.write(value, pathOf(key), header).stored);
      if (endsAtOnce(ttl)) return this.#writeNothing(entries, condition, version, deadline);
      loads.supersede(entries);
      const records = entries.map(({ storageKey }, index) => ({
        key: storageKey,
        value: written[index] ?? "",
        ttl,
      }));
      return store.setMany(records, condition, deadline);
    });
  }

  async #headerFor(
    tags: readonly string[],
    version: number | undefined,
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<EntryHeader | undefined> {
    if (tags.length === 0 || endsAtOnce(ttl)) return undefined;
    const tokens = await this.core.tags.ensure(tags, version, ttl, deadline);
    return { at: this.core.clock.now(), nonce: newNonce(), tags: tokens };
  }

  /**
   * Handles a write that expires at once: deletes the entry where the condition allows it to be
   * replaced, and otherwise writes nothing.
   */
  async #writeNothing(
    entries: readonly EntryKey[],
    condition: SetCondition,
    version: number | undefined,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const present =
      condition === "always"
        ? undefined
        : await this.#arePresent(entries, toReadPlan(NO_OPTIONS, version), deadline);
    if (condition === "if-absent") return entries.map((_, index) => present?.[index] !== true);
    await this.core.deleteEntries(entries, deadline);
    return entries.map((_, index) => present?.[index] !== false);
  }
}

/** Returns whether there is a value that has not expired. */
function isLive(found: Found, now: number): found is Found & { readonly status: "entry" } {
  return found.status === "entry" && isFresh(found.header, now);
}

/** Returns whether an entry exists that has not expired, readable or not. */
export function isThere(found: Found | undefined, now: number): boolean {
  return found?.status === "unreadable" || (found !== undefined && isLive(found, now));
}

function toCondition(options: ConditionalSetOptions): SetCondition {
  if (options === NO_OPTIONS) return "always";
  const [nx, xx] = [checkFlag(options.nx, "nx"), checkFlag(options.xx, "xx")];
  if (nx && xx) {
    throw new CacheUsageError(
      "A value is stored only where no entry exists (nx) or only over one (xx), not both.",
    );
  }
  if (nx) return "if-absent";
  return xx ? "if-present" : "always";
}

const onlyPath = (): string => "value";
const memberPath = (key: string): string => `values[${JSON.stringify(key)}]`;
