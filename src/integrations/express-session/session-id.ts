import { randomBytes } from "node:crypto";
import { parseCookie } from "cookie";
import { unsign } from "../cookie-signature.ts";
import type { SessionRequest } from "./types.ts";

/** Returns a new id: 24 random bytes in base64url, as express-session makes them. */
export function newSessionId(): string {
  return randomBytes(24).toString("base64url");
}

/**
 * Returns the session's id of a request: from the Cookie header, or what cookie-parser has read from
 * it. One without a valid signature counts as none.
 */
export function readSessionId(
  request: SessionRequest,
  name: string,
  secrets: readonly string[],
): string | undefined {
  const { cookie } = request.headers;
  const sent = cookie === undefined ? undefined : parseCookie(cookie)[name];
  const id = sent === undefined ? undefined : verify(sent, secrets);
  if (id !== undefined) return id;
  const signed = request.signedCookies?.[name];
  if (typeof signed === "string") return signed;
  const parsed = request.cookies?.[name];
  return typeof parsed === "string" ? verify(parsed, secrets) : undefined;
}

function verify(value: string, secrets: readonly string[]): string | undefined {
  return value.startsWith("s:") ? unsign(value.slice(2), secrets) : undefined;
}
