import type { Milliseconds } from "../core/clock.ts";
import { describeGiven } from "../core/calls.ts";
import { CacheUsageError } from "../core/errors.ts";
import type { Timeout } from "../cache/options/timeouts.ts";

/**
 * Returns the timeout of a time to live in milliseconds, rounded up. Without one, and for
 * `Infinity`, there is no expiry.
 *
 * @throws {CacheUsageError}
 */
export function toTimeout(ttl: Milliseconds | null | undefined): Timeout {
  if (ttl === undefined || ttl === null || ttl === Infinity) return null;
  if (typeof ttl === "number" && Number.isFinite(ttl)) return Math.ceil(ttl) / 1000;
  throw new CacheUsageError(`A time to live has to be a number of milliseconds, got ${describeGiven(ttl)}.`);
}
