import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheCorruptError } from "../../core/errors.ts";
import { throwWrittenInPart } from "../../stores/await-writes.ts";
import type { CacheStore, StoredValue } from "../../stores/cache-store.ts";
import { chunksOf, KEYS_AT_ONCE } from "../../stores/chunks.ts";
import { type EntryKey, storageKeys } from "../keys/keys.ts";
import type { CacheMonitor } from "../monitor/cache-monitor.ts";
import { checkTags } from "../options/cache-calls.ts";
import type { ReadOptions } from "../options/cache-options.ts";
import type { ClockWatch } from "./clock-watch.ts";
import type { EntryCodec, EntryHeader } from "./entry-codec.ts";
import { isFresh } from "./freshness.ts";
import { checkTag, type Tags, type TagTokens, validateTags } from "./tags.ts";

/** Result of a read. */
export type Found =
  | { readonly status: "missing" }
  /** One of its tags was invalidated. */
  | { readonly status: "invalidated"; readonly expected: StoredValue }
  /** The key has an entry that cannot be read. */
  | { readonly status: "unreadable" }
  | FoundEntry;

/** A readable entry with unchanged tags. It may have expired. */
export interface FoundEntry {
  readonly status: "entry";
  readonly value: unknown;
  /** The value as it was serialized. */
  readonly text: string;
  readonly header: EntryHeader | undefined;
  readonly expected: StoredValue;
}

/** An entry whose tokens decide. */
interface TaggedEntry extends FoundEntry {
  readonly header: EntryHeader & { readonly tags: Readonly<Record<string, string>> };
}

/** Settings of a read. */
export interface ReadPlan {
  /**
   * Tags that the entry may have: their tokens are read with it. Other tags take another round
   * trip.
   */
  readonly tags: readonly string[];
  readonly version: number;
  /** Whether an unreadable entry is an error, or is only reported by the event `corrupt`. */
  readonly onCorrupt: "throw" | "miss";
}

const NO_TAGS: readonly string[] = [];
const NO_TOKENS: TagTokens = new Map();
export const MISSING = { status: "missing" } as const;

/** Reads entries: from the store to a checked value. */
export class EntryReader {
  readonly #store: CacheStore;
  readonly #codec: EntryCodec;
  readonly #tags: Tags;
  readonly #monitor: CacheMonitor;
  readonly #clocks: ClockWatch;

  constructor(store: CacheStore, codec: EntryCodec, tags: Tags, monitor: CacheMonitor, clocks: ClockWatch) {
    this.#store = store;
    this.#codec = codec;
    this.#tags = tags;
    this.#monitor = monitor;
    this.#clocks = clocks;
  }

