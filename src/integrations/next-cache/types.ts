import type { EpochMilliseconds } from "../../core/clock.ts";

/** Entry of a cache handler of Next 16: the result of a function with `"use cache"`. */
export interface NextCacheEntry {
  /** The result, serialized by Next. A stream can be read once. */
  value: ReadableStream<Uint8Array>;
  /** Tags of the function, without those of the route. */
  tags: string[];
  /** Time for which a browser may use the result, in seconds. */
  stale: number;
  /** Time at which the function was called. */
  timestamp: EpochMilliseconds;
  /** Time from the call on for which the entry may be used, in seconds. */
  expire: number;
  /** Time from the call on after which it is made again in the background, in seconds. */
  revalidate: number;
}

/** Times of an invalidation. */
export interface NextTagDurations {
  /** Time for which stale entries may still be used, in seconds. @defaultValue as long as they live */
  readonly expire?: number | undefined;
}

/** A cache handler, as `cacheHandlers` of `next.config` names it. */
export interface NextCacheHandler {
  get(cacheKey: string, softTags: string[]): Promise<NextCacheEntry | undefined>;
  set(cacheKey: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>;
  refreshTags(): Promise<void>;
  getExpiration(tags: string[]): Promise<number>;
  updateTags(tags: string[], durations?: NextTagDurations): Promise<void>;
}
