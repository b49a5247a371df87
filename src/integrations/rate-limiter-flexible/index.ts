export {
  CacheRateLimiter,
  type CacheRateLimiterOptions,
  rateLimiterFlexibleStore,
} from "./cache-rate-limiter.ts";
