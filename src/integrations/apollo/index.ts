export { type ApolloCacheOptions, apolloCache, CacheKeyValueCache } from "./cache-key-value-cache.ts";
