import type { EpochMilliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { startTimer, type Timer } from "../../core/timers.ts";
import type { LeasedEntries } from "../../cache/leased-entries.ts";
import { type EntryRecord, isRecord, remainingOf, toEntry, toRecord } from "./entry-record.ts";
import { InvalidationLog } from "./invalidation-log.ts";
import { Invalidations } from "./invalidations.ts";
import { type HeldLease, Leases, type Pause } from "./leases.ts";
import type { ResolvedNextCacheHandlerOptions } from "./options.ts";
import { readStream } from "./read-stream.ts";
import { StorePause } from "./store-pause.ts";
import { verdictOf } from "./tag-states.ts";
import { TaggedEntries } from "./tagged-entries.ts";
import { digest, Tags } from "./tags.ts";
import type { NextCacheEntry, NextCacheHandler, NextTagDurations } from "./types.ts";

/** Clocks and waits that tests replace. */
export interface NextHandlerTimes {
  /** Clock of the times in entries. @defaultValue that of Next, which never jumps */
  readonly now?: () => EpochMilliseconds;
  /** @defaultValue a timer */
  readonly pause?: Pause;
}

/** A complete entry. */
interface Made {
  readonly entry: NextCacheEntry;
  readonly bytes: Uint8Array;
  /** Number of invalidations before the call that has made it. */
  readonly seen: number;
}

/**
 * Cache handler of Next 16 on a cache. Failures of the store are misses, and go to `onError`; only
 * those of {@link updateTags} are thrown.
 */
export class CacheNextHandler implements NextCacheHandler {
  readonly #entries: LeasedEntries;
  readonly #options: ResolvedNextCacheHandlerOptions;
  readonly #tags: Tags;
  readonly #tagged: TaggedEntries<EntryRecord>;
  readonly #invalidations: Invalidations;
  readonly #leases: Leases;
  readonly #storePause: StorePause;
  readonly #log = new InvalidationLog();
  /** Running calls of {@link set}, by the keys of their entries. */
  readonly #pending = new Map<string, Promise<void>>();
  readonly #now: () => EpochMilliseconds;

  /** @internal Use `nextCacheHandler`. */
  constructor(
    entries: LeasedEntries,
    options: ResolvedNextCacheHandlerOptions,
    times: NextHandlerTimes = {},
  ) {
    const { now = () => performance.timeOrigin + performance.now(), pause } = times;
    const onError = (error: unknown): void => this.#report(error);
    const tags = Tags.of(entries, options.prefix, options.maxAge);
    this.#entries = entries;
    this.#options = options;
    this.#tags = tags;
    this.#tagged = new TaggedEntries({ entries, tags, log: this.#log, isRecord, now, pause });
    this.#invalidations = new Invalidations(tags);
    this.#storePause = new StorePause(entries.clock, options.onError);
    this.#leases = new Leases({ entries, maxWait: options.maxWait, onError, pause });
    this.#now = now;
  }

  /**
   * Reads an entry. On a miss, the first caller of all processes makes it, and the others wait for
   * it, for at most `maxWait`.
   *
   * @param softTags Tags of the route.
   * @returns `undefined` for a caller that has to make the entry.
   */
  async get(cacheKey: string, softTags: readonly string[]): Promise<NextCacheEntry | undefined> {
    const key = this.#keyOf(cacheKey);
    await this.#awaitPending(key);
    if (this.#isAway) return undefined;
    try {
      return await this.#getOrMake(key, softTags);
    } catch (error) {
      this.#report(error);
      return undefined;
    }
  }

  /** Stores an entry when it is complete. One whose stream fails is not stored. */
  async set(cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void> {
    const key = this.#keyOf(cacheKey);
    const storing = this.#store(key, pendingEntry);
    this.#pending.set(key, storing);
    await storing;
    if (this.#pending.get(key) === storing) this.#pending.delete(key);
  }

  /** Catches up with what a failure of the store has left. Tags are read with each entry. */
  async refreshTags(): Promise<void> {
    if (this.#isAway || (!this.#log.isEmpty && !this.#invalidations.areOwed)) return;
    try {
      await this.#invalidations.invalidateOwed();
      await this.#tagged.observe(this.#entries.newDeadline());
    } catch (error) {
      this.#report(error);
    }
  }

  /** Returns `Infinity`: {@link get} checks the tags of the route. */
  async getExpiration(): Promise<number> {
    return Infinity;
  }

  /**
   * Makes all entries with one of these tags stale, or, without durations, misses; all processes
   * see it at once. One that fails is tried again with the next request, before anything is read.
   *
   * @throws {StoreConnectionError} When the store could not be reached.
   */
  async updateTags(tags: readonly string[], durations?: NextTagDurations): Promise<void> {
    try {
      await this.#invalidations.invalidate({
        tags: [...new Set(tags)],
        durations,
        at: this.#entries.clock.now(),
      });
    } catch (error) {
      this.#report(error);
      throw error;
    }
  }

  async #getOrMake(key: string, softTags: readonly string[]): Promise<NextCacheEntry | undefined> {
    await this.#invalidations.invalidateOwed();
    const end = this.#entries.clock.monotonic() + this.#options.maxWait;
    do {
      const { found, hit } = await this.#tagged.read(key, softTags);
      if (hit !== undefined && this.#isUsable(hit.record)) return toEntry(hit.record, hit.isStale);
      if ((await this.#leases.takeOrWait(key, found, end)) === "make") return undefined;
    } while (this.#entries.clock.monotonic() <= end);
    return undefined;
  }

  #isUsable(record: EntryRecord): boolean {
    return (remainingOf(record, this.#entries.clock.now()) ?? 1) > 0;
  }

  async #store(key: string, pendingEntry: Promise<NextCacheEntry>): Promise<void> {
    const held = this.#leases.claim(key);
    try {
      // Next itself reports what its functions throw.
      const made = await this.#make(pendingEntry).catch(() => "lost" as const);
      if (made === "lost") return;
      this.#leases.note(key, made !== "not-kept");
      if (made !== "not-kept") await this.#storeMade(key, made, held);
    } catch (error) {
      this.#report(error);
    } finally {
      if (held !== undefined) await this.#leases.release(held);
    }
  }

  /**
   * @returns `"lost"` for an entry that cannot be stored now, `"not-kept"` for one that never is.
   * @throws What the function has thrown.
   */
  async #make(pendingEntry: Promise<NextCacheEntry>): Promise<Made | "lost" | "not-kept"> {
    const entry = await pendingEntry;
    const seen = this.#log.before(entry.timestamp);
    const isKept = (remainingOf(entry, this.#now()) ?? 1) > 0;
    if (this.#isAway || seen === undefined || !isKept) {
      await entry.value.cancel();
      return isKept ? "lost" : "not-kept";
    }
    const { maxBytes, onError } = this.#options;
    const bytes = await readStream(entry.value, maxBytes);
    if (bytes !== undefined) return { entry, bytes, seen };
    onError(
      new CacheUsageError(
        `An entry of Next is larger than ${maxBytes} bytes, so it was not stored. Cache smaller parts, or raise the ` +
          "option maxBytes of nextCacheHandler().",
      ),
    );
    return "not-kept";
  }

  async #storeMade(key: string, { entry, bytes, seen }: Made, held: HeldLease | undefined): Promise<void> {
    const deadline = this.#entries.newDeadline();
    const record = toRecord(entry, bytes, seen);
    const states = await this.#tags.ensure(record.tags, deadline);
    if (verdictOf(states, seen, this.#entries.clock.now()) === "expired") return;
    const left = remainingOf(record, this.#now());
    const { maxAge } = this.#options;
    const ttl = left === null || (maxAge !== null && maxAge < left) ? maxAge : Math.max(1, left);
    if (held === undefined || held.isOver) {
      await this.#entries.put(key, { value: record, ttl }, deadline);
      return;
    }
    this.#leases.end(held);
    const result = await this.#entries.fill(held.lease, { value: record, ttl }, deadline);
    if (result.status === "unstored") this.#report(result.error);
  }

  /** Waits while an entry is stored, for at most `maxWait`. */
  async #awaitPending(key: string): Promise<void> {
    const storing = this.#pending.get(key);
    if (storing === undefined) return;
    let timer: Timer | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = startTimer(this.#options.maxWait, resolve);
    });
    await Promise.race([storing, timeout]);
    timer?.stop();
  }

  get #isAway(): boolean {
    return this.#storePause.isAway;
  }

  #report(error: unknown): void {
    this.#storePause.report(error);
  }

  #keyOf(cacheKey: string): string {
    return `${this.#options.prefix}${digest(cacheKey)}`;
  }
}
