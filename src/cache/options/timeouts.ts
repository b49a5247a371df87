import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/**
 * How long an entry lives: seconds, or text with a unit such as `"10m"`. `null`: it does not expire. 0 and
 * less: it has expired at once, so nothing is stored.
 */
export type Timeout = Duration | null;

/** A timeout in milliseconds, `null` for no expiry. @throws {CacheUsageError} */
export function toTtl(timeout: Timeout): Milliseconds | null {
  if (timeout === null) return null;
  const ttl = toMilliseconds(timeout);
  if (ttl !== undefined) return ttl;
  throw new CacheUsageError(
    `The timeout of a cache entry has to be ${DURATION_EXPECTED}, or null for no expiry, got ${describeValue(timeout)}.`,
  );
}

/** Whether an entry with this time to live has expired at once. */
export function endsAtOnce(ttl: Milliseconds | null): boolean {
  return ttl !== null && ttl <= 0;
}

/** Whether one time to live is longer than another; `null` is the longest. */
export function isLonger(ttl: Milliseconds | null, than: Milliseconds | null): boolean {
  return than !== null && (ttl === null || ttl > than);
}
