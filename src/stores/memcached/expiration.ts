import type { Clock, Milliseconds } from "../../core/clock.ts";

/** Longest time that memcached takes as one from now on, in seconds; beyond it, it is a date. */
const MAX_RELATIVE = 30 * 86_400;

/** Latest date that memcached takes, in seconds since 1970: a signed 32-bit number. */
const MAX_DATE = 2 ** 31 - 1;

/**
 * Returns an expiration time for the `T` flag, never before the end: memcached counts whole seconds,
 * of which the present one may be over at once. 0: none, also for an end in 2038 or later.
 */
export function toExpiration(ttl: Milliseconds | null, clock: Clock): number {
  if (ttl === null) return 0;
  return inSeconds(Math.ceil(ttl / 1000) + 1, clock, Math.ceil);
}

/**
 * Returns the expiration time that Django writes for a time to live of whole seconds
 * (`get_backend_timeout` in core/cache/backends/memcached.py): memcached may end the item up to a
 * second early.
 */
export function toDjangoExpiration(ttl: Milliseconds | null, clock: Clock): number {
  if (ttl === null) return 0;
  // Times are sums of floats: the part of a millisecond is none of theirs.
  const seconds = Math.max(1, Math.ceil(Math.round(ttl) / 1000));
  return inSeconds(seconds, clock, Math.floor);
}

/**
 * Returns the expiration time of an item that keeps its own.
 *
 * @param left What memcached tells of it (`t`): whole seconds, 0 in the last one, -1 for none.
 */
export function toKeptExpiration(left: number, clock: Clock): number {
  return left < 0 ? 0 : inSeconds(Math.max(1, left), clock, Math.floor);
}

/** @param round Makes whole seconds of the present time, which only a date needs. */
function inSeconds(seconds: number, clock: Clock, round: (seconds: number) => number): number {
  if (seconds <= MAX_RELATIVE) return seconds;
  const date = round(clock.now() / 1000) + seconds;
  return date <= MAX_DATE ? date : 0;
}
