import { type RateLimiterRes, RateLimiterUnion } from "rate-limiter-flexible";
import { rateLimiterFlexibleStore } from "sojourn/integrations/rate-limiter-flexible";
import { cache } from "./cache.js";

// @ts-expect-error A limiter on a cache needs no client.
const wrong = () => rateLimiterFlexibleStore(cache, { points: 1, duration: 60, storeClient: {} });

const limiter = rateLimiterFlexibleStore(cache, { points: 1, duration: 60 });
const union = new RateLimiterUnion(limiter);
const first: RateLimiterRes = await limiter.consume("ann");
const refused = await limiter
  .consume("ann")
  .catch((refusal: unknown) => (refusal as RateLimiterRes).consumedPoints);
const works =
  first.consumedPoints === 1 && refused === 2 && union !== undefined && typeof wrong === "function";
process.stdout.write(`${works}\n`);
