import { LRUCache } from "lru-cache";

import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError, isStoreError } from "../../core/errors.ts";
import { startTimer, type Timer } from "../../core/timers.ts";
import { type Found, MISSING } from "../../cache/entry/entry-reader.ts";
import type { LeasedEntries } from "../../cache/leased-entries.ts";
import { type EntryRecord, isRecord, remainingOf, toEntry, toRecord } from "./entry-record.ts";
import { InvalidationLog } from "./invalidation-log.ts";
import { type HeldLease, Leases, type Pause } from "./leases.ts";
import type { ResolvedNextCacheHandlerOptions } from "./options.ts";
import { readStream } from "./read-stream.ts";
import { type TagState, verdictOf } from "./tag-states.ts";
import { digest, type Invalidation, Tags, toCount, toState } from "./tags.ts";
import type { NextCacheEntry, NextCacheHandler, NextTagDurations } from "./types.ts";

/** Clocks and waits that tests replace. */
export interface NextHandlerTimes {
  /** Clock of the times in entries. @defaultValue that of Next, which never jumps */
  readonly now?: () => EpochMilliseconds;
  /** @defaultValue a timer */
  readonly pause?: Pause;
}

/** Maximum number of entries whose tags are remembered, so that one command reads all of a hit. */
const MAX_KNOWN = 1000;

/** Time for which a failed store is left alone: each part of a page would wait for it. */
const STORE_PAUSE: Milliseconds = 1000;

/** A complete entry. */
interface Made {
  readonly entry: NextCacheEntry;
  readonly bytes: Uint8Array;
  /** Number of invalidations before the call that has made it. */
  readonly seen: number;
}

/** Maximum number of failed invalidations that are tried again. */
const MAX_OWED = 1000;

/** Result of a read. */
interface Read {
  readonly found: Found;
  /** `undefined` on a miss. */
  readonly entry: NextCacheEntry | undefined;
}

/**
 * Cache handler of Next 16 on a cache. Failures of the store are misses, and go to `onError`; only
 * those of {@link updateTags} are thrown.
 */
export class CacheNextHandler implements NextCacheHandler {
  readonly #entries: LeasedEntries;
  readonly #options: ResolvedNextCacheHandlerOptions;
  readonly #tags: Tags;
  readonly #leases: Leases;
  readonly #log = new InvalidationLog();
  /** Tags of entries that this process has read, by their keys. */
  readonly #known = new LRUCache<string, readonly string[]>({ max: MAX_KNOWN });
  /** Running calls of {@link set}, by the keys of their entries. */
  readonly #pending = new Map<string, Promise<void>>();
  readonly #now: () => EpochMilliseconds;
  /** Invalidations that have failed. */
  readonly #owed = new Set<Invalidation>();
  #awayUntil: Milliseconds = 0;

  /** @internal Use `nextCacheHandler`. */
  constructor(
    entries: LeasedEntries,
    options: ResolvedNextCacheHandlerOptions,
    times: NextHandlerTimes = {},
  ) {
    const { now = () => performance.timeOrigin + performance.now(), pause } = times;
    const onError = (error: unknown): void => this.#report(error);
    this.#entries = entries;
    this.#options = options;
    this.#tags = new Tags(entries, options.prefix, options.maxAge);
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
    if (this.#isAway || (!this.#log.isEmpty && this.#owed.size === 0)) return;
    try {
      await this.#invalidateOwed();
      await this.#observe(this.#entries.newDeadline());
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
    const invalidation = { tags: [...new Set(tags)], durations, at: this.#entries.clock.now() };
    try {
      await this.#tags.invalidate(invalidation);
    } catch (error) {
      // Next does not tell a route handler of it.
      this.#owe(invalidation);
      this.#report(error);
      throw error;
    }
  }

  #owe(invalidation: Invalidation): void {
    this.#owed.add(invalidation);
    const [oldest] = this.#owed;
    if (oldest !== undefined && this.#owed.size > MAX_OWED) this.#owed.delete(oldest);
  }

  async #invalidateOwed(): Promise<void> {
    for (const invalidation of this.#owed) {
      await this.#tags.invalidate(invalidation);
      this.#owed.delete(invalidation);
    }
  }

  async #getOrMake(key: string, softTags: readonly string[]): Promise<NextCacheEntry | undefined> {
    await this.#invalidateOwed();
    const end = this.#entries.clock.monotonic() + this.#options.maxWait;
    do {
      const { found, entry } = await this.#read(key, softTags);
      if (entry !== undefined) return entry;
      if ((await this.#leases.takeOrWait(key, found, end)) === "make") return undefined;
    } while (this.#entries.clock.monotonic() <= end);
    return undefined;
  }

  /** Reads an entry, the states of its tags and those of the route: one command, if its tags are known. */
  async #read(key: string, softTags: readonly string[]): Promise<Read> {
    const deadline = this.#entries.newDeadline();
    const tags = [...new Set([...softTags, ...(this.#known.get(key) ?? [])])];
    const tagKeys = tags.map((tag) => this.#tags.keyOf(tag));
    const [found = MISSING, count, ...states] = await this.#entries.readMany(
      [key, this.#tags.countKey, ...tagKeys],
      deadline,
    );
    await this.#note(toCount(count), deadline);
    if (found.status !== "entry" || !isRecord(found.value)) return { found, entry: undefined };
    const known = new Map(tags.map((tag, index) => [tag, toState(states[index])]));
    const entry = await this.#validate(key, found.value, softTags, known, deadline);
    return { found, entry };
  }

  async #validate(
    key: string,
    record: EntryRecord,
    softTags: readonly string[],
    known: Map<string, TagState | undefined>,
    deadline: Deadline,
  ): Promise<NextCacheEntry | undefined> {
    const unknown = record.tags.filter((tag) => !known.has(tag));
    this.#known.set(key, record.tags);
    const read = await this.#entries.readMany(
      unknown.map((tag) => this.#tags.keyOf(tag)),
      deadline,
    );
    unknown.forEach((tag, index) => known.set(tag, toState(read[index])));
    // The store has forgotten the tag, and with it perhaps an invalidation.
    if (record.tags.some((tag) => known.get(tag) === undefined)) return undefined;
    const now = this.#entries.clock.now();
    if ((remainingOf(record, now) ?? 1) <= 0) return undefined;
    const states = [...record.tags, ...softTags].flatMap((tag) => known.get(tag) ?? []);
    const verdict = verdictOf(states, record.seen, now);
    return verdict === "expired" ? undefined : toEntry(record, verdict === "stale");
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

  async #note(count: number | undefined, deadline: Deadline): Promise<void> {
    if (count === undefined) await this.#observe(deadline);
    else this.#log.note(count, this.#now());
  }

  async #observe(deadline: Deadline): Promise<void> {
    this.#log.note(await this.#tags.readCount(deadline), this.#now());
  }

  get #isAway(): boolean {
    return this.#entries.clock.monotonic() < this.#awayUntil;
  }

  #report(error: unknown): void {
    if (isStoreError(error)) this.#awayUntil = this.#entries.clock.monotonic() + STORE_PAUSE;
    this.#options.onError(error);
  }

  #keyOf(cacheKey: string): string {
    return `${this.#options.prefix}${digest(cacheKey)}`;
  }
}
