import { type KnownOptions, knownOptions } from "../core/calls.ts";
import type { Milliseconds } from "../core/clock.ts";
import { describeKind, describeValue } from "../core/descriptions.ts";
import { DURATION_EXPECTED, toMilliseconds } from "../core/durations.ts";
import { SessionUsageError } from "../core/errors.ts";
import { isSessionKey } from "../core/ids.ts";
import { isCopyOfRequest } from "../core/object-links.ts";

/** Maximum time to live of a restored session: 1000 years. Redis can represent 285 000. */
const MAX_TTL: Milliseconds = 1000 * 365.25 * 86_400_000;

export const FROM_OPTIONS: KnownOptions = optionsOf(
  "sessions.from()",
  ["onInvalid"],
  '{ onInvalid: "keep" }',
);
export const OF_USER_OPTIONS: KnownOptions = optionsOf(
  "sessions.ofUser()",
  ["current"],
  "{ current: session }",
);
export const PAGE_OPTIONS: KnownOptions = optionsOf(
  "sessions.pageOfUser()",
  ["cursor", "limit", "current"],
  "{ limit: 20 }",
);
export const REVOKE_USER_OPTIONS: KnownOptions = optionsOf(
  "sessions.revokeUser()",
  ["except", "scan", "onProgress"],
  "{ except: session }",
);
export const REVOKE_ALL_OPTIONS: KnownOptions = optionsOf(
  "sessions.revokeAll()",
  ["onProgress"],
  "{ onProgress }",
);
export const TAKE_OVER_OPTIONS: KnownOptions = optionsOf(
  "sessions.takeOverAll()",
  ["dryRun", "onProgress"],
  "{ dryRun: true }",
);
export const CLEAR_OPTIONS: KnownOptions = optionsOf(
  "sessions.clearExpired()",
  ["onProgress"],
  "{ onProgress }",
);
export const WATCH_OPTIONS: KnownOptions = optionsOf(
  "sessions.watch()",
  ["pollEvery"],
  '{ pollEvery: "10s" }',
);
export const COOKIES_FOR_OPTIONS: KnownOptions = optionsOf(
  "sessions.cookiesFor()",
  ["isSecure"],
  "{ isSecure: false }",
);

function optionsOf(call: string, names: readonly string[], example: string): KnownOptions {
  return knownOptions(call, names, example, SessionUsageError);
}

/** @throws {SessionUsageError} Unless it is a duration of at least 1 ms. */
export function checkPollEvery(given: unknown = "10s"): Milliseconds {
  const every = toMilliseconds(given);
  if (every !== undefined && every >= 1) return every;
  throw new SessionUsageError(
    `sessions.watch() expected pollEvery as ${DURATION_EXPECTED}, more than 0, got ${describeValue(given)}.`,
  );
}

/** @throws {SessionUsageError} Unless it is a text. */
export function checkRef(ref: unknown, call: string): asserts ref is string {
  if (typeof ref === "string") return;
  const expected = "the ref of a session, from session.ref or sessions.ofUser()";
  throw new SessionUsageError(`${call} expected ${expected}, got ${describeKind(ref)}.`);
}

/**
 * Returns the ref of the session to keep; `undefined` if it is not stored.
 *
 * @throws {SessionUsageError}
 */
export function refToExcept(except: unknown): string | undefined {
  const ref = typeof except === "object" && except !== null && "ref" in except ? except.ref : except;
  if (ref !== undefined) checkRef(ref, 'The option "except" of sessions.revokeUser()');
  return ref;
}

/**
 * Refuses a request or a list of headers instead of a Cookie header.
 *
 * @throws {SessionUsageError}
 */
export function checkCookieHeader(header: unknown): void {
  if (header === undefined || header === null || typeof header === "string") return;
  throw new SessionUsageError(
    `sessions.open() expected the text of a Cookie header, got ${describeKind(header)}. Give request.headers.cookie of Node's ` +
      'request, or request.headers.get("cookie") of a web Request; in a handler behind an adapter, call sessions.from(request).',
  );
}

const USE_ADAPTER =
  "Mount one before the handlers that use sessions, for example app.use(expressSessions(sessions)), and pass the request " +
  "object itself.";

/** Returns the message for a session that is asked for where its response goes to all visitors. */
export function describeCached(beginning: string): string {
  return (
    `${beginning} a handler whose response it caches for all visitors: cachedEventHandler, defineCachedHandler, or a route rule ` +
    "with cache or swr. Such a handler has no session. Read it in a handler that is not cached, or do not cache this one."
  );
}

/** Returns the message for a request unknown to all adapters. */
export function describeUnseen(request: unknown): string {
  if (typeof request !== "object" || request === null) {
    return `sessions.from() expected a request, got ${describeKind(request)}. ${USE_ADAPTER}`;
  }
  if (isCopyOfRequest(request)) {
    return describeCached("sessions.from() was given a copy of a request, as Nitro makes it for");
  }
  if (request instanceof Request) {
    return (
      "sessions.from() was given a web Request, which no adapter has seen. Mount fetchSessions() or the adapter for the " +
      "framework, and pass the request that the handler was given: request.clone() and new Request(request) make another. " +
      'To read a session without an adapter, call sessions.open(request.headers.get("cookie")).'
    );
  }
  return `sessions.from() was given a request that no adapter has seen. ${USE_ADAPTER}`;
}

/**
 * Checks the arguments of `sessions.restore()`.
 *
 * @returns The time to live.
 * @throws {SessionUsageError} Naming the unmet requirement.
 */
export function checkRestore(
  key: unknown,
  payload: unknown,
  ttl: unknown,
  areInCookies: boolean,
): Milliseconds {
  if (areInCookies) {
    throw unfit(
      "a store that keeps sessions, and here the cookies carry them",
      "Take another one for sessions.store",
    );
  }
  if (typeof key !== "string" || !isSessionKey(key)) {
    const got =
      typeof key === "string" ? `a text of ${key.length} characters that is not one` : describeKind(key);
    const advice = "For a session with another kind of key, call sessions.create()";
    throw unfit(`a session key, 32 characters of [a-z0-9], got ${got}`, advice);
  }
  if (typeof payload !== "string") {
    throw unfit(`the text of a JSON object, got ${describeKind(payload)}`, "Give JSON.stringify(data)");
  }
  const span = toMilliseconds(
    typeof ttl === "number" && ttl > MAX_TTL / 1000 && ttl < Infinity ? MAX_TTL / 1000 : ttl,
  );
  if (span !== undefined && span > 0) return Math.min(span, MAX_TTL);
  const expected = `the remaining time to live (${DURATION_EXPECTED}), more than 0`;
  throw unfit(`${expected}, got ${describeValue(ttl)}`, "An expired session is not restored");
}

function unfit(expected: string, advice: string): SessionUsageError {
  return new SessionUsageError(`sessions.restore() expected ${expected}. ${advice}.`);
}
