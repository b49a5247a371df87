export {
  djangoRatelimit,
  type DjangoRatelimitCounter,
  djangoRatelimitKey,
  type DjangoRatelimitKeyOptions,
  type DjangoRatelimitOptions,
  type DjangoRatelimitUsage,
} from "./django-ratelimit.ts";
export type { RatelimitRate } from "./ratelimit-rate.ts";
