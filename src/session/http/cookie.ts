import { type SerializeOptions, stringifySetCookie } from "cookie";
import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

/** The session cookie, as the settings want it. */
export interface CookieAttributes {
  readonly name: string;
  readonly path: string;
  readonly domain: string | undefined;
  /** `"auto"` follows the request: Secure where it came over TLS. */
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
  readonly sameSite: "lax" | "strict" | "none";
  readonly partitioned: boolean;
  readonly priority: "low" | "medium" | "high" | undefined;
  /** Paths and domains that the cookie had before; see `sessions.cookie.previous`. */
  readonly previous: readonly CookieScope[];
}

/** Where a cookie is sent. */
export interface CookieScope {
  readonly path: string;
  readonly domain: string | undefined;
}

/** Why a cookie was not taken for a session's, or not alone. */
export type CookieRejection = "malformed" | "duplicate";

/** What a Cookie header says of the session. */
export interface CookieReading {
  /** Whether a cookie of the name came at all. */
  readonly isPresent: boolean;
  /** Distinct values of the right form, in the order of the header: at most {@link MAX_CANDIDATES}. */
  readonly values: readonly string[];
  /** `"malformed"`: none has the right form. `"duplicate"`: several different values came. */
  readonly rejection: CookieRejection | undefined;
}

/**
 * Each candidate may cost a command. Browsers send two where the attributes were changed, and more where some
 * are planted.
 */
export const MAX_CANDIDATES = 4;

/**
 * Finds the values of the session's cookie in a Cookie header: its key, or the record that it carries. A
 * value of another form never gets any further.
 *
 * A browser sends several cookies of a name when they were set for different paths or domains, the one with
 * the longest path first, then the oldest (RFC 6265 section 5.4). Nothing tells which of them is the
 * application's; the store does.
 *
 * @param hasForm Whether a value has the form that the session's cookie has.
 */
export function readCookie(
  header: string | undefined,
  name: string,
  hasForm: (value: string) => boolean,
): CookieReading {
  const found = header === undefined ? [] : valuesOf(header, name);
  const distinct = [...new Set(found)];
  const values = distinct.filter(hasForm).slice(0, MAX_CANDIDATES);
  const isPresent = distinct.length > 0;
  if (isPresent && values.length === 0) return { isPresent, values, rejection: "malformed" };
  return { isPresent, values, rejection: distinct.length > 1 ? "duplicate" : undefined };
}

// The package `cookie` keeps the first of several values, so duplicates could not be seen with it.
function valuesOf(header: string, name: string): string[] {
  const values: string[] = [];
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(unquote(pair.slice(equals + 1).trim()));
  }
  return values;
}

// RFC 6265 section 4.1.1 allows a value in double quotes.
function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/**
 * 400 days. Browsers keep no cookie for longer, whatever it says (draft-ietf-httpbis-rfc6265bis sections
 * 5.6.1 and 5.6.2, "cookie age limit"; Chromium since version 104).
 */
export const MAX_MAX_AGE: Milliseconds = 400 * 86_400_000;

/** How long a browser keeps the cookie; `undefined`: until it is closed. */
export interface CookieLifetime {
  readonly maxAge: Milliseconds | undefined;
  readonly now: EpochMilliseconds;
  readonly isSecure: boolean;
}

/**
 * The value of a Set-Cookie header that gives the browser its session.
 *
 * @param value Characters that a cookie may have (RFC 6265 section 4.1.1): they go out as they are, as from
 *   Django.
 */
export function setCookieHeader(cookie: CookieAttributes, value: string, lifetime: CookieLifetime): string {
  const { maxAge, now, isSecure } = lifetime;
  const options = serializeOptions(cookie, isSecure);
  if (maxAge === undefined) return stringifySetCookie(cookie.name, value, options);
  const kept = Math.min(Math.max(0, maxAge), MAX_MAX_AGE);
  return stringifySetCookie(cookie.name, value, {
    ...options,
    maxAge: Math.floor(kept / 1000),
    expires: new Date(now + kept),
  });
}

/**
 * The value of a Set-Cookie header that makes the browser forget its key. It has the attributes of the other
 * one.
 */
export function clearCookieHeader(cookie: CookieAttributes, isSecure: boolean): string {
  return stringifySetCookie(cookie.name, "", {
    ...serializeOptions(cookie, isSecure),
    maxAge: 0,
    expires: new Date(0),
  });
}

/** Values of Set-Cookie headers that make the browser forget the cookies of the paths and domains of before. */
export function clearPreviousHeaders(cookie: CookieAttributes, isSecure: boolean): readonly string[] {
  return cookie.previous.map((scope) => clearCookieHeader({ ...cookie, ...scope }, isSecure));
}

function serializeOptions(cookie: CookieAttributes, isSecure: boolean): SerializeOptions {
  const { path, domain, httpOnly, sameSite, partitioned, priority } = cookie;
  return {
    encode: (value) => value,
    path,
    httpOnly,
    sameSite,
    partitioned,
    secure: cookie.secure === "auto" ? isSecure : cookie.secure,
    ...(domain !== undefined && { domain }),
    ...(priority !== undefined && { priority }),
  };
}
