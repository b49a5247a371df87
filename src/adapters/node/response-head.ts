import { type ServerResponse, validateHeaderName, validateHeaderValue } from "node:http";
import type { SessionScope } from "../../session/http/request-contract.ts";
import type { HeaderFields } from "./header-fields.ts";
import { keepFromSharedCaches } from "./response-caching.ts";
import { protocolOf } from "./protocols.ts";

type Field = readonly [name: string, value: unknown];

/**
 * Headers that describe the body of a response. None of them applies to the error that replaces it.
 */
const REPRESENTATION = new Set([
  "accept-ranges",
  "age",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-digest",
  "content-range",
  "content-type",
  "digest",
  "etag",
  "expires",
  "last-modified",
  "location",
  "refresh",
  "repr-digest",
  "trailer",
  "transfer-encoding",
  // nginx and Apache serve the file named here instead of the response.
  "x-accel-redirect",
  "x-sendfile",
]);

/**
 * Sets status, status message and headers as `writeHead(...args)` would, without writing, so that
 * more headers can be added. Sets all of them, or none.
 *
 * @throws Node's own errors for a status, a message or headers that Node refuses.
 */
export function applyHead(response: ServerResponse, args: readonly unknown[]): void {
  const [status, reason, headers] = args;
  const protocol = protocolOf(response);
  if (args.length === 1 && isStatus(status) && protocol.statusMessageOf(response) === undefined) {
    response.statusCode = status;
    return;
  }
  // As in Node, `writeHead("404")` is a 404.
  const code = (status as number) | 0;
  const message = typeof reason === "string" ? reason : protocol.statusMessageOf(response);
  const fields = toFields(typeof reason === "string" ? headers : (headers ?? reason));
  if (code < 100 || code > 999 || isInvalidMessage(message) || fields === undefined)
    protocol.refuseHead(response, args);
  for (const [name, value] of fields ?? []) validateField(name, value);
  response.statusCode = code;
  if (typeof reason === "string") response.statusMessage = reason;
  for (const [name, value] of joinFields(fields ?? [])) response.setHeader(name, value);
}

/** Adds the session's headers to a response. Idempotent: nothing is added twice. */
export function editHead(response: HeaderFields, scope: SessionScope): void {
  if (!scope.isUsed) return;
  const { setCookie, varyCookie } = scope.headers();
  appendCookies(response, setCookie);
  if (varyCookie) varyByCookie(response);
  keepFromSharedCaches(response, setCookie.length > 0);
}

/**
 * Removes the headers that describe the body and sets the status of the error. Other headers stay.
 */
export function resetHead(response: ServerResponse, error: unknown): void {
  for (const name of response.getHeaderNames()) if (describesBody(name)) response.removeHeader(name);
  response.statusCode = statusOf(error);
  protocolOf(response).reset(response);
}

/** Returns whether a header, in lower case, describes the body of a response. */
export function describesBody(name: string): boolean {
  return REPRESENTATION.has(name);
}

/** Returns the status of a response to an error: the error's `statusCode`, or 500. */
export function statusOf(error: unknown): number {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  const isError =
    Number.isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) <= 599;
  return isError ? (statusCode as number) : 500;
}

function isStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 100 && (status as number) <= 999;
}

function isInvalidMessage(message: string | undefined): boolean {
  return message !== undefined && /[^\t\u0020-\u007e\u0080-\u00ff]/.test(message);
}

/**
 * Accepts an object, a flat array of names and values, or an array of pairs. Returns `undefined`
 * for an array of another form.
 */
function toFields(headers: unknown): readonly Field[] | undefined {
  if (!headers) return [];
  if (!Array.isArray(headers)) return Object.entries(headers).filter(([name]) => name !== "");
  if (Array.isArray(headers[0])) return headers as Field[];
  if (headers.length % 2 !== 0) return undefined;
  return Array.from(
    { length: headers.length / 2 },
    (_, index) => [headers[2 * index], headers[2 * index + 1]] as Field,
  );
}

function validateField(name: string, value: unknown): void {
  validateHeaderName(name);
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
    validateHeaderValue(name, one as string);
}

/** Joins fields of the same name into one list, which Node writes line by line. */
function joinFields(fields: readonly Field[]): Iterable<[name: string, value: string | string[]]> {
  const joined = new Map<string, [name: string, value: string | string[]]>();
  for (const [name, value] of fields) {
    const before = joined.get(name.toLowerCase());
    const values = before ? [before[1], value as string | string[]].flat() : (value as string | string[]);
    joined.set(name.toLowerCase(), [before?.[0] ?? name, values]);
  }
  return joined.values();
}

// A new list: `appendHeader` would add to the application's, which all responses may share.
function appendCookies(response: HeaderFields, cookies: readonly string[]): void {
  if (cookies.length === 0) return;
  const present = [response.getHeader("Set-Cookie") ?? []].flat().map(String);
  const missing = cookies.filter((cookie) => !present.includes(cookie));
  if (missing.length === 0) return;
  // HTTP/2's `setHeader` accepts values that cannot be sent.
  for (const cookie of missing) validateHeaderValue("Set-Cookie", cookie);
  response.setHeader("Set-Cookie", [...present, ...missing]);
}

function varyByCookie(response: HeaderFields): void {
  if (!response.hasHeader("Vary")) {
    response.setHeader("Vary", "Cookie");
    return;
  }
  const present = [response.getHeader("Vary") ?? []].flat().join(", ");
  const names = present.split(",").map((name) => name.trim().toLowerCase());
  if (names.includes("*") || names.includes("cookie")) return;
  response.setHeader("Vary", present === "" ? "Cookie" : `${present}, Cookie`);
}
