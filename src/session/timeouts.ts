import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { SessionUsageError } from "../core/errors.ts";
import { userIdOf } from "./auth.ts";
import type { SessionRecord } from "./session-record.ts";

/** Where Django keeps what `set_expiry` was given: seconds, or an instant as ISO 8601 text. */
export const EXPIRY_KEY = "_session_expiry";

/** How long sessions last. */
export interface Timeouts {
  /** Longest time without a request. */
  readonly idle: Milliseconds;
  /** Longest time since the login, however busy; `null` is no limit. */
  readonly absolute: Milliseconds | null;
  /** Whether a session without an expiry of its own ends with the browser. */
  readonly expireAtBrowserClose: boolean;
}

/** Argument of `session.setExpiry`. */
export type Expiry = Duration | Date | null;

/**
 * The value of {@link EXPIRY_KEY} for an expiry, in Django's form; `undefined` removes the key.
 *
 * @throws {SessionUsageError} For anything but whole seconds, a duration text, a valid date or `null`.
 */
export function toExpiryMember(expiry: Expiry, now: EpochMilliseconds): number | string | undefined {
  if (expiry === null) return undefined;
  if (typeof expiry === "number" && Number.isSafeInteger(expiry)) return expiry;
  const instant = expiry instanceof Date ? expiry.getTime() : now + (textToMilliseconds(expiry) ?? Number.NaN);
  const date = new Date(instant);
  if (!Number.isNaN(date.getTime())) return date.toISOString().replace("Z", "000+00:00");
  throw new SessionUsageError(
    'session.setExpiry() expected whole seconds, text such as "30m", a valid Date or null. ' +
      "0 ends the session with the browser; null goes back to the settings.",
  );
}

function textToMilliseconds(expiry: unknown): Milliseconds | undefined {
  return typeof expiry === "string" ? toMilliseconds(expiry) : undefined;
}

/** Time that is left of a session if nobody comes back, in milliseconds; 0 or less: it has ended. */
export function timeToLive(record: SessionRecord, timeouts: Timeouts, now: EpochMilliseconds): Milliseconds {
  const idle = expiryAge(record, timeouts, now);
  return Math.min(idle, absoluteEnd(record, timeouts) - now);
}

/** Django's `get_expiry_age`, in milliseconds: a missing or 0 expiry, or one that is no expiry, means the idle time. */
function expiryAge(record: SessionRecord, { idle }: Timeouts, now: EpochMilliseconds): Milliseconds {
  const expiry = record.read(EXPIRY_KEY);
  if (typeof expiry === "number" && Number.isFinite(expiry) && expiry !== 0) return expiry * 1000;
  const instant = typeof expiry === "string" ? Date.parse(expiry) : Number.NaN;
  return Number.isNaN(instant) ? idle : instant - now;
}

/** How long a session lives after each activity, in milliseconds: its own expiry in seconds, else the idle time. */
export function activeAge(record: SessionRecord, { idle }: Timeouts): Milliseconds {
  const expiry = record.read(EXPIRY_KEY);
  return typeof expiry === "number" && expiry > 0 ? expiry * 1000 : idle;
}

/** Of a login by Django it is not known when it was; the beginning of the session stands in for it. */
function absoluteEnd(record: SessionRecord, { absolute }: Timeouts): EpochMilliseconds {
  const { authenticated, created } = record.facts;
  const begin = authenticated ?? created;
  if (absolute === null || begin === undefined || userIdOf(record) === undefined) return Number.POSITIVE_INFINITY;
  return begin + absolute;
}

/** Django's `get_expire_at_browser_close`: whether the cookie goes without a Max-Age. */
export function endsWithBrowser(record: SessionRecord, { expireAtBrowserClose }: Timeouts): boolean {
  const expiry = record.read(EXPIRY_KEY);
  return expiry === undefined || expiry === null ? expireAtBrowserClose : expiry === 0;
}
