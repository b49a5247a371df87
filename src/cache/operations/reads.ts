import type { Milliseconds } from "../../core/clock.ts";
import type { CacheCore } from "../cache-core.ts";
import { type Found, isLive, MISSING, type ReadPlan, toReadPlan } from "../entry/entry-reader.ts";
import { isFresh } from "../entry/freshness.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import type { GetOptions, PeekOptions, ReadOptions } from "../options/cache-options.ts";
import type { Timeout } from "../options/timeouts.ts";

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

/** Reads and takes values of a cache. */
export class Reads {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.get`. */
  async get(key: string, options: GetOptions<unknown>): Promise<unknown> {
    checkCallOptions(options, "get");
    const found = this.#readSync(key, options) ?? (await this.#read(key, options));
    return this.#valueOf(found, key, options.default);
  }

  /** See `cache.getMany`. */
  async getMany<Value>(keys: Iterable<string>, options: ReadOptions): Promise<Map<string, Value>> {
    checkCallOptions(options, "getMany");
    const core = this.#core;
    const given = [...core.keys.unique(keys)];
    const deadline = core.newDeadline();
    const found = await core.readWithVersion(options, deadline, (version) =>
      core.reader.readMany(core.keys.ofEach(given, version), toReadPlan(options, version), deadline),
    );
    return this.#valuesOf(given, found);
  }

  /** See `cache.take`. */
  async take(key: string, options: GetOptions<unknown>): Promise<unknown> {
    checkCallOptions(options, "take");
    const [found = MISSING] = await this.#take([key], options, "throw");
    return this.#valueOf(found, key, options.default);
  }

  /** See `cache.takeMany`. */
  async takeMany<Value>(keys: Iterable<string>, options: ReadOptions): Promise<Map<string, Value>> {
    checkCallOptions(options, "takeMany");
    const given = [...this.#core.keys.unique(keys)];
    return this.#valuesOf(given, await this.#take(given, options, "miss"));
  }

  /** See `cache.has`. */
  async has(key: string, options: ReadOptions): Promise<boolean> {
    checkCallOptions(options, "has");
    return (await this.#presentOf([key], options)).has(key);
  }

  /** See `cache.hasMany`. */
  async hasMany(keys: Iterable<string>, options: ReadOptions): Promise<Set<string>> {
    checkCallOptions(options, "hasMany");
    return this.#presentOf(keys, options);
  }

  /** See `cache.peek`. */
  async peek<Value>(key: string, options: PeekOptions): Promise<Peek<Value>> {
    checkCallOptions(options, "peek");
    const core = this.#core;
    const { keys, reader, store, clock } = core;
    const deadline = core.newDeadline();
    const [found, [ttl]] = await core.readWithVersion(options, deadline, (version) => {
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

  #readSync(key: string, options: ReadOptions): Found | undefined {
    const { keys, reader } = this.#core;
    const version = this.#core.knownVersion(options);
    return version === undefined
      ? undefined
      : reader.readSync(keys.of(key, version), toReadPlan(options, version));
  }

  #read(key: string, options: ReadOptions): Promise<Found> {
    const core = this.#core;
    const deadline = core.newDeadline();
    return core.readWithVersion(options, deadline, (version) => core.read(key, options, version, deadline));
  }

  /** Returns the keys, among the given ones, of existing entries. */
  async #presentOf(keys: Iterable<string>, options: ReadOptions): Promise<Set<string>> {
    const core = this.#core;
    const given = [...core.keys.unique(keys)];
    const deadline = core.newDeadline();
    const arePresent = await core.readWithVersion(options, deadline, (version) =>
      core.arePresent(core.keys.ofEach(given, version), toReadPlan(options, version), deadline),
    );
    return new Set(given.filter((_, index) => arePresent[index]));
  }

  async #take(
    given: readonly string[],
    options: ReadOptions,
    onCorrupt: ReadPlan["onCorrupt"],
  ): Promise<Found[]> {
    const { keys, loads, reader } = this.#core;
    const deadline = this.#core.newDeadline();
    const version = this.#core.knownVersion(options) ?? (await this.#core.currentVersion(deadline));
    const entries = keys.ofEach(given, version);
    const plan = { ...toReadPlan(options, version), onCorrupt };
    loads.supersede(entries);
    return reader.takeMany(entries, plan, deadline);
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
    const { monitor, clock } = this.#core;
    if (!isLive(found, clock)) {
      monitor.emit("miss", { key });
      return fallback;
    }
    monitor.hit(key);
    return found.value;
  }

  /** Returns the age of an entry without a header: its timeout minus the remaining time. */
  #ageOf(left: Milliseconds | null, timeout: Timeout | undefined): Milliseconds | undefined {
    const whole = this.#core.ttlOf(timeout);
    return whole === null || left === null || left > whole ? undefined : whole - left;
  }
}
