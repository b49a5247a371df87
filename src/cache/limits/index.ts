export type { CountingCache } from "./counters.ts";
export {
  djangoRatelimit,
  type DjangoRatelimitCounter,
  djangoRatelimitKey,
  type DjangoRatelimitKeyOptions,
  type DjangoRatelimitOptions,
  type DjangoRatelimitUsage,
} from "./django-ratelimit.ts";
export type { CostOption, Limiter, LimitStatus } from "./limit-status.ts";
export { createLimiter, type LimiterSettings } from "./limiter.ts";
export type { RatelimitRate } from "./ratelimit-rate.ts";
