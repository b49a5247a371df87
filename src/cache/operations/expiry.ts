import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import type { CacheCore } from "../cache-core.ts";
import { isThere, toReadPlan } from "../entry/entry-reader.ts";
import { type EntryKey, storageKeys } from "../keys/keys.ts";
import { checkCallOptions, NO_OPTIONS } from "../options/cache-calls.ts";
import type { VersionOption } from "../options/cache-options.ts";
import { endsAtOnce, type Timeout } from "../options/timeouts.ts";
import { type Touch, touchEntries } from "./touch-entries.ts";

/** Reads and sets the expiry of entries of a cache. */
export class Expiry {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.touch`. */
  async touch(key: string, timeout: Timeout | undefined, options: VersionOption): Promise<boolean> {
    checkCallOptions(options, "touch");
    return this.#touch(key, timeout, options);
  }

  /** See `cache.touchMany`. */
  async touchMany(
    keys: Iterable<string>,
    timeout: Timeout | undefined,
    options: VersionOption,
  ): Promise<Set<string>> {
    checkCallOptions(options, "touchMany");
    return this.#touchMany(keys, timeout, options);
  }

  /** See `cache.expire`. */
  async expire(key: string, timeout: Timeout, options: VersionOption): Promise<boolean> {
    checkCallOptions(options, "expire");
    // Without a timeout, touch() would use the one of the settings.
    if (timeout === undefined) throw new CacheUsageError("expire() takes a timeout, got nothing.");
    return this.#touch(key, timeout, options);
  }

  /** See `cache.expireAt`. */
  async expireAt(key: string, at: Date, options: VersionOption): Promise<boolean> {
    checkCallOptions(options, "expireAt");
    if (!(at instanceof Date) || Number.isNaN(at.getTime())) {
      throw new CacheUsageError(`expireAt() takes a valid Date, got ${describeValue(at)}.`);
    }
    return this.#touch(key, (at.getTime() - this.#core.clock.now()) / 1000, options);
  }

  /** See `cache.persist`. */
  async persist(key: string, options: VersionOption): Promise<boolean> {
    checkCallOptions(options, "persist");
    return this.#touch(key, null, options);
  }

  /** See `cache.persistMany`. */
  async persistMany(keys: Iterable<string>, options: VersionOption): Promise<Set<string>> {
    checkCallOptions(options, "persistMany");
    return this.#touchMany(keys, null, options);
  }

  /** See `cache.ttl`. */
  async ttl(key: string, options: VersionOption): Promise<number | null | undefined> {
    checkCallOptions(options, "ttl");
    return inSeconds((await this.#left([key], options)).get(key));
  }

  /** See `cache.pttl`. */
  async pttl(key: string, options: VersionOption): Promise<Milliseconds | null | undefined> {
    checkCallOptions(options, "pttl");
    return (await this.#left([key], options)).get(key);
  }

  /** See `cache.ttlMany`. */
  async ttlMany(keys: Iterable<string>, options: VersionOption): Promise<Map<string, number | null>> {
    checkCallOptions(options, "ttlMany");
    const left = await this.#left(keys, options);
    return new Map([...left].map(([key, each]) => [key, inSeconds(each)]));
  }

  /** See `cache.pttlMany`. */
  async pttlMany(keys: Iterable<string>, options: VersionOption): Promise<Map<string, Milliseconds | null>> {
    checkCallOptions(options, "pttlMany");
    return this.#left(keys, options);
  }

  async #touch(key: string, timeout: Timeout | undefined, options: VersionOption): Promise<boolean> {
    return (await this.#touchMany([key], timeout, options)).has(key);
  }

  /** Returns the keys, as they were given, of the existing entries. */
  async #touchMany(
    keys: Iterable<string>,
    timeout: Timeout | undefined,
    options: VersionOption,
  ): Promise<Set<string>> {
    const core = this.#core;
    const ttl = core.ttlOf(timeout);
    const deadline = core.newDeadline();
    const version = core.knownVersion(options) ?? (await core.currentVersion(deadline));
    const entries = core.keys.ofMany(keys, version);
    const areTouched = await this.#touchEntries(entries, { ttl, version, deadline });
    return new Set(entries.filter((_, index) => areTouched[index]).map(({ key }) => key));
  }

  async #touchEntries(entries: readonly EntryKey[], touch: Touch): Promise<readonly boolean[]> {
    const { loads, reader, clock } = this.#core;
    if (!endsAtOnce(touch.ttl)) return touchEntries(this.#core, entries, touch);
    loads.supersede(entries);
    const { version, deadline } = touch;
    const plan = { ...toReadPlan(NO_OPTIONS, version), onCorrupt: "miss" } as const;
    const found = await reader.takeMany(entries, plan, deadline);
    return found.map((each) => isThere(each, clock));
  }

  /** Returns the remaining times of the existing entries, by their keys. */
  async #left(keys: Iterable<string>, options: VersionOption): Promise<Map<string, Milliseconds | null>> {
    const core = this.#core;
    const given = [...core.keys.unique(keys)];
    const deadline = core.newDeadline();
    const ttls = await core.readWithVersion(options, deadline, (version) =>
      core.store.ttlMany(storageKeys(core.keys.ofMany(given, version)), deadline),
    );
    const left = new Map<string, Milliseconds | null>();
    for (const [index, key] of given.entries()) {
      const ttl = ttls[index];
      if (ttl !== undefined) left.set(key, ttl);
    }
    return left;
  }
}

function inSeconds<None extends null | undefined>(left: Milliseconds | None): number | None {
  return typeof left === "number" ? Math.ceil(left / 1000) : left;
}
