import { EventEmitter } from "node:events";

import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { keysBeginningWith } from "../../cache/keys/key-patterns.ts";
import { setEach } from "../set-each.ts";
import { toTimeout } from "../timeouts.ts";

/** Entry of {@link CacheKeyvStore.setMany}. */
export interface KeyvStoreEntry {
  readonly key: string;
  readonly value: unknown;
  /** @defaultValue no expiry */
  readonly ttl?: Milliseconds | undefined;
}

/** Maximum number of values that the iterator reads at once. */
const PAGE = 100;

/**
 * Makes a storage adapter for Keyv 5 on a cache, and so for cache-manager 7 and
 * `@nestjs/cache-manager`.
 *
 * Keyv puts its namespace before each key; `clear()` and the iterator go by it, so each Keyv needs
 * an adapter of its own.
 *
 * @throws {CacheUsageError} Without a cache.
 * @example
 * ```ts
 * import { Keyv } from "keyv";
 * import { createSojourn } from "sojourn";
 * import { keyvStore } from "sojourn/integrations/keyv";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const keyv = new Keyv({ store: keyvStore(caches.default), namespace: "products" });
 * ```
 */
export function keyvStore(cache: Cache): CacheKeyvStore {
  checkCache(cache, "keyvStore");
  return new CacheKeyvStore(cache);
}

/**
 * Storage adapter of Keyv on a cache. Failures of the cache are thrown. Keyv reports each as its
 * event `error`, except that of a single read, which is an event of this adapter instead.
 */
export class CacheKeyvStore extends EventEmitter {
  /** Keyv asks an adapter for its iterator only if it knows the dialect. */
  readonly opts: { dialect: string; url: string } = { dialect: "redis", url: "" };
  /** Set by Keyv, which puts it before the keys as well. */
  namespace: string | undefined;
  readonly #cache: Cache;
  #hasOtherKeys = false;

  /** @internal Use {@link keyvStore}. */
  constructor(cache: Cache) {
    super();
    this.#cache = cache;
  }

  /** Reads a value; `undefined` on a miss. */
  async get<Value = unknown>(key: string): Promise<Value | undefined> {
    try {
      return await this.#cache.get<Value>(this.#checked(key));
    } catch (error) {
      // Keyv takes it for a miss, and reports it only if the adapter does.
      if (this.listenerCount("error") > 0) this.emit("error", error);
      throw error;
    }
  }

  /** Reads values, in the order of their keys. */
  async getMany<Value = unknown>(keys: readonly string[]): Promise<(Value | undefined)[]> {
    const values = await this.#cache.getMany<Value>(this.#allChecked(keys));
    return keys.map((key) => values.get(key));
  }

  /** Stores a value. @param ttl Time to live. Without one there is no expiry. */
  async set(key: string, value: unknown, ttl?: Milliseconds): Promise<boolean> {
    return this.#cache.set(this.#checked(key), value, { timeout: toTimeout(ttl) });
  }

  /**
   * Stores values, with one round trip for all that have the same time to live. Of two entries with
   * one key, the last one counts.
   *
   * @returns Whether each was stored, in the order of the entries.
   */
  async setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]> {
    const last = new Map(entries.map((entry) => [this.#checked(entry.key), entry]));
    const unstored = await setEach(
      this.#cache,
      [...last.values()].map(({ key, value, ttl }) => ({ key, value, timeout: toTimeout(ttl) })),
    );
    return entries.map(({ key }) => !unstored.has(key));
  }

  /** Deletes an entry. @returns Whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#cache.delete(this.#checked(key));
  }

  /** Deletes entries. @returns Whether all existed. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await this.#cache.deleteMany(this.#allChecked(keys))) === new Set(keys).size;
  }

  /** Returns whether an entry exists. */
  has(key: string): Promise<boolean> {
    return this.#cache.has(this.#checked(key));
  }

  /** Returns whether each entry exists, in the order of the keys. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    const existing = await this.#cache.hasMany(this.#allChecked(keys));
    return keys.map((key) => existing.has(key));
  }

  /**
   * Deletes the entries of the namespace; without one, all entries of the cache's version.
   *
   * @throws {CacheUsageError} When this adapter was given keys outside its namespace: by a Keyv with
   *   `useKeyPrefix: false`, or by two that share the adapter.
   */
  async clear(): Promise<void> {
    if (this.#hasOtherKeys) {
      throw new CacheUsageError(
        "This adapter was given keys outside its namespace, so clear() cannot tell which entries are meant. Give " +
          "each Keyv a keyvStore() of its own, and leave useKeyPrefix on.",
      );
    }
    await this.#cache.deletePattern(keysBeginningWith(this.#prefix));
  }

  /** Iterates over the entries of the namespace, page by page. */
  async *iterator<Value = unknown>(
    namespace: string | undefined = this.namespace,
  ): AsyncGenerator<(string | Awaited<Value> | undefined)[], void> {
    let page: string[] = [];
    for await (const key of this.#cache.iterKeys(keysBeginningWith(prefixOf(namespace)))) {
      page.push(key);
      if (page.length < PAGE) continue;
      yield* await this.#cache.getMany<Awaited<Value>>(page);
      page = [];
    }
    yield* await this.#cache.getMany<Awaited<Value>>(page);
  }

  get #prefix(): string {
    return prefixOf(this.namespace);
  }

  #checked(key: string): string {
    // A key that is no string is refused by the cache.
    if (typeof key === "string" && !key.startsWith(this.#prefix)) this.#hasOtherKeys = true;
    return key;
  }

  #allChecked(keys: readonly string[]): readonly string[] {
    for (const key of keys) this.#checked(key);
    return keys;
  }
}

function prefixOf(namespace: string | undefined): string {
  return namespace === undefined || namespace === "" ? "" : `${namespace}:`;
}
