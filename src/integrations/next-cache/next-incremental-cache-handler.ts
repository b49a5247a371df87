import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { BuildId } from "./build-id.ts";
import { IncrementalCacheHandler } from "./incremental-cache-handler.ts";
import { IncrementalEntries, type IncrementalTimes } from "./incremental-entries.ts";
import type { NextIncrementalCacheHandlerClass, NextIncrementalContext } from "./incremental-types.ts";
import { type NextIncrementalCacheHandlerOptions, resolveIncrementalOptions } from "./options.ts";

/**
 * Makes the class for `cacheHandler` of Next 16 on a cache: prerendered pages, route handlers, results
 * of `fetch` and `unstable_cache`, and images are shared by all processes, and `revalidateTag` and
 * `revalidatePath` are seen by all at once.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @throws {ImproperlyConfigured} When the store of the cache can neither count nor compare and set.
 * @example
 * ```ts
 * // incremental-cache-handler.mjs, which next.config names
 * import { createSojourn } from "sojourn";
 * import { nextIncrementalCacheHandler } from "sojourn/integrations/next-cache";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * export default nextIncrementalCacheHandler(caches.default);
 * ```
 */
export function nextIncrementalCacheHandler(
  cache: Cache,
  options: NextIncrementalCacheHandlerOptions = {},
): NextIncrementalCacheHandlerClass {
  return incrementalHandlerOn(cache, options);
}

/** @internal {@link nextIncrementalCacheHandler} with clocks and waits that tests replace. */
export function incrementalHandlerOn(
  cache: Cache,
  options: NextIncrementalCacheHandlerOptions,
  times?: IncrementalTimes,
): NextIncrementalCacheHandlerClass {
  checkCache(cache, "nextIncrementalCacheHandler");
  const resolved = resolveIncrementalOptions(options);
  const entries = new IncrementalEntries(cache.leasedEntries, resolved, times);
  const buildId = new BuildId(resolved.buildId, resolved.onError);
  return class NextIncrementalCacheHandler extends IncrementalCacheHandler {
    constructor(context: NextIncrementalContext) {
      super(entries, buildId, context);
    }
  };
}
