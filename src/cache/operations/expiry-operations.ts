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

/** Tells and sets how long entries live. */
export abstract class ExpiryOperations extends ValueOperations {
  /**
   * Sets the time that an entry still has. A timeout of 0 or less deletes it.
   *
   * - The time for which `stale` and `staleIfError` keep it comes on top, as it did when it was stored. The
   *   tokens of its tags live for as long.
   * - An entry whose time is over already, or one of whose tags was invalidated, is none.
   * - When another caller writes the entry at the same time, what that says of its time holds.
   *
   * @param timeout As in {@link SetOptions.timeout}.
   * @returns Whether there is such an entry.
   */
  async touch(key: string, timeout?: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "touch");
    return (await this.touchMany([key], timeout, options)).has(key);
  }

  /** {@link touch} of several entries. @returns The keys of those that are there. */
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
   * Lets an entry live for this time from now on: {@link touch} with a timeout that is said. django-redis:
   * `expire`.
   */
  async expire(key: string, timeout: Timeout, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "expire");
    // Without a timeout it would be the one of the settings, as for touch().
    if (timeout === undefined) throw new CacheUsageError("expire() takes a timeout, got nothing.");
    return this.touch(key, timeout, options);
  }

  /**
   * Lets an entry live until an instant. One that is over deletes it.
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

  /** Takes the expiry off an entry, as {@link touch} with `null`. @returns Whether there is such an entry, also if it did not expire before. */
  async persist(key: string, options: VersionOption = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "persist");
    return this.touch(key, null, options);
  }

  /** {@link persist} of several entries. @returns The keys of those that are there. */
  async persistMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Set<string>> {
    checkCallOptions(options, "persistMany");
    return this.touchMany(keys, null, options);
  }

  /**
   * The time that an entry still has, in seconds, rounded up; `null` when it does not expire, `undefined`
   * when there is none (django-redis: `None` and 0). The time for which `stale` and `staleIfError` keep it
   * counts.
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

  /** {@link ttl} of several entries, by their keys; those that are not there are left out. */
  async ttlMany(keys: Iterable<string>, options: VersionOption = NO_OPTIONS): Promise<Map<string, number | null>> {
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
    const found = await reader.takeMany(entries, { ...toReadPlan(NO_OPTIONS, version), onCorrupt: "miss" }, deadline);
    return found.map((each) => isThere(each, clock.now()));
  }
}

/** The keys, as they were given, for which something is true. */
function pick(entries: readonly EntryKey[], isTrue: readonly boolean[]): Set<string> {
  return new Set(entries.filter((_, index) => isTrue[index]).map(({ key }) => key));
}
