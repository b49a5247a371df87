import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { type Duration, toMilliseconds } from "../../core/durations.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import type { TimeZone } from "../../core/time-zone.ts";
import { userIdOf } from "../login/auth.ts";
import type { SessionRecord } from "./session-record.ts";

/**
 * Key under which Django stores the argument of `set_expiry`: seconds, or an instant as ISO 8601
 * text.
 */
export const EXPIRY_KEY = "_session_expiry";

/** Time limits of sessions. */
export interface Timeouts {
  /** Maximum time between requests. */
  readonly idle: Milliseconds;
  /** Maximum time since the login, regardless of activity; `null`: no limit. */
  readonly absolute: Milliseconds | null;
  /** A session without its own expiry ends when the browser closes. */
  readonly expireAtBrowserClose: boolean;
  /**
   * Time zone for expiry dates written as local time, without an offset (Django: `USE_TZ = False`).
   */
  readonly zone?: TimeZone | undefined;
}

/** Argument of `session.setExpiry`. */
export type Expiry = Duration | Date | null;

/** Range of Python's `datetime`, and so of Django: the years 1 to 9999, in UTC. */
const FIRST_INSTANT: EpochMilliseconds = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_INSTANT: EpochMilliseconds = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Limit for an expiry in seconds. These count again from every request, so it is lower: Django can
 * add them to its time for another hundred years.
 */
const LAST_SLIDING_INSTANT: EpochMilliseconds = Date.parse("9899-12-31T23:59:59.999Z");

/**
 * Returns the value of {@link EXPIRY_KEY} for an expiry, in Django's form; `undefined` removes the
 * key.
 *
 * @throws {SessionUsageError} For anything but whole seconds, a duration text, a date or `null`,
 *   and for an end that Django cannot read: outside the years 1 to 9999, for seconds 1 to 9899.
 */
export function toExpiryMember(
  expiry: Expiry,
  now: EpochMilliseconds,
  zone: TimeZone | undefined,
): number | string | undefined {
  if (expiry === null) return undefined;
  if (typeof expiry === "number" && Number.isSafeInteger(expiry)) {
    if (!isBetween(FIRST_INSTANT, now + expiry * 1000, LAST_SLIDING_INSTANT))
      throw beyondPython(expiry, 9899);
    // Adding 0 makes 0 of -0.
    return expiry + 0;
  }
  const instant =
    expiry instanceof Date ? expiry.getTime() : now + (textToMilliseconds(expiry) ?? Number.NaN);
  if (Number.isNaN(instant)) throw noExpiry(expiry);
  if (!isBetween(FIRST_INSTANT, instant, LAST_INSTANT)) throw beyondPython(expiry, 9999);
  return zone === undefined ? isoText(instant, "+00:00") : isoText(zone.toLocal(instant), "");
}

/**
 * Python's `isoformat()`, with all six digits. A local time just beyond its range of years is
 * clamped.
 */
function isoText(instant: EpochMilliseconds, offset: string): string {
  const within = Math.min(Math.max(instant, FIRST_INSTANT), LAST_INSTANT);
  return new Date(within).toISOString().replace("Z", `000${offset}`);
}

function textToMilliseconds(expiry: unknown): Milliseconds | undefined {
  return typeof expiry === "string" ? toMilliseconds(expiry) : undefined;
}

function isBetween(first: number, value: number, last: number): boolean {
  return first <= value && value <= last;
}

function noExpiry(expiry: unknown): SessionUsageError {
  return new SessionUsageError(
    'session.setExpiry() expected whole seconds, text such as "30m", a valid Date or null, ' +
      `got ${describeExpiry(expiry)}. 0 ends the session when the browser closes; null restores the settings' default.`,
  );
}

function beyondPython(expiry: unknown, lastYear: number): SessionUsageError {
  return new SessionUsageError(
    `session.setExpiry() expected a time that ends in the years 1 to ${lastYear}, which Django can read, ` +
      `got ${describeExpiry(expiry)}.`,
  );
}

function describeExpiry(expiry: unknown): string {
  if (!(expiry instanceof Date)) return describeValue(expiry);
  return Number.isNaN(expiry.getTime()) ? "an invalid Date" : `a Date of ${expiry.toISOString()}`;
}

/**
 * Returns the remaining time of a session without further requests, in milliseconds; 0 or less: it
 * has ended. Its end is clamped to the years 1 to 9999.
 */
export function timeToLive(record: SessionRecord, timeouts: Timeouts, now: EpochMilliseconds): Milliseconds {
  const end = Math.min(now + expiryAge(record, timeouts, now), absoluteEnd(record, timeouts));
  return Math.min(Math.max(end, FIRST_INSTANT), LAST_INSTANT) - now;
}

/**
 * Django's `get_expiry_age`, in milliseconds: a missing or 0 expiry means the idle time, and so
 * does an invalid one, for which Django raises.
 */
function expiryAge(record: SessionRecord, { idle, zone }: Timeouts, now: EpochMilliseconds): Milliseconds {
  const expiry = record.read(EXPIRY_KEY);
  if (typeof expiry === "string") return (toInstant(expiry, zone) ?? now + idle) - now;
  const seconds = typeof expiry === "bigint" ? fromBigint(expiry) : expiry;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds !== 0 ? seconds * 1000 : idle;
}

/** An integer beyond 2^53 is also beyond Python's range of years: only its sign counts. */
function fromBigint(integer: bigint): number {
  return integer > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
}

// `Date.parse` accepts other texts too, such as "1", unlike Python's `datetime.fromisoformat`.
const ISO_DATE = /^\d{4}-\d\d-\d\d/;

/**
 * Form of a year beyond 9999 (ECMA-262, "Expanded Years"), written by older versions of Sojourn and
 * possibly others.
 */
const LATE_YEAR = /^\+?0*[1-9]\d{4,}-\d\d-\d\d/;

/** A date, with or without a time, and without an offset: "naive" in Python. */
const NAIVE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;

/** @returns `undefined` for a text that is no instant. */
function toInstant(text: string, zone: TimeZone | undefined): EpochMilliseconds | undefined {
  if (LATE_YEAR.test(text)) return LAST_INSTANT;
  if (!ISO_DATE.test(text)) return undefined;
  const isLocal = zone !== undefined && NAIVE.test(text);
  const parsed = Date.parse(isLocal && text.length > "2026-01-31".length ? `${text}Z` : text);
  if (Number.isNaN(parsed)) return undefined;
  return isLocal ? zone.toInstant(parsed) : parsed;
}

/**
 * Returns a session's lifetime after each activity, in milliseconds: its own expiry in seconds,
 * else the idle time.
 */
export function activeAge(record: SessionRecord, { idle }: Timeouts): Milliseconds {
  const expiry = record.read(EXPIRY_KEY);
  return typeof expiry === "number" && expiry > 0 ? expiry * 1000 : idle;
}

/** Django records no login time, so the session's creation time is used. */
function absoluteEnd(record: SessionRecord, { absolute }: Timeouts): EpochMilliseconds {
  const { authenticated, created } = record.metadata;
  const begin = authenticated ?? created;
  if (absolute === null || begin === undefined || userIdOf(record) === undefined)
    return Number.POSITIVE_INFINITY;
  return begin + absolute;
}

/** Django's `get_expire_at_browser_close`: returns whether the cookie is sent without a Max-Age. */
export function endsWithBrowser(record: SessionRecord, { expireAtBrowserClose }: Timeouts): boolean {
  const expiry = record.read(EXPIRY_KEY);
  // Python's False is equal to 0.
  return expiry === undefined || expiry === null ? expireAtBrowserClose : expiry === 0 || expiry === false;
}
