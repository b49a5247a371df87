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

const sharedTags = new WeakMap<LeasedEntries, Map<string, Tags>>();

/** An invalidation with its number. */
interface Numbered extends Omit<Invalidation, "tags"> {
  readonly number: number;
}

/** The tags of all entries: their states are entries of the cache. */
export class Tags {
  /** Key of the number of invalidations so far. */
  readonly countKey: string;
  readonly #entries: LeasedEntries;
  readonly #prefix: string;
  readonly #ttl: Milliseconds | null;
  /** Invalidations that begin after the running code, by their tags and durations. */
  readonly #pending = new Map<string, Promise<void>>();

  /**
   * Returns the tags of a cache: one object for all handlers with the same prefix.
   *
   * @param maxAge Maximum time for which an entry is kept.
   */
  static of(entries: LeasedEntries, prefix: string, maxAge: Milliseconds | null): Tags {
    const ofCache = sharedTags.get(entries) ?? new Map<string, Tags>();
    sharedTags.set(entries, ofCache);
    const name = JSON.stringify([prefix, maxAge]);
    const tags = ofCache.get(name) ?? new Tags(entries, prefix, maxAge);
    ofCache.set(name, tags);
    return tags;
  }

  private constructor(entries: LeasedEntries, prefix: string, maxAge: Milliseconds | null) {
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

  /**
   * Invalidates tags, for all processes. Next tells each of its handlers of an invalidation at once,
   * which is one here.
   */
  invalidate(invalidation: Invalidation): Promise<void> {
    const { tags, durations } = invalidation;
    const name = JSON.stringify([tags, durations ?? null]);
    const pending = this.#pending.get(name) ?? this.#begin(name, invalidation);
    this.#pending.set(name, pending);
    return pending;
  }

  /** Counts an invalidation without tags. @returns The number of invalidations then. */
  async count(deadline: Deadline): Promise<number> {
    return this.#entries.count(this.countKey, this.#start, deadline);
  }

  async #begin(name: string, invalidation: Invalidation): Promise<void> {
    await Promise.resolve();
    this.#pending.delete(name);
    await this.#invalidate(invalidation);
  }

  /**
   * The tags get their number before it counts: otherwise a request that knows the number could still
   * use an entry of before as a part of its own.
   */
  async #invalidate({ tags, durations, at }: Invalidation): Promise<void> {
    const deadline = this.#entries.newDeadline();
    const keys = tags.map((tag) => this.keyOf(tag));
    const [counted, ...found] = await this.#entries.readMany([this.countKey, ...keys], deadline);
    const next = 1 + (toCount(counted) ?? (await this.readCount(deadline)));
    await this.#write(keys, found, { number: next, durations, at }, deadline);
    const number = await this.count(deadline);
    if (number === next) return;
    // Others have counted meanwhile, so a request may know this number and not yet the tags.
    const written = await this.#entries.readMany(keys, deadline);
    await this.#write(keys, written, { number, durations, at }, deadline);
  }

  async #write(
    keys: readonly string[],
    found: readonly Found[],
    change: Numbered,
    deadline: Deadline,
  ): Promise<void> {
    const { number, durations, at } = change;
    const apply = (state: TagState): TagState => invalidated(state, number, durations, at);
    await Promise.all(keys.map((key, index) => this.#change(key, found[index], apply, deadline)));
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
