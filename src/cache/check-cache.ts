import { describeKind } from "../core/descriptions.ts";
import { CacheUsageError } from "../core/errors.ts";
import type { Cache } from "./cache.ts";

/** @throws {CacheUsageError} For a value that is no cache, such as all caches or their settings. */
export function checkCache(cache: unknown, call: string): asserts cache is Cache {
  if (typeof cache === "object" && cache !== null && "counters" in cache && "incr" in cache) return;
  throw new CacheUsageError(
    `${call}() expected a cache, such as caches.default, got ${describeKind(cache)}.`,
  );
}
