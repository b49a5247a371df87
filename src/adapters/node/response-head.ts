import { type ServerResponse, validateHeaderName, validateHeaderValue } from "node:http";
import type { SessionScope } from "../../session/request-contract.ts";
import { nativeMethods } from "./response-methods.ts";

type Field = readonly [name: string, value: unknown];

/** What describes the body of a response: none of it is true of the error that takes its place. */
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
  // nginx and Apache serve the file that these name in place of the response.
  "x-accel-redirect",
  "x-sendfile",
]);

/**
 * Does to a response what `writeHead(...args)` would, but for writing: status, status message and headers are set on
 * it, so that more headers can join them. All of it, or nothing.
 *
 * @throws Node's own errors for a status, a message or headers that Node refuses.
 */
export function applyHead(response: ServerResponse, args: readonly unknown[]): void {
  const [status, reason, headers] = args;
  // As Node does it: `writeHead("404")` is a 404.
  const code = (status as number) | 0;
  const message = typeof reason === "string" ? reason : response.statusMessage;
  const fields = toFields(typeof reason === "string" ? headers : (headers ?? reason));
  if (code < 100 || code > 999 || isInvalidMessage(message) || fields === undefined) refuse(response, args);
  for (const [name, value] of fields ?? []) validateField(name, value);
  response.statusCode = code;
  if (typeof reason === "string") response.statusMessage = reason;
  for (const [name, value] of joinFields(fields ?? [])) response.setHeader(name, value);
}

/** Appends what the sessions have to say to the headers of a response. May be done again: nothing is added twice. */
export function editHead(response: ServerResponse, scopes: Iterable<SessionScope>): void {
  for (const scope of scopes) {
    if (!scope.isUsed) continue;
    const { setCookie, varyCookie } = scope.headers();
    appendCookies(response, setCookie);
    if (varyCookie) varyByCookie(response);
  }
}

/** Takes back what a response said of its body, and makes it an error. Headers of other concerns stay. */
export function resetHead(response: ServerResponse, error: unknown): void {
  for (const name of response.getHeaderNames()) {
    if (REPRESENTATION.has(name)) response.removeHeader(name);
  }
  response.addTrailers({});
  response.statusCode = statusOf(error);
  // Node then takes the one that belongs to the status.
  response.statusMessage = "";
}

function statusOf(error: unknown): number {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  const isError = Number.isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) <= 599;
  return isError ? (statusCode as number) : 500;
}

/** Lets Node throw its own error, on a shadow of the response: whatever it does before it throws is of no effect. */
function refuse(response: ServerResponse, args: readonly unknown[]): void {
  nativeMethods.writeHead.apply(Object.create(response) as ServerResponse, args as unknown[]);
}

function isInvalidMessage(message: string | undefined): boolean {
  return message !== undefined && /[^\t\u0020-\u007e\u0080-\u00ff]/.test(message);
}

/** An object, a flat array of names and values, or an array of pairs; `undefined` for an array that is none. */
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
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) validateHeaderValue(name, one as string);
}

/** One field a name: values of the same name become one list, which Node writes line by line. */
function joinFields(fields: readonly Field[]): Iterable<[name: string, value: string | string[]]> {
  const joined = new Map<string, [name: string, value: string | string[]]>();
  for (const [name, value] of fields) {
    const before = joined.get(name.toLowerCase());
    const values = before ? [before[1], value as string | string[]].flat() : (value as string | string[]);
    joined.set(name.toLowerCase(), [before?.[0] ?? name, values]);
  }
  return joined.values();
}

function appendCookies(response: ServerResponse, cookies: readonly string[]): void {
  const present = new Set([response.getHeader("Set-Cookie") ?? []].flat());
  const missing = cookies.filter((cookie) => !present.has(cookie));
  if (missing.length === 0) return;
  response.appendHeader("Set-Cookie", missing);
  // OWASP, Session Management Cheat Sheet: no shared cache may hand one visitor's cookie to another. A response that
  // says itself how it may be cached knows what it does.
  if (!response.hasHeader("Cache-Control")) response.setHeader("Cache-Control", 'no-cache="Set-Cookie"');
}

function varyByCookie(response: ServerResponse): void {
  const present = [response.getHeader("Vary") ?? []].flat().join(", ");
  const names = present.split(",").map((name) => name.trim().toLowerCase());
  if (names.includes("*") || names.includes("cookie")) return;
  response.setHeader("Vary", present === "" ? "Cookie" : `${present}, Cookie`);
}
