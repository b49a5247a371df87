import { createHash } from "node:crypto";

import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import { type Found, MISSING } from "../../cache/entry/entry-reader.ts";
import type { LeasedEntries } from "../../cache/leased-entries.ts";
import { invalidated, isTagState, type TagState, VALID } from "./tag-states.ts";
import type { NextTagDurations } from "./types.ts";

/** The state of a tag outlives the entries that have it, also when a call takes long. */
const SLACK: Milliseconds = 3_600_000;

/** Maximum number of tries of one invalidation, each of which another one has won. */
const MAX_TRIES = 100;

/** A call of `updateTags`. */
export interface Invalidation {
  readonly tags: readonly string[];
  readonly durations: NextTagDurations | undefined;
  /** Time of the call. */
  readonly at: EpochMilliseconds;
}

/** The tags of all entries: their states are entries of the cache. */
export class Tags {
  /** Key of the number of invalidations so far. */
  readonly countKey: string;
  readonly #entries: LeasedEntries;
  readonly #prefix: string;
  readonly #ttl: Milliseconds | null;

  /** @param maxAge Maximum time for which an entry is kept. */
  constructor(entries: LeasedEntries, prefix: string, maxAge: Milliseconds | null) {
    this.#entries = entries;
    this.#prefix = prefix;
    this.#ttl = maxAge === null ? null : maxAge + SLACK;
    this.countKey = `${prefix}invalidations`;
  }

  /** Returns the key of a tag's state. */
  keyOf(tag: string): string {
    return `${this.#prefix}tag:${digest(tag)}`;
  }

  /** Reads the number of invalidations so far. A missing one starts. */
  async readCount(deadline: Deadline): Promise<number> {
    const entry = { key: this.countKey, value: this.#start, ttl: null };
    return toCount((await this.#entries.ensureMany([entry], deadline))[0]) ?? 0;
  }

  /** Reads the states of tags, and begins those that are missing. */
  async ensure(tags: readonly string[], deadline: Deadline): Promise<TagState[]> {
    if (tags.length === 0) return [];
    const values = tags.map((tag) => ({ key: this.keyOf(tag), value: VALID, ttl: this.#ttl }));
    return (await this.#entries.ensureMany(values, deadline)).map((found) => toState(found) ?? VALID);
  }

  /** Invalidates tags, for all processes. */
  async invalidate(invalidation: Invalidation): Promise<void> {
    await this.#invalidateOnce(invalidation);
    // Between a number and the tags that get it, a request may know the number and still use an entry
    // of before as a part of its own. The second number is higher than any that such a request knows.
    await this.#invalidateOnce(invalidation);
  }

  async #invalidateOnce({ tags, durations, at }: Invalidation): Promise<void> {
    const deadline = this.#entries.newDeadline();
    const keys = tags.map((tag) => this.keyOf(tag));
    const [number, found] = await Promise.all([
      this.#entries.count(this.countKey, this.#start, deadline),
      this.#entries.readMany(keys, deadline),
    ]);
    const change = (state: TagState): TagState => invalidated(state, number, durations, at);
    await Promise.all(keys.map((key, index) => this.#change(key, found[index], change, deadline)));
  }

  async #change(
    key: string,
    before: Found | undefined,
    change: (state: TagState) => TagState,
    deadline: Deadline,
  ): Promise<void> {
    let found = before ?? MISSING;
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const value = change(toState(found) ?? VALID);
      if (await this.#entries.replace(key, found, { value, ttl: this.#ttl }, deadline)) return;
      found = (await this.#entries.readMany([key], deadline))[0] ?? MISSING;
    }
    throw new StoreServiceError(
      `A tag could not be invalidated, since others kept invalidating it: ${MAX_TRIES} tries. Try again.`,
      { outcome: "unknown" },
    );
  }

  // As high as no earlier count, should the store have lost that one.
  get #start(): number {
    return Math.floor(this.#entries.clock.now()) * 1000;
  }
}

/** Returns the state of a tag; `undefined` if there is none. */
export function toState(found: Found | undefined): TagState | undefined {
  return found?.status === "entry" && isTagState(found.value) ? found.value : undefined;
}

/** Returns the number of invalidations; `undefined` if there is none. */
export function toCount(found: Found | undefined): number | undefined {
  return found?.status === "entry" && typeof found.value === "number" ? found.value : undefined;
}

/** Returns the digest of a text, which may have lone surrogates: keys with files are such texts. */
export function digest(text: string): string {
  return createHash("sha256").update(Buffer.from(text, "utf16le")).digest("base64url");
}
