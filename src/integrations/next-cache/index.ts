export { CacheNextHandler } from "./cache-next-handler.ts";
export { nextCacheHandler } from "./next-cache-handler.ts";
export { nextIncrementalCacheHandler } from "./next-incremental-cache-handler.ts";
export type {
  NextCacheControl,
  NextIncrementalCacheHandler,
  NextIncrementalCacheHandlerClass,
  NextIncrementalContext,
  NextIncrementalEntry,
  NextIncrementalGetContext,
  NextIncrementalSetContext,
  NextIncrementalValue,
} from "./incremental-types.ts";
export type { NextCacheHandlerOptions, NextIncrementalCacheHandlerOptions } from "./options.ts";
export type { NextCacheEntry, NextCacheHandler, NextTagDurations } from "./types.ts";
