import { describeKind } from "../../core/descriptions.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError, CacheUsageError } from "../../core/errors.ts";
import type { IncrementResult } from "../../stores/cache-store.ts";
import { throwWrittenInPart, writeInChunks, writtenInPart } from "../../stores/await-writes.ts";
import { type Beginning, type IncrOptions, toBeginning, unlessBegun } from "./beginnings.ts";
import { checkCallOptions, NO_OPTIONS } from "../options/cache-calls.ts";
import type { VersionOption } from "../options/cache-options.ts";
import { toDelta } from "./deltas.ts";
import { ExpiryOperations } from "./expiry-operations.ts";
import { toKeyPattern } from "../keys/key-patterns.ts";
import { type EntryKey, TAG_KEY } from "../keys/keys.ts";
import { requireCapability } from "../requirements.ts";

/**
 * Operations on entries of Django's cache API and of django-redis, each for one key and for many.
 */
export abstract class EntryOperations extends ExpiryOperations {
  /**
   * Adds to an integer, in one step inside the store, and keeps its time to live.
   *
   * @param delta An integer. For sums beyond 2^53 use a bigint: a number would be rounded (in the
   *   result, not in the store).
   * @returns The sum, as a number or a bigint like `delta`.
   * @throws {CacheKeyNotFoundError} When there is no entry. None is created without `initial`.
   * @throws {CacheNotIntegerError} When the entry is no integer, or the sum exceeds 64 bits. The
   *   entry is unchanged.
   */
  incr(key: string, delta: bigint, options?: IncrOptions): Promise<bigint>;
  incr(key: string, delta?: number, options?: IncrOptions): Promise<number>;
  async incr(
    key: string,
    delta: number | bigint = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<number | bigint> {
    checkCallOptions(options, "incr");
    const sum = await this.#incr(key, toDelta(delta), options);
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /** Subtracts from an integer, as {@link incr} adds. */
  decr(key: string, delta: bigint, options?: IncrOptions): Promise<bigint>;
  decr(key: string, delta?: number, options?: IncrOptions): Promise<number>;
  async decr(
    key: string,
    delta: number | bigint = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<number | bigint> {
    checkCallOptions(options, "decr");
    const sum = await this.#incr(key, -toDelta(delta), options);
    return typeof delta === "bigint" ? sum : Number(sum);
  }

  /**
   * {@link incr} of several keys, each in its own step.
   *
   * @returns The sums, by their keys.
   * @throws {CacheKeyNotFoundError} When one of them has no entry. The others are increased.
   * @throws {CacheNotIntegerError} When one of them is no integer. The others are increased.
   */
  async incrMany(
    keys: Iterable<string>,
    delta = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<Map<string, number>> {
    checkCallOptions(options, "incrMany");
    const { store, loads } = this.core;
    const amount = toDelta(delta);
    this.#checkCounts();
    const beginning = toBeginning(options, amount, (timeout) => this.core.ttlOf(timeout));
    const [entries, results] = await this.core.writing(options, async (version, deadline) => {
      const all = this.core.keys.ofMany(keys, version);
      loads.supersede(all);
      const count = ({ storageKey }: EntryKey) =>
        store.incr(storageKey, amount, deadline, beginning?.options);
      return [all, await writeInChunks(all, count)] as const;
    });
    const sums = entries.map(({ key }, index) => [key, results[index]] as const);
    return new Map(sums.map(([key, result]) => [key, Number(sumOf(key, result, beginning))]));
  }

  /** {@link decr} of several keys, each in its own step. @returns The sums, by their keys. */
  async decrMany(
    keys: Iterable<string>,
    delta = 1,
    options: IncrOptions = NO_OPTIONS,
  ): Promise<Map<string, number>> {
    checkCallOptions(options, "decrMany");
    return this.incrMany(keys, -delta, options);
  }

  /**
   * Moves an entry to another version, with its time to live. The entry is read, written and
   * deleted in separate steps. If both versions have the same key, because of a delta of 0 or a key
   * function without the version, the entry stays.
   *
   * @returns The new version.
   * @throws {CacheKeyNotFoundError} When there is no entry.
   */
  async incrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "incrVersion");
    return this.core.writing(options, async (version = this.core.settings.version, deadline) => {
      const { keys, store, strictStore, codec, tags } = this.core;
      const [from, to] = [keys.of(key, version), keys.of(key, version + delta)];
      const [found, [ttl]] = await Promise.all([
        this.core.read(key, NO_OPTIONS, version, deadline),
        store.ttlMany([from.storageKey], deadline),
      ]);
      if (found.status !== "entry" || ttl === undefined) throw new CacheKeyNotFoundError(key);
      // With a delta of 0, or a key function without the version, the delete would remove the
      // entry.
      if (from.storageKey === to.storageKey) return version + delta;
      const names = Object.keys(found.header?.tags ?? {});
      const tokens = await tags.ensure(names, version + delta, ttl, deadline);
      const header = found.header && { ...found.header, tags: tokens };
      const { stored } = codec.write(found.value, "value", header);
      this.core.loads.supersede([to]);
      // Failures throw here, whatever the settings say: the entry is deleted from its old key.
      await strictStore.setMany([{ key: to.storageKey, value: stored, ttl }], "always", deadline);
      await this.core.deleteEntries([from], deadline).catch(throwWrittenInPart);
      return version + delta;
    });
  }

  /** {@link incrVersion} in the other direction. */
  async decrVersion(key: string, delta = 1, options: VersionOption = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "decrVersion");
    return this.incrVersion(key, -delta, options);
  }

  /**
   * Returns the keys of this cache and version that match a pattern, as they were given. See
   * {@link iterKeys}.
   */
  async keys(pattern: string, options: VersionOption = NO_OPTIONS): Promise<string[]> {
    checkCallOptions(options, "keys");
    const keys: string[] = [];
    for await (const key of this.iterKeys(pattern, options)) keys.push(key);
    return keys;
  }

  /**
   * Iterates over the keys of this cache and version that match a pattern, page by page, as they
   * were given. It visits all keys of the store, so it is for maintenance, not for requests; each
   * page has its own deadline.
   *
   * @param pattern In Redis's glob style: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\` to escape the
   *   next character. As in Redis, it works on the bytes of UTF-8: `?` is one byte, and `é` has
   *   two. Every well-formed string is a pattern; the time to match a key is at most proportional
   *   to its length times that of the pattern.
   * @throws {ImproperlyConfigured} When the store cannot walk its keys.
   * @throws {CacheUsageError} With a key function of your own, and for a pattern with a lone
   *   surrogate.
   */
  async *iterKeys(
    pattern: string,
    options: VersionOption = NO_OPTIONS,
  ): AsyncGenerator<string, void, undefined> {
    checkCallOptions(options, "iterKeys");
    checkPattern(pattern);
    const { keys, store, path } = this.core;
    requireCapability(store, "scan", "a walk through the keys", path);
    const keyPattern = toKeyPattern(pattern);
    const prefix = await this.core.writing(options, async (version) => keys.prefixOf(version));
    for await (const whole of store.scan(prefix + keyPattern.head, () => this.core.newDeadline())) {
      const key = whole.slice(prefix.length);
      if (key !== "" && !key.startsWith(TAG_KEY) && keyPattern.matches(key)) yield key;
    }
  }

  /**
   * Deletes the entries whose keys match a pattern. See {@link iterKeys}. An entry that is still
   * being loaded is not deleted.
   *
   * @returns Number of entries deleted.
   */
  async deletePattern(pattern: string, options: VersionOption = NO_OPTIONS): Promise<number> {
    checkCallOptions(options, "deletePattern");
    let count = 0;
    try {
      for await (const page of pagesOf(this.iterKeys(pattern, options)))
        count += await this.deleteMany(page, options);
    } catch (error) {
      throw count > 0 ? writtenInPart(error) : error;
    }
    return count;
  }

  async #incr(key: string, delta: bigint, options: IncrOptions): Promise<bigint> {
    const { store, keys, loads } = this.core;
    this.#checkCounts();
    const beginning = toBeginning(options, delta, (timeout) => this.core.ttlOf(timeout));
    const result = await this.core.writing(options, async (version, deadline) => {
      const entry = keys.of(key, version);
      loads.supersede([entry]);
      return store.incr(entry.storageKey, delta, deadline, beginning?.options);
    });
    return sumOf(key, result, beginning);
  }

