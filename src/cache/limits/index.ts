export type { CountingCache } from "./counters.ts";
export type { CostOption, Limiter, LimitStatus } from "./limit-status.ts";
export { createLimiter, type LimiterSettings } from "./limiter.ts";
