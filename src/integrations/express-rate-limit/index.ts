export {
  CacheRateLimitStore,
  expressRateLimitStore,
  type RateLimitStoreOptions,
} from "./cache-rate-limit-store.ts";
