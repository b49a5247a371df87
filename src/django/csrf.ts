import { randomInt } from "node:crypto";
import { constantTimeCompare } from "./constant-time-compare.ts";
import type { HasData } from "./has-data.ts";

/**
 * Key of the secret in a session, on a site with `CSRF_USE_SESSIONS = True` (Django's
 * `CSRF_SESSION_KEY`).
 */
export const CSRF_KEY = "_csrftoken";

// `CSRF_SECRET_LENGTH`, `CSRF_TOKEN_LENGTH` and `CSRF_ALLOWED_CHARS` of django/middleware/csrf.py.
const SECRET_LENGTH = 32;
const TOKEN_LENGTH = 2 * SECRET_LENGTH;
const CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SECRET_OR_TOKEN = /^(?:[a-zA-Z0-9]{32}){1,2}$/;

/**
 * Returns the token for the forms (`csrfmiddlewaretoken`) and headers (`X-CSRFToken`) of a page,
 * like Django's `get_token`. Each call returns another text for the same secret, so that
 * compression does not leak it (BREACH).
 *
 * A session without a secret gets one, which is saved with the session: it starts a session for an
 * anonymous visitor.
 *
 * @returns 64 letters and digits.
 */
export function csrfToken(session: HasData): string {
  return mask(secretOf(session) ?? rotateSecret(session));
}

/**
 * Returns whether a request's token belongs to the session, like Django's `CsrfViewMiddleware` with
 * `CSRF_USE_SESSIONS`, without its checks of the headers Origin and Referer. Accepts masked tokens
 * (64 characters) and bare ones (32). Changes nothing, and compares in constant time.
 *
 * @param token Value from the form or the header; anything that is not a token is invalid.
 */
export function isCsrfTokenValid(session: HasData, token: unknown): boolean {
  const secret = secretOf(session);
  const given = readSecret(token);
  return secret !== undefined && given !== undefined && constantTimeCompare(given, secret);
}

/**
 * Gives the session a new secret, as Django does at each login (`rotate_token`): earlier tokens
 * become invalid. `djangoAuth` calls it itself.
 */
export function rotateCsrfToken(session: HasData): void {
  rotateSecret(session);
}

/** Returns whether the session has a usable secret. */
export function hasCsrfSecret(session: HasData): boolean {
  return secretOf(session) !== undefined;
}

function rotateSecret({ data }: HasData): string {
  const secret = randomCharacters();
  (data as Record<string, unknown>)[CSRF_KEY] = secret;
  return secret;
}

/** Returns the secret of a session. Django up to 4.0 stores it masked. */
function secretOf({ data }: HasData): string | undefined {
  return readSecret((data as Record<string, unknown>)[CSRF_KEY]);
}

function readSecret(value: unknown): string | undefined {
  if (typeof value !== "string" || !SECRET_OR_TOKEN.test(value)) return undefined;
  return value.length === TOKEN_LENGTH ? unmask(value) : value;
}

function mask(secret: string): string {
  const key = randomCharacters();
  return key + combine(secret, key, (character, shift) => character + shift);
}

function unmask(token: string): string {
  const key = token.slice(0, SECRET_LENGTH);
  return combine(
    token.slice(SECRET_LENGTH),
    key,
    (character, shift) => character - shift + CHARACTERS.length,
  );
}

function combine(text: string, key: string, join: (character: number, shift: number) => number): string {
  const shifted = Array.from(text, (character, at) => join(indexOf(character), indexOf(key.charAt(at))));
  return shifted.map((index) => CHARACTERS.charAt(index % CHARACTERS.length)).join("");
}

function indexOf(character: string): number {
  return CHARACTERS.indexOf(character);
}

function randomCharacters(): string {
  return Array.from({ length: SECRET_LENGTH }, () => CHARACTERS.charAt(randomInt(CHARACTERS.length))).join(
    "",
  );
}
