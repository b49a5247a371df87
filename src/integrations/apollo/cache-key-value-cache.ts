import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";

/** Options of {@link apolloCache}. */
export interface ApolloCacheOptions extends PrefixOption {
  /** @defaultValue `"apollo:"` */
  readonly prefix?: string | undefined;
}

/**
 * Makes the `cache` of Apollo Server 4 and 5 on a cache: for persisted queries, its response cache
 * and data sources.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { apolloCache } from "sojourn/integrations/apollo";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const serverOptions = { cache: apolloCache(caches.default) };
 * ```
 */
export function apolloCache(cache: Cache, options: ApolloCacheOptions = {}): CacheKeyValueCache {
  checkCache(cache, "apolloCache");
  return new CacheKeyValueCache(cache, toPrefix("apolloCache", options, "apollo:"));
}

/** The `KeyValueCache` of Apollo on a cache. Failures of the cache are thrown. */
export class CacheKeyValueCache {
  readonly #cache: Cache;
  readonly #prefix: string;

  /** @internal Use {@link apolloCache}. */
  constructor(cache: Cache, prefix: string) {
    this.#cache = cache;
    this.#prefix = prefix;
  }

  /** Reads a text; `undefined` on a miss. */
  get(key: string): Promise<string | undefined> {
    return this.#cache.get<string>(this.#prefix + key);
  }

  /**
   * Stores a text.
   *
   * @param options.ttl Time to live, in seconds; `null` is no expiry.
   *
   *   @defaultValue the cache's `timeout`
   */
  async set(key: string, value: string, options: { readonly ttl?: number | null } = {}): Promise<void> {
    await this.#cache.set(this.#prefix + key, value, { timeout: options.ttl });
  }

  /** Deletes an entry. @returns Whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#cache.delete(this.#prefix + key);
  }
}