  #checkCounts(): void {
    requireCapability(this.core.store, "atomicIncrement", "incr() and decr()", this.core.path);
  }
}

function sumOf(key: string, given: IncrementResult | undefined, beginning: Beginning | undefined): bigint {
  const result = unlessBegun(given ?? { status: "missing" }, beginning);
  if (result.status === "missing") throw new CacheKeyNotFoundError(key);
  if (result.status === "not-integer") throw new CacheNotIntegerError(key);
  return result.value;
}

/** @throws {CacheUsageError} */
function checkPattern(pattern: unknown): void {
  if (typeof pattern !== "string") {
    throw new CacheUsageError(
      `A pattern of keys has to be a text such as "product:*", got ${describeKind(pattern)}.`,
    );
  }
  // In UTF-8 every lone surrogate becomes U+FFFD: it would match keys that it is not part of.
  if (pattern.isWellFormed()) return;
  throw new CacheUsageError("A pattern of keys has a lone surrogate, which UTF-8 cannot hold.");
}

/** Number of keys that `deletePattern` collects before it deletes them. */
const DELETE_PAGE = 1000;

async function* pagesOf(keys: AsyncIterable<string>): AsyncGenerator<readonly string[], void, undefined> {
  let page: string[] = [];
  for await (const key of keys) {
    page.push(key);
    if (page.length < DELETE_PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
