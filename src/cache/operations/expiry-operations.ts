import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkCallOptions, NO_OPTIONS } from "../options/cache-calls.ts";
import type { VersionOption } from "../options/cache-options.ts";
import { toReadPlan } from "../entry/entry-reader.ts";
import { type EntryKey, storageKeys } from "../keys/keys.ts";
import { endsAtOnce, type Timeout } from "../options/timeouts.ts";
import { type Touch, touchEntries } from "./touch-entries.ts";
import { isThere, ValueOperations } from "./value-operations.ts";

/** Reads and sets the expiry of entries. */
export abstract class ExpiryOperations extends ValueOperations {
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
  async touch(key: string, timeout?: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "touch");
    return (await this.touchMany([key], timeout, options)).has(key);
  }

  /** {@link touch} of several entries. @returns The keys of the existing ones. */
  async touchMany(
    keys: Iterable<string>,
    timeout?: Timeout,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Set<string>> {
    checkCallOptions(options, "touchMany");
    const ttl = this.core.ttlOf(timeout);
    return this.core.writing(options, async (version, deadline) => {
      const entries = this.core.keys.ofMany(keys, version);
      return pick(entries, await this.#touch(entries, { ttl, version, deadline }));
    });
  }

  /**
   * Sets the remaining time of an entry: {@link touch} with a required timeout. django-redis:
   * `expire`.
   */
  async expire(key: string, timeout: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "expire");
    // Without a timeout, touch() would use the one of the settings.
    if (timeout === undefined) throw new CacheUsageError("expire() takes a timeout, got nothing.");
    return this.touch(key, timeout, options);
  }

  /**
   * Sets the instant at which an entry expires. An instant in the past deletes it.
   *
   * @returns Whether there is such an entry.
   */
  async expireAt(key: string, at: Date, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "expireAt");
    if (!(at instanceof Date) || Number.isNaN(at.getTime())) {
      throw new CacheUsageError(`expireAt() takes a valid Date, got ${describeValue(at)}.`);
    }
    return this.touch(key, (at.getTime() - this.core.clock.now()) / 1000, options);
  }

  /**
   * Removes the expiry of an entry, as {@link touch} with `null`.
   *
   * @returns Whether there is such an entry, even without an expiry before.
   */
  async persist(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "persist");
    return this.touch(key, null, options);
  }

  /** {@link persist} of several entries. @returns The keys of the existing ones. */
  async persistMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Set<string>> {
    checkCallOptions(options, "persistMany");
    return this.touchMany(keys, null, options);
  }

  /**
   * Returns the remaining time of an entry, in seconds, rounded up; `null` without an expiry,
   * `undefined` without an entry (django-redis: `None` and 0). Includes the time for which `stale`
   * and `staleIfError` keep the entry.
   */
  async ttl(key: string, options: VersionOption = NO_OPTIONS): Promise<number | null | undefined> {
    checkCallOptions(options, "ttl");
    const left = await this.pttl(key, options);
    return typeof left === "number" ? Math.ceil(left / 1000) : left;
  }

  /** {@link ttl} in milliseconds. */
  async pttl(key: string, options: VersionOption = NO_OPTIONS): Promise<Milliseconds | null | undefined> {
    checkCallOptions(options, "pttl");
    return (await this.pttlMany([key], options)).get(key);
  }

  /** {@link ttl} of several entries, by their keys, without the missing ones. */
  async ttlMany(
    keys: Iterable<string>,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Map<string, number | null>> {
    checkCallOptions(options, "ttlMany");
    const left = await this.pttlMany(keys, options);
    return new Map([...left].map(([key, each]) => [key, each === null ? null : Math.ceil(each / 1000)]));
  }

  /** {@link ttlMany} in milliseconds. */
  async pttlMany(
    keys: Iterable<string>,
    options: VersionOption = NO_OPTIONS,
  ): Promise<Map<string, Milliseconds | null>> {
    checkCallOptions(options, "pttlMany");
    const given = [...this.core.keys.unique(keys)];
    const ttls = await this.core.reading(options, (version, deadline) =>
      this.core.store.ttlMany(storageKeys(this.core.keys.ofMany(given, version)), deadline),
    );
    const left = new Map<string, Milliseconds | null>();
    for (const [index, key] of given.entries()) {
      const ttl = ttls[index];
      if (ttl !== undefined) left.set(key, ttl);
    }
    return left;
  }

  async #touch(entries: readonly EntryKey[], touch: Touch): Promise<readonly boolean[]> {
    const { loads, reader, clock } = this.core;
    if (!endsAtOnce(touch.ttl)) return touchEntries(this.core, entries, touch);
    loads.supersede(entries);
    const { version, deadline } = touch;
    const found = await reader.takeMany(
      entries,
      { ...toReadPlan(NO_OPTIONS, version), onCorrupt: "miss" },
      deadline,
    );
    return found.map((each) => isThere(each, clock.now()));
  }
}

/** Returns the keys, as they were given, whose flag is true. */
function pick(entries: readonly EntryKey[], isTrue: readonly boolean[]): Set<string> {
  return new Set(entries.filter((_, index) => isTrue[index]).map(({ key }) => key));
}
