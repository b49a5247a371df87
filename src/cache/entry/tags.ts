import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { newNonce } from "../../core/ids.ts";
import { describeValue } from "../../core/settings.ts";
import type { CacheStore, StoredValue } from "../../stores/cache-store.ts";
import { type CacheKeys, TAG_KEY } from "../keys/keys.ts";
import type { EntryHeader } from "./entry-codec.ts";

// Tokens outlive the entries that have them, also when a load takes long or an entry is touched.
const SLACK: Milliseconds = 3_600_000;

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

  constructor(store: CacheStore, keys: CacheKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** Returns the key of a tag's token. @throws {CacheUsageError} */
  keyOf(tag: string, version: number): string {
    if (typeof tag !== "string" || tag === "") {
      throw new CacheUsageError(`A tag has to be a text that is not empty, got ${describeValue(tag)}.`);
    }
    return this.#keys.ofOwn(TAG_KEY + tag, version).storageKey;
  }

  async read(tags: readonly string[], version: number, deadline: Deadline): Promise<TagTokens> {
    const keys = tags.map((tag) => this.keyOf(tag, version));
    return this.tokensOf(tags, await this.#store.getMany(keys, deadline));
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
    const entries = tags.map((tag) => ({
      key: this.keyOf(tag, version),
      value: newNonce(),
      ttl: ttl === null ? null : ttl + SLACK,
    }));
    const tokens = await this.#store.ensureMany(entries, deadline);
    return Object.fromEntries(tags.map((tag, index) => [tag, tokenOf(tokens[index]) ?? ""]));
  }

  /** Makes all entries with one of these tags misses. */
  async invalidate(tags: readonly string[], version: number, deadline: Deadline): Promise<void> {
    const keys = tags.map((tag) => this.keyOf(tag, version));
    await this.#store.deleteMany(keys, deadline);
  }
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

function tokenOf(stored: StoredValue | undefined): string | undefined {
  return stored === undefined || typeof stored === "string" ? stored : Buffer.from(stored).toString("latin1");
}
