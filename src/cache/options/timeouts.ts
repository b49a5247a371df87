import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/**
 * Time to live of an entry: seconds, or text with a unit such as `"10m"`. `null`: no expiry. 0 or
 * less: the entry expires at once, so nothing is stored.
 */
export type Timeout = Duration | null;

/** Returns a timeout in milliseconds, `null` for no expiry. @throws {CacheUsageError} */
export function toTtl(timeout: Timeout): Milliseconds | null {
  if (timeout === null) return null;
  const ttl = toMilliseconds(timeout);
  if (ttl !== undefined) return ttl;
  throw new CacheUsageError(
    `The timeout of a cache entry has to be ${DURATION_EXPECTED}, or null for no expiry, got ${describeValue(timeout)}.`,
  );
}

/** Returns whether an entry with this time to live expires at once. */
export function endsAtOnce(ttl: Milliseconds | null): boolean {
  return ttl !== null && ttl <= 0;
}

/** Returns whether one time to live is longer than another; `null` is the longest. */
export function isLonger(ttl: Milliseconds | null, than: Milliseconds | null): boolean {
  return than !== null && (ttl === null || ttl > than);
}
