export { CacheRateLimitStore, cacheRateLimitStore, type RateLimitStoreOptions } from "./cache-rate-limit-store.ts";
