export { CacheNextHandler } from "./cache-next-handler.ts";
export { nextCacheHandler } from "./next-cache-handler.ts";
export type { NextCacheHandlerOptions } from "./options.ts";
export type { NextCacheEntry, NextCacheHandler, NextTagDurations } from "./types.ts";
