import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import type { LeasedEntries } from "../../cache/leased-entries.ts";
import { type IncrementalRecord, isIncrementalRecord } from "./incremental-record.ts";
import { InvalidationLog } from "./invalidation-log.ts";
import { Invalidations } from "./invalidations.ts";
import { type HeldLease, Leases, type Pause } from "./leases.ts";
import type { ResolvedNextIncrementalOptions } from "./options.ts";
import { StorePause } from "./store-pause.ts";
import { verdictOf } from "./tag-states.ts";
import { TaggedEntries, type TaggedRead } from "./tagged-entries.ts";
import { digest, Tags } from "./tags.ts";
import type { NextTagDurations } from "./types.ts";

/** Clocks and waits that tests replace. */
export interface IncrementalTimes {
  /** Clock of the times in entries. @defaultValue that of Next, which never jumps */
  readonly now?: () => EpochMilliseconds;
  /** @defaultValue a timer */
  readonly pause?: Pause;
}

/** An entry to store. */
export interface IncrementalWrite {
  readonly record: IncrementalRecord;
  /** Size of the value, in bytes. */
  readonly size: number;
}

/** Entries of Next's incremental cache, of all requests of this process. */
export class IncrementalEntries {
  readonly now: () => EpochMilliseconds;
  readonly #entries: LeasedEntries;
  readonly #options: ResolvedNextIncrementalOptions;
  readonly #tags: Tags;
  readonly #tagged: TaggedEntries<IncrementalRecord>;
  readonly #invalidations: Invalidations;
  readonly #leases: Leases;
  readonly #storePause: StorePause;
  readonly #log = new InvalidationLog();

  constructor(entries: LeasedEntries, options: ResolvedNextIncrementalOptions, times: IncrementalTimes = {}) {
    const { now = () => performance.timeOrigin + performance.now(), pause } = times;
    const tags = Tags.of(entries, options.prefix, options.maxAge);
    this.now = now;
    this.#entries = entries;
    this.#options = options;
    this.#tags = tags;
    this.#tagged = new TaggedEntries({
      entries,
      tags,
      log: this.#log,
      isRecord: isIncrementalRecord,
      now,
      pause,
    });
    this.#invalidations = new Invalidations(tags);
    this.#storePause = new StorePause(entries.clock, options.onError);
    const onError = (error: unknown): void => this.#storePause.report(error);
    this.#leases = new Leases({ entries, maxWait: options.maxWait, onError, pause });
  }

  /** Returns the key of an entry. @param parts What it belongs to, and its name. */
  keyOf(...parts: readonly string[]): string {
    return `${this.#options.prefix}incremental:${digest(JSON.stringify(parts))}`;
  }

  /**
   * Reads an entry.
   *
   * @param canWait Whether a miss waits for another process that makes the entry.
   * @returns `undefined` where the store could not be read.
   */
  async get(
    key: string,
    softTags: readonly string[],
    canWait: boolean,
  ): Promise<TaggedRead<IncrementalRecord> | undefined> {
    if (this.#storePause.isAway) return undefined;
    try {
      await this.#invalidations.invalidateOwed();
      return await this.#getOrMake(key, softTags, canWait);
    } catch (error) {
      this.#storePause.report(error);
      return undefined;
    }
  }

  /**
   * Stores an entry.
   *
   * @param write `undefined` for an entry that is never stored, `"lost"` for one that is not now.
   */
  async set(key: string, write: IncrementalWrite | "lost" | undefined): Promise<void> {
    const held = this.#leases.claim(key);
    try {
      if (write === "lost" || this.#storePause.isAway) return;
      const isKept = write !== undefined && this.#isSmall(write);
      this.#leases.note(key, isKept);
      if (isKept) await this.#store(key, write.record, held);
    } catch (error) {
      this.#storePause.report(error);
    } finally {
      if (held !== undefined) await this.#leases.release(held);
    }
  }

  /**
   * Invalidates tags, for all processes.
   *
   * @throws {StoreConnectionError} When the store could not be reached. It is tried again then.
   */
  async invalidate(tags: readonly string[], durations: NextTagDurations | undefined): Promise<void> {
    if (tags.length === 0) return;
    const at = this.#entries.clock.now();
    try {
      await this.#invalidations.invalidate({ tags: [...new Set(tags)], durations, at });
    } catch (error) {
      this.#storePause.report(error);
      throw error;
    }
  }

  /** Returns the number of invalidations that were known at a time; `undefined` if none was. */
  seenAt(time: EpochMilliseconds): number | undefined {
    return this.#log.before(time);
  }

  async #getOrMake(
    key: string,
    softTags: readonly string[],
    canWait: boolean,
  ): Promise<TaggedRead<IncrementalRecord>> {
    const { clock } = this.#entries;
    const end = clock.monotonic() + this.#options.maxWait;
    while (true) {
      const read = await this.#tagged.read(key, softTags);
      if (read.hit !== undefined || !canWait || clock.monotonic() > end) return read;
      await this.#endLostLease(key);
      if ((await this.#leases.takeOrWait(key, read.found, end)) === "make") return read;
    }
  }

  /** Next joins the requests of a page in one process: if it asks again, the page was not stored. */
  async #endLostLease(key: string): Promise<void> {
    const held = this.#leases.claim(key);
    if (held === undefined) return;
    this.#leases.note(key, false);
    await this.#leases.release(held);
  }

  #isSmall({ size }: IncrementalWrite): boolean {
    const { maxBytes, onError } = this.#options;
    if (size <= maxBytes) return true;
    onError(
      new CacheUsageError(
        `An entry of Next is larger than ${maxBytes} bytes, so it was not stored. Raise the option maxBytes of ` +
          "nextIncrementalCacheHandler().",
      ),
    );
    return false;
  }

  async #store(key: string, record: IncrementalRecord, held: HeldLease | undefined): Promise<void> {
    const deadline = this.#entries.newDeadline();
    const states = await this.#tags.ensure(record.tags, deadline);
    if (verdictOf(states, record.seen, this.#entries.clock.now()) === "expired") return;
    const entry = { value: record, ttl: this.#ttlOf(record) };
    if (held === undefined || held.isOver) {
      await this.#entries.put(key, entry, deadline);
      return;
    }
    this.#leases.end(held);
    const result = await this.#entries.fill(held.lease, entry, deadline);
    if (result.status === "unstored") this.#storePause.report(result.error);
  }

  #ttlOf({ cacheControl }: IncrementalRecord): Milliseconds | null {
    const { maxAge } = this.#options;
    const expire = cacheControl?.expire;
    if (expire === undefined) return maxAge;
    const life = Math.max(1, Math.ceil(expire * 1000));
    return maxAge === null ? life : Math.min(maxAge, life);
  }
}
