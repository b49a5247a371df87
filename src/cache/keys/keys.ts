import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { RecentValues } from "../recent-values.ts";
import { checkKey, warnOfUnportableKey } from "./key-validation.ts";

/** Makes the storage key of an entry. Django: `KEY_FUNCTION`, with the same three arguments. */
export type KeyFunction = (key: string, keyPrefix: string, version: number) => string;

/** Key of an entry: the caller's, and the one in the store. */
export interface EntryKey {
  readonly key: string;
  readonly storageKey: string;
}

/** Settings of {@link CacheKeys}. */
export interface CacheKeySettings {
  readonly keyPrefix: string;
  readonly version: number;
  readonly keyFunction: KeyFunction | undefined;
}

/** Maximum sum of the sizes of keys that are remembered, twice: 1000 keys of 50 characters. */
const MAX_REMEMBERED = 100_000;

/** Size of a remembered key beside its characters. */
const KEY_OVERHEAD = 50;

/**
 * Makes the keys of a cache: `{keyPrefix}:{version}:{key}`, Django's layout, or with the key
 * function.
 */
export class CacheKeys {
  readonly #settings: CacheKeySettings;
  /** Keys of the usual version. A key function may make another key of the same text each time. */
  readonly #recent: RecentValues<EntryKey> | undefined;
  /** The same of Sojourn's own entries, apart from those: {@link of} refuses them. */
  readonly #recentOwn: RecentValues<EntryKey> | undefined;
  #beforeFirst: (() => void) | undefined;

  /** @param beforeFirst Called before the first key is made. */
  constructor(settings: CacheKeySettings, beforeFirst?: () => void) {
    this.#settings = settings;
    if (settings.keyFunction === undefined) {
      this.#recent = new RecentValues(MAX_REMEMBERED);
      this.#recentOwn = new RecentValues(MAX_REMEMBERED);
    }
    this.#beforeFirst = beforeFirst;
  }

  /**
   * @param version Overrides the version of the settings.
   * @throws {CacheUsageError} When the key is empty or no string, or the version no integer.
   */
  of(key: string, version: number = this.#settings.version): EntryKey {
    if (version !== this.#settings.version) return this.#make(key, version);
    const recent = this.#recent?.get(key);
    if (recent !== undefined) return recent;
    const made = this.#make(key, version);
    this.#recent?.set(key, made, key.length + KEY_OVERHEAD);
    return made;
  }

  /** Returns the key of one of Sojourn's own entries: a tag's token. */
  ofOwn(key: string, version: number = this.#settings.version): EntryKey {
    if (version !== this.#settings.version) return this.#build(key, version);
    const recent = this.#recentOwn?.get(key);
    if (recent !== undefined) return recent;
    const made = this.#build(key, version);
    this.#recentOwn?.set(key, made, key.length + KEY_OVERHEAD);
    return made;
  }

  #make(key: string, version: number): EntryKey {
    checkKey(key);
    checkNotOwn(key);
    return this.#build(key, version);
  }

  #build(key: string, version: number): EntryKey {
    checkVersion(version);
    if (this.#beforeFirst !== undefined) this.#begin(this.#beforeFirst);
    const { keyFunction, keyPrefix } = this.#settings;
    const storageKey =
      keyFunction === undefined ? `${keyPrefix}:${version}:${key}` : keyFunction(key, keyPrefix, version);
    if (keyFunction !== undefined) checkKey(storageKey, "What keyFunction returns");
    warnOfUnportableKey(storageKey);
    return { key, storageKey };
  }

  #begin(beforeFirst: () => void): void {
    this.#beforeFirst = undefined;
    beforeFirst();
  }

  /**
   * Returns the common beginning of all keys of a version.
   *
   * @throws {CacheUsageError} With a key function, which does not determine it.
   */
  prefixOf(version: number = this.#settings.version): string {
    checkVersion(version);
    const { keyFunction, keyPrefix } = this.#settings;
    if (keyFunction === undefined) return `${keyPrefix}:${version}:`;
    throw new CacheUsageError(
      "With a key function of your own, keys cannot be listed. Delete entries by their keys.",
    );
  }

  /**
   * Returns the keys of several entries, without duplicates.
   *
   * @throws {CacheUsageError} As {@link of}, and for a string instead of a list.
   */
  ofMany(given: Iterable<string>, version: number | undefined): EntryKey[] {
    return this.ofEach([...this.unique(given)], version);
  }

  /** Returns the keys of several entries, in this order. @throws {CacheUsageError} As {@link of}. */
  ofEach(keys: readonly string[], version: number | undefined): EntryKey[] {
    return keys.map((key) => this.of(key, version));
  }

  /**
   * Returns the given keys, without duplicates.
   *
   * @throws {CacheUsageError} When they are no list.
   */
  unique(given: Iterable<string>, what = "keys"): ReadonlySet<string> {
    // A string is iterable too, by its characters.
    if (
      typeof given !== "string" &&
      typeof (given as Partial<Iterable<string>> | null)?.[Symbol.iterator] === "function"
    ) {
      return new Set(given);
    }
    throw new CacheUsageError(
      `Expected an array of ${what}, or another iterable, got ${describeValue(given)}.`,
    );
  }
}

/** Prefix of the keys of Sojourn's own entries. */
export const TAG_KEY = "~tag:";

function checkNotOwn(key: string): void {
  if (!key.startsWith(TAG_KEY)) return;
  throw new CacheUsageError(
    `Cache keys that begin with ${JSON.stringify(TAG_KEY)} are reserved for tags. Use another one.`,
  );
}

/** Returns a version that is an integer. @throws {CacheUsageError} */
export function checkVersion(version: number): number {
  if (Number.isSafeInteger(version)) return version;
  throw new CacheUsageError(
    `The version of a cache key has to be an integer, got ${describeValue(version)}.`,
  );
}

/** Returns the storage keys of entries. */
export function storageKeys(keys: readonly EntryKey[]): string[] {
  return keys.map(({ storageKey }) => storageKey);
}