  /**
   * Reads an entry without waiting.
   *
   * @returns `undefined` where only {@link read} can tell: the entry, or the token of one of its
   *   tags, may be elsewhere.
   * @throws {CacheCorruptError}
   */
  readSync(key: EntryKey, plan: ReadPlan): Found | undefined {
    if (this.#store.getSync === undefined) return undefined;
    for (const tag of plan.tags) checkTag(tag);
    const stored = this.#store.getSync(key.storageKey);
    if (stored === undefined) return MISSING;
    if (stored === null) return undefined;
    const found = this.#decode(key, stored, plan);
    if (!isTagged(found)) return found;
    const known = this.#tags.readSync(Object.keys(found.header.tags), plan.version);
    return known && validated(found, known);
  }

  /** @throws {CacheCorruptError} */
  read(key: EntryKey, plan: ReadPlan, deadline: Deadline): Promise<Found> {
    if (plan.tags.length > 0) return this.#readTagged(key, plan, deadline);
    return this.#store
      .get(key.storageKey, deadline)
      .then((stored) => (stored === undefined ? MISSING : this.validate(key, stored, plan, deadline)));
  }

  /** Reads entries, in the order of their keys, a page at a time. @throws {CacheCorruptError} */
  async readMany(keys: readonly EntryKey[], plan: ReadPlan, deadline: Deadline): Promise<Found[]> {
    const tagKeys = plan.tags.map((tag) => this.#tags.keyOf(tag, plan.version));
    const pageSize = Math.max(KEYS_AT_ONCE / 2, KEYS_AT_ONCE - tagKeys.length);
    if (keys.length <= pageSize && keys.length > 0) return this.#readPage(keys, tagKeys, plan, deadline);
    const found: Found[] = [];
    for (const page of chunksOf(keys, pageSize)) {
      for (const each of await this.#readPage(page, tagKeys, plan, deadline)) found.push(each);
    }
    return found;
  }

  /**
   * Takes entries out of the store, in the order of their keys.
   *
   * @throws {CacheCorruptError}
   */
  async takeMany(keys: readonly EntryKey[], plan: ReadPlan, deadline: Deadline): Promise<Found[]> {
    // First, since a wrong tag is an error, after which no entry may be deleted.
    const tagKeys = plan.tags.map((tag) => this.#tags.keyOf(tag, plan.version));
    const taking = this.#store.takeMany(storageKeys(keys), deadline);
    const reading = this.#store.getMany(tagKeys, deadline);
    // If both fail, the error of the delete is reported.
    reading.catch(() => {});
    const stored = await taking;
    const known = this.#tags.tokensOf(plan.tags, await reading.catch(throwWrittenInPart));
    try {
      return await this.#validateAll(keys, stored, known, plan, deadline);
    } catch (cause) {
      return throwWrittenInPart(cause);
    }
  }

  /**
   * Validates a stored entry: at once, unless tokens have to be read first.
   *
   * @throws {CacheCorruptError}
   */
  validate(key: EntryKey, stored: StoredValue, plan: ReadPlan, deadline: Deadline): Found | Promise<Found> {
    const entry = this.#decode(key, stored, plan);
    if (!isTagged(entry)) return entry;
    return this.#validateWith(unknownTagsOf([entry], NO_TOKENS), entry, plan, deadline);
  }

  /** Reads an entry, and with it the tokens of the tags that it may have. */
  async #readTagged(key: EntryKey, plan: ReadPlan, deadline: Deadline): Promise<Found> {
    const names = [key.storageKey];
    for (const tag of plan.tags) names.push(this.#tags.keyOf(tag, plan.version));
    const [stored, ...tokens] = await this.#store.getMany(names, deadline);
    if (stored === undefined) return MISSING;
    const entry = this.#decode(key, stored, plan);
    if (!isTagged(entry)) return entry;
    const known = this.#tags.tokensOf(plan.tags, tokens);
    if (validateTags(entry.header, known) === "valid") return entry;
    const unknown = unknownTagsOf([entry], known);
    if (unknown.size === 0) return validated(entry, known);
    const [found = MISSING] = await this.#validateAllWith(unknown, [entry], known, plan, deadline);
    return found;
  }

  async #readPage(
    keys: readonly EntryKey[],
    tagKeys: readonly string[],
    plan: ReadPlan,
    deadline: Deadline,
  ): Promise<Found[]> {
    const names = storageKeys(keys);
    if (tagKeys.length > 0) names.push(...tagKeys);
    const stored = await this.#store.getMany(names, deadline);
    const known =
      tagKeys.length === 0 ? NO_TOKENS : this.#tags.tokensOf(plan.tags, stored.slice(keys.length));
    return this.#validateAll(keys, stored, known, plan, deadline);
  }

  /**
   * Validates stored entries: at once, unless tokens have to be read first.
   *
   * @param stored Values that the store has under the keys.
   * @param known Tokens read with them.
   */
  #validateAll(
    keys: readonly EntryKey[],
    stored: readonly (StoredValue | undefined)[],
    known: TagTokens,
    plan: ReadPlan,
    deadline: Deadline,
  ): Found[] | Promise<Found[]> {
    const entries = keys.map((key, index) => {
      const each = stored[index];
      return each === undefined ? MISSING : this.#decode(key, each, plan);
    });
    if (!entries.some(isTagged)) return entries;
    const unknown = unknownTagsOf(entries, known);
    if (unknown.size === 0) return entries.map((entry) => validated(entry, known));
    return this.#validateAllWith(unknown, entries, known, plan, deadline);
  }

  async #validateAllWith(
    unknown: ReadonlySet<string>,
    entries: readonly Found[],
    known: TagTokens,
    plan: ReadPlan,
    deadline: Deadline,
  ): Promise<Found[]> {
    const read = await this.#tags.read([...unknown], plan.version, deadline);
    const all: TagTokens = new Map([...known, ...read]);
    return entries.map((entry) => validated(entry, all));
  }

  async #validateWith(
    tags: ReadonlySet<string>,
    entry: Found,
    { version }: ReadPlan,
    deadline: Deadline,
  ): Promise<Found> {
    return validated(entry, await this.#tags.read([...tags], version, deadline));
  }

  #decode(key: EntryKey, stored: StoredValue, { onCorrupt }: ReadPlan): Found {
    try {
      const { header: written, text, expected } = this.#codec.read(stored, key);
      const header = written && this.#clocks.adjust(written);
      return { status: "entry", value: this.#codec.parse(text, key), text, header, expected };
    } catch (error) {
      if (onCorrupt === "throw" || !(error instanceof CacheCorruptError)) throw error;
      this.#monitor.emit("corrupt", { key: key.key, problem: error.problem });
      return { status: "unreadable" };
    }
  }
}

function isTagged(found: Found): found is TaggedEntry {
  return found.status === "entry" && found.header?.tags !== undefined;
}

/** Returns the tags of entries whose unread tokens decide. */
function unknownTagsOf(entries: readonly Found[], known: TagTokens): ReadonlySet<string> {
  const unknown = new Set<string>();
  for (const entry of entries) {
    if (entry.status !== "entry" || entry.header?.tags === undefined) continue;
    const verdict = validateTags(entry.header, known);
    if (typeof verdict !== "string") for (const tag of verdict) unknown.add(tag);
  }
  return unknown;
}

/** Returns an entry, or that one of its tags was invalidated. */
function validated(found: Found, known: TagTokens): Found {
  if (found.status !== "entry" || validateTags(found.header, known) === "valid") return found;
  return { status: "invalidated", expected: found.expected };
}

/** Returns the plan of an operation that throws errors to its caller. */
export function toReadPlan({ tags }: ReadOptions, version: number): ReadPlan {
  return { tags: tags === undefined ? NO_TAGS : checkTags(tags), version, onCorrupt: "throw" };
}

/** Returns whether there is a value that has not expired. */
export function isLive(found: Found, clock: Clock): found is FoundEntry {
  if (found.status !== "entry") return false;
  // Most entries have no header, and a look at the clock costs as much as one into a map.
  return found.header === undefined || isFresh(found.header, clock.now());
}

/** Returns whether an entry exists that has not expired, readable or not. */
export function isThere(found: Found, clock: Clock): boolean {
  return found.status === "unreadable" || isLive(found, clock);
}
