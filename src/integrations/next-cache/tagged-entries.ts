import { LRUCache } from "lru-cache";

import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { pause as pauseByTimer } from "../../core/timers.ts";
import { type Found, MISSING } from "../../cache/entry/entry-reader.ts";
import type { LeasedEntries } from "../../cache/leased-entries.ts";
import type { InvalidationLog } from "./invalidation-log.ts";
import type { Pause } from "./leases.ts";
import { numberOf, type TagState, type Verdict, verdictOf } from "./tag-states.ts";
import { type Tags, toCount, toState } from "./tags.ts";

/** Maximum number of entries whose tags are remembered, so that one command reads all of a hit. */
const MAX_KNOWN = 1000;

/** Wait for an invalidation that has reached the tags and does not count yet. */
const PAUSE: Milliseconds = 5;

/** Maximum number of such waits. After them, the process of the invalidation is taken for dead. */
const MAX_PAUSES = 10;

/** An entry as the cache keeps it. */
export interface TaggedRecord {
  readonly tags: readonly string[];
  /** Number of the last invalidation that this process knew of before the entry was made. */
  readonly seen: number;
}

/** Result of a read. */
export interface TaggedRead<Stored extends TaggedRecord> {
  readonly found: Found;
  /** Number of invalidations at the time of the read. */
  readonly count: number;
  /** `undefined` on a miss: there is none, or its tags have expired. */
  readonly hit: { readonly record: Stored; readonly isStale: boolean } | undefined;
}

/** Context of {@link TaggedEntries}. */
export interface TaggedEntriesContext<Stored extends TaggedRecord> {
  readonly entries: LeasedEntries;
  readonly tags: Tags;
  readonly log: InvalidationLog;
  readonly isRecord: (value: unknown) => value is Stored;
  /** Clock of the log. */
  readonly now: () => EpochMilliseconds;
  /** @defaultValue a timer */
  readonly pause?: Pause | undefined;
}

/** Reads entries with the states of their tags. */
export class TaggedEntries<Stored extends TaggedRecord> {
  readonly #context: TaggedEntriesContext<Stored>;
  /** Tags of entries that this process has read, by their keys. */
  readonly #known = new LRUCache<string, readonly string[]>({ max: MAX_KNOWN });

  constructor(context: TaggedEntriesContext<Stored>) {
    this.#context = context;
  }

  /**
   * Reads an entry, the states of its tags and those of the route: one command, if its tags are known.
   *
   * @param softTags Tags that count for the entry in this read.
   */
  async read(key: string, softTags: readonly string[]): Promise<TaggedRead<Stored>> {
    const { pause = pauseByTimer, entries, tags } = this.#context;
    for (let pauses = 0; ; pauses++) {
      const { number, ...read } = await this.#readOnce(key, softTags);
      // An entry with a lower number would have to be made again.
      if (number <= read.count || (read.hit !== undefined && !read.hit.isStale)) return read;
      if (pauses < MAX_PAUSES) await pause(PAUSE);
      else return { ...read, count: await tags.count(entries.newDeadline()) };
    }
  }

  async #readOnce(
    key: string,
    softTags: readonly string[],
  ): Promise<TaggedRead<Stored> & { readonly number: number }> {
    const { entries, isRecord } = this.#context;
    const deadline = entries.newDeadline();
    const tags = [...new Set([...softTags, ...(this.#known.get(key) ?? [])])];
    const [found = MISSING, counted, ...states] = await entries.readMany(
      [key, this.#context.tags.countKey, ...this.#keysOf(tags)],
      deadline,
    );
    const count = await this.#note(toCount(counted), deadline);
    const known = new Map(tags.map((tag, index) => [tag, toState(states[index])]));
    const number = highestOf(known);
    if (found.status !== "entry" || !isRecord(found.value)) return { found, count, number, hit: undefined };
    const record = found.value;
    const verdict = await this.#validate(key, record, softTags, known, deadline);
    const hit = verdict === "expired" ? undefined : { record, isStale: verdict === "stale" };
    return { found, count, number: highestOf(known), hit };
  }

  /** Reads the number of invalidations so far, for entries that are made from now on. */
  async observe(deadline: Deadline): Promise<number> {
    const { tags, log, now } = this.#context;
    const count = await tags.readCount(deadline);
    log.note(count, now());
    return count;
  }

  async #validate(
    key: string,
    record: Stored,
    softTags: readonly string[],
    known: Map<string, TagState | undefined>,
    deadline: Deadline,
  ): Promise<Verdict> {
    const { entries } = this.#context;
    const unknown = record.tags.filter((tag) => !known.has(tag));
    this.#known.set(key, record.tags);
    const read = await entries.readMany(this.#keysOf(unknown), deadline);
    unknown.forEach((tag, index) => known.set(tag, toState(read[index])));
    // The store has forgotten the tag, and with it perhaps an invalidation.
    if (record.tags.some((tag) => known.get(tag) === undefined)) return "expired";
    const states = [...record.tags, ...softTags].flatMap((tag) => known.get(tag) ?? []);
    return verdictOf(states, record.seen, entries.clock.now());
  }

  async #note(count: number | undefined, deadline: Deadline): Promise<number> {
    if (count === undefined) return this.observe(deadline);
    this.#context.log.note(count, this.#context.now());
    return count;
  }

  #keysOf(tags: readonly string[]): string[] {
    return tags.map((tag) => this.#context.tags.keyOf(tag));
  }
}

/** Returns the highest number of invalidations of tags. */
function highestOf(states: ReadonlyMap<string, TagState | undefined>): number {
  return Math.max(0, ...[...states.values()].map((state) => (state === undefined ? 0 : numberOf(state))));
}
