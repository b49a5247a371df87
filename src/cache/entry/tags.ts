import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { newNonce } from "../../core/ids.ts";
import { describeValue } from "../../core/settings.ts";
import type { CacheStore, StoredValue } from "../../stores/cache-store.ts";
import { type CacheKeys, TAG_KEY } from "../keys/keys.ts";
import { RecentValues } from "../recent-values.ts";
import type { EntryHeader } from "./entry-codec.ts";

// Tokens outlive the entries that have them, also when a load takes long or an entry is touched.
const SLACK: Milliseconds = 3_600_000;

/** Maximum sum of the sizes of the tokens that are remembered, twice: 1000 of keys of 40 characters. */
const MAX_KNOWN = 100_000;

/** Size of a remembered token beside the characters of its key. */
const KNOWN_OVERHEAD = 60;

/** A token that the store has had. */
export interface KnownToken {
  readonly tag: string;
  /** Storage key of the token. */
  readonly key: string;
  readonly token: string;
  /** Time until which the store keeps it, on the monotonic clock. */
  readonly endsAt: Milliseconds;
}

/** Tokens of tags, by their names; `undefined` for a tag without one. */
export type TagTokens = ReadonlyMap<string, string | undefined>;

/**
 * Each tag has a random token in the store. An entry keeps the tokens that its tags had when its
 * load began, and is valid while all of them are unchanged. Deleting the token of a tag thus
 * invalidates all entries with the tag, with one command for any number of entries; and a token
 * that the store evicts makes entries misses, never wrong.
 */
export class Tags {
  readonly #store: CacheStore;
  readonly #keys: CacheKeys;
  readonly #clock: Clock;
  /** Tokens that the store had when they were last ensured, by their storage keys. */
  readonly #known = new RecentValues<KnownToken>(MAX_KNOWN);

  constructor(store: CacheStore, keys: CacheKeys, clock: Clock) {
    this.#store = store;
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Returns the key of a tag's token. @throws {CacheUsageError} */
  keyOf(tag: string, version: number): string {
    checkTag(tag);
    return this.#keys.ofOwn(TAG_KEY + tag, version).storageKey;
  }

  async read(tags: readonly string[], version: number, deadline: Deadline): Promise<TagTokens> {
    const keys = tags.map((tag) => this.keyOf(tag, version));
    return this.tokensOf(tags, await this.#store.getMany(keys, deadline));
  }

  /**
   * {@link read} without waiting.
   *
   * @returns `undefined` where a token may be elsewhere.
   */
  readSync(tags: readonly string[], version: number): TagTokens | undefined {
    if (this.#store.getSync === undefined) return undefined;
    const tokens = new Map<string, string | undefined>();
    for (const tag of tags) {
      const stored = this.#store.getSync(this.keyOf(tag, version));
      if (stored === null) return undefined;
      tokens.set(tag, tokenOf(stored));
    }
    return tokens;
  }

  /** Returns the tokens of tags, from the values under their keys. */
  tokensOf(tags: readonly string[], stored: readonly (StoredValue | undefined)[]): TagTokens {
    return new Map(tags.map((tag, index) => [tag, tokenOf(stored[index])]));
  }

  /**
   * Reads tokens, and makes the missing ones.
   *
   * @param ttl Time to live of the entries that get them.
   */
  async ensure(
    tags: readonly string[],
    version: number,
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<Readonly<Record<string, string>> | undefined> {
    if (tags.length === 0) return undefined;
    const keys = tags.map((tag) => this.keyOf(tag, version));
    const life = ttl === null ? null : ttl + SLACK;
    const endsAt = life === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + life;
    const entries = keys.map((key) => ({ key, value: newNonce(), ttl: life }));
    const stored = await this.#store.ensureMany(entries, deadline);
    const known = tags.map((tag, index): KnownToken => {
      return { tag, key: keys[index] ?? "", token: tokenOf(stored[index]) ?? "", endsAt };
    });
    for (const each of known) this.#known.set(each.key, each, each.key.length + KNOWN_OVERHEAD);
    return toTokens(known);
  }

  /**
   * Returns the tokens that tags had when this process last ensured them, if all of them outlive an
   * entry that is stored now. Whether they have changed since, {@link areCurrent} tells.
   */
  known(
    tags: readonly string[],
    version: number,
    ttl: Milliseconds | null,
  ): readonly KnownToken[] | undefined {
    const entryEndsAt = ttl === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + ttl;
    const tokens: KnownToken[] = [];
    for (const tag of tags) {
      const known = this.#known.get(this.keyOf(tag, version));
      if (known === undefined || known.endsAt < entryEndsAt + SLACK / 2) return undefined;
      tokens.push(known);
    }
    return tokens;
  }

  /** Reads whether tags still have the tokens that this process knows. */
  async areCurrent(known: readonly KnownToken[], deadline: Deadline): Promise<boolean> {
    const keys = known.map(({ key }) => key);
    const stored = await this.#store.getMany(keys, deadline);
    return known.every(({ token }, index) => tokenOf(stored[index]) === token);
  }

  /** Makes all entries with one of these tags misses. */
  async invalidate(tags: readonly string[], version: number, deadline: Deadline): Promise<void> {
    const keys = tags.map((tag) => this.keyOf(tag, version));
    for (const key of keys) this.#known.delete(key);
    await this.#store.deleteMany(keys, deadline);
  }
}

/** @throws {CacheUsageError} If it is no text, or empty. */
export function checkTag(tag: string): void {
  if (typeof tag === "string" && tag !== "") return;
  throw new CacheUsageError(`A tag has to be a text that is not empty, got ${describeValue(tag)}.`);
}

/**
 * Returns whether an entry's tags are unchanged.
 *
 * @returns The tags whose tokens are not known yet, if they decide.
 */
export function validateTags(
  header: EntryHeader | undefined,
  known: TagTokens,
): "valid" | "invalid" | readonly string[] {
  if (header?.tags === undefined) return "valid";
  const { tags } = header;
  let unknown: string[] | undefined;
  for (const tag of Object.keys(tags)) {
    const token = known.get(tag);
    if (token === tags[tag]) continue;
    if (token !== undefined || known.has(tag)) return "invalid";
    unknown ??= [];
    unknown.push(tag);
  }
  return unknown ?? "valid";
}

/** Returns tokens by their tags, as a header has them. */
export function toTokens(known: readonly KnownToken[]): Readonly<Record<string, string>> {
  return Object.fromEntries(known.map(({ tag, token }) => [tag, token]));
}

function tokenOf(stored: StoredValue | undefined): string | undefined {
  return stored === undefined || typeof stored === "string" ? stored : Buffer.from(stored).toString("latin1");
}
