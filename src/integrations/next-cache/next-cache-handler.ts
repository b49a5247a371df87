import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { CacheNextHandler } from "./cache-next-handler.ts";
import { type NextCacheHandlerOptions, resolveOptions } from "./options.ts";

/**
 * Makes a cache handler for `cacheHandlers` of Next 16 on a cache: the results of functions with
 * `"use cache"` and `"use cache: remote"` are shared by all processes, each is made by one of them
 * at a time, and `revalidateTag`, `updateTag` and `revalidatePath` are seen by all at once.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @throws {ImproperlyConfigured} When the store of the cache can neither count nor compare and set.
 * @example
 * ```ts
 * // cache-handler.mjs, which next.config names
 * import { createSojourn } from "sojourn";
 * import { nextCacheHandler } from "sojourn/integrations/next-cache";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * export default nextCacheHandler(caches.default);
 * ```
 */
export function nextCacheHandler(cache: Cache, options: NextCacheHandlerOptions = {}): CacheNextHandler {
  checkCache(cache, "nextCacheHandler");
  return new CacheNextHandler(cache.leasedEntries, resolveOptions(options));
}
