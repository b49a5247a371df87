import { stringifySetCookie } from "cookie";
import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

/** Attributes of the session cookie, from the settings. */
export interface CookieAttributes {
  readonly name: string;
  readonly path: string;
  readonly domain: string | undefined;
  /** `"auto"` follows the request: Secure if it came over TLS. */
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
  readonly sameSite: "lax" | "strict" | "none";
  readonly partitioned: boolean;
  readonly priority: "low" | "medium" | "high" | undefined;
  /** Earlier paths and domains of the cookie; see `sessions.cookie.previous`. */
  readonly previous: readonly CookieScope[];
}

/** Paths and hosts to which a cookie is sent. */
export interface CookieScope {
  readonly path: string;
  readonly domain: string | undefined;
}

/** Reason for rejecting a cookie, or one of several. */
export type CookieRejection = "malformed" | "duplicate";

/** Result of reading a Cookie header. */
export class CookieReading {
  /** The header has a cookie of the name, valid or not. */
  readonly isPresent: boolean;
  /** Distinct values of the right form, in header order: at most {@link MAX_CANDIDATES}. */
  readonly values: readonly string[];
  /**
   * `"malformed"`: no value has the right form. `"duplicate"`: there are several different values.
   */
  readonly rejection: CookieRejection | undefined;

  constructor(isPresent: boolean, values: readonly string[], rejection: CookieRejection | undefined) {
    this.isPresent = isPresent;
    this.values = values;
    this.rejection = rejection;
  }
}

/**
 * Maximum number of values to look up: each may cost a command. Browsers send two after a change of
 * the attributes, and more if some were planted.
 */
export const MAX_CANDIDATES = 4;

/**
 * Finds the values of the session's cookie in a Cookie header: its key, or the record that it
 * carries. Values of another form are dropped.
 *
 * A browser sends several cookies of a name when they were set for different paths or domains, the
 * one with the longest path first, then the oldest (RFC 6265 section 5.4). Only the store shows
 * which one belongs to the application.
 *
 * @param hasForm Returns whether a value has the form of the session's cookie.
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
  if (isPresent && values.length === 0) return new CookieReading(isPresent, values, "malformed");
  return new CookieReading(isPresent, values, distinct.length > 1 ? "duplicate" : undefined);
}

// The package `cookie` keeps only the first of several values, which would hide duplicates.
function valuesOf(header: string, name: string): string[] {
  const values: string[] = [];
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name)
      values.push(decoded(unquote(pair.slice(equals + 1).trim())));
  }
  return values;
}

// `cookies().set()` of frameworks encodes values: of the characters that ours have, the colon alone.
function decoded(value: string): string {
  return value.replaceAll("%3A", ":");
}

// RFC 6265 section 4.1.1 allows a value in double quotes.
function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/**
 * 400 days. Browsers keep no cookie for longer, regardless of its attributes
 * (draft-ietf-httpbis-rfc6265bis sections 5.6.1 and 5.6.2, "cookie age limit"; Chromium since
 * version 104).
 */
export const MAX_MAX_AGE: Milliseconds = 400 * 86_400_000;

/** Lifetime of the cookie in the browser. A `maxAge` of `undefined`: until the browser closes. */
export interface CookieLifetime {
  readonly maxAge: Milliseconds | undefined;
  readonly now: EpochMilliseconds;
  readonly isSecure: boolean;
}

/** Attributes of a {@link SetCookie}, in the form that `cookies().set()` of frameworks takes. */
export interface SetCookieAttributes {
  readonly path: string;
  readonly domain?: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: "lax" | "strict" | "none";
  readonly partitioned: boolean;
  readonly priority?: "low" | "medium" | "high";
  /** Seconds; without it the cookie lives until the browser closes. */
  readonly maxAge?: number;
  readonly expires?: Date;
}

/** A cookie that a response sets: as text, and in parts for frameworks that set cookies by name. */
export interface SetCookie {
  readonly name: string;
  /** A secret. Empty where the cookie is cleared. */
  readonly value: string;
  readonly attributes: SetCookieAttributes;
  /** Value of the Set-Cookie header. */
  readonly header: string;
}

/**
 * Returns the cookie that gives the browser its session.
 *
 * @param value Characters allowed in a cookie (RFC 6265 section 4.1.1), sent without encoding, as
 *   by Django.
 */
export function setCookie(cookie: CookieAttributes, value: string, lifetime: CookieLifetime): SetCookie {
  const { maxAge, now, isSecure } = lifetime;
  const attributes = attributesOf(cookie, isSecure);
  if (maxAge === undefined) return toSetCookie(cookie.name, value, attributes);
  const kept = Math.min(Math.max(0, maxAge), MAX_MAX_AGE);
  return toSetCookie(cookie.name, value, {
    ...attributes,
    maxAge: Math.floor(kept / 1000),
    expires: new Date(now + kept),
  });
}

/** Returns the cookie that deletes the session's cookie. It has the same attributes. */
export function clearCookie(cookie: CookieAttributes, isSecure: boolean): SetCookie {
  return toSetCookie(cookie.name, "", {
    ...attributesOf(cookie, isSecure),
    maxAge: 0,
    expires: new Date(0),
  });
}

/** Returns the cookies that delete those of earlier paths and domains. */
export function clearPreviousCookies(cookie: CookieAttributes, isSecure: boolean): readonly SetCookie[] {
  return cookie.previous.map((scope) => clearCookie({ ...cookie, ...scope }, isSecure));
}

function attributesOf(cookie: CookieAttributes, isSecure: boolean): SetCookieAttributes {
  const { path, domain, httpOnly, sameSite, partitioned, priority } = cookie;
  return {
    path,
    httpOnly,
    sameSite,
    partitioned,
    secure: cookie.secure === "auto" ? isSecure : cookie.secure,
    ...(domain !== undefined && { domain }),
    ...(priority !== undefined && { priority }),
  };
}

function toSetCookie(name: string, value: string, attributes: SetCookieAttributes): SetCookie {
  const header = stringifySetCookie(name, value, { encode: (each) => each, ...attributes });
  return { name, value, attributes, header };
}
