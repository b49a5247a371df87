import { type SerializeOptions, stringifySetCookie } from "cookie";
import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";

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
}

/** Why a cookie was not taken for a session's. */
export type CookieRejection = "malformed" | "duplicate";

/** What a Cookie header says of the session. */
export type CookieReading =
  | { readonly kind: "absent" }
  | { readonly kind: "rejected"; readonly reason: CookieRejection }
  | { readonly kind: "value"; readonly value: string };

/**
 * Finds the value of the session's cookie in a Cookie header: its key, or the record that it carries.
 *
 * A value of another form never gets any further. Nor does a cookie that comes twice: a browser sends two when
 * somebody has set one for another path or domain (RFC 6265 section 8.6), and nothing tells which one is genuine.
 *
 * @param hasForm Whether a value has the form that the session's cookie has.
 */
export function readCookie(
  header: string | undefined,
  name: string,
  hasForm: (value: string) => boolean,
): CookieReading {
  const values = header === undefined ? [] : valuesOf(header, name);
  const [value, second] = values;
  if (value === undefined) return { kind: "absent" };
  if (second !== undefined) return { kind: "rejected", reason: "duplicate" };
  return hasForm(value) ? { kind: "value", value } : { kind: "rejected", reason: "malformed" };
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
 * 400 days. Browsers keep no cookie for longer, whatever it says (draft-ietf-httpbis-rfc6265bis sections 5.6.1 and 5.6.2,
 * "cookie age limit"; Chromium since version 104).
 */
export const LONGEST_MAX_AGE: Milliseconds = 400 * 86_400_000;

/** How long a browser keeps the cookie; `undefined`: until it is closed. */
export interface CookieLifetime {
  readonly maxAge: Milliseconds | undefined;
  readonly now: EpochMilliseconds;
  readonly isSecure: boolean;
}

/**
 * The value of a Set-Cookie header that gives the browser its session.
 *
 * @param value Characters that a cookie may have (RFC 6265 section 4.1.1): they go out as they are, as from Django.
 */
export function setCookieHeader(cookie: CookieAttributes, value: string, lifetime: CookieLifetime): string {
  const { maxAge, now, isSecure } = lifetime;
  const options = serializeOptions(cookie, isSecure);
  if (maxAge === undefined) return stringifySetCookie(cookie.name, value, options);
  const kept = Math.min(Math.max(0, maxAge), LONGEST_MAX_AGE);
  return stringifySetCookie(cookie.name, value, {
    ...options,
    maxAge: Math.floor(kept / 1000),
    expires: new Date(now + kept),
  });
}

/** The value of a Set-Cookie header that makes the browser forget its key. It has the attributes of the other one. */
export function clearCookieHeader(cookie: CookieAttributes, isSecure: boolean): string {
  return stringifySetCookie(cookie.name, "", {
    ...serializeOptions(cookie, isSecure),
    maxAge: 0,
    expires: new Date(0),
  });
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
