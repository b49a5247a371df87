export {
  CacheThrottlerStorage,
  nestjsThrottlerStorage,
  type ThrottlerRecord,
  type ThrottlerStorageOptions,
} from "./cache-throttler-storage.ts";
