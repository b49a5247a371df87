export {
  CacheRateLimitStore,
  expressRateLimitStore,
  type RatePrefixOption,
} from "./cache-rate-limit-store.ts";
