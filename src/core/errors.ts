/**
 * Every code that an error of Sojourn carries. The union is closed: `switch (error.code)` narrows, and
 * `docs/reference/errors.md` has one heading a code (a test compares both directions).
 */
export type SojournErrorCode =
  | "ERR_IMPROPERLY_CONFIGURED"
  | "ERR_NOT_JSON"
  | "ERR_SESSION_CONFLICT"
  | "ERR_SESSION_INTERRUPTED"
  | "ERR_SESSION_TOO_LARGE"
  | "ERR_SESSION_USAGE"
  | "ERR_STORE_CONNECTION"
  | "ERR_STORE_SERVICE";

/**
 * What is known of a write that failed.
 *
 * - `"not-sent"`: the store has not executed it. Trying again is safe.
 * - `"unknown"`: it may have been executed. Read before trying again.
 */
export type Outcome = "not-sent" | "unknown";

/** Base of all errors of Sojourn but {@link NotJsonError}, which has to be a `TypeError`. */
export abstract class SojournError extends Error {
  /** Names the condition; stable across releases. */
  abstract readonly code: SojournErrorCode;
}

// On the prototype, as the built-in errors have it: an own property would show up in every log line.
function nameError(constructor: { prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, "name", { value: name, configurable: true, writable: true });
}

/** A setting is missing, of the wrong form, or contradicts another one. Thrown at start. */
export class ImproperlyConfigured extends SojournError {
  readonly code = "ERR_IMPROPERLY_CONFIGURED";
  /** Path of the setting, such as `sessions.cookie.age`. */
  readonly setting: string;

  constructor(setting: string, message: string, options?: ErrorOptions) {
    super(`${setting}: ${message}`, options);
    this.setting = setting;
  }
}
nameError(ImproperlyConfigured, "ImproperlyConfigured");

/**
 * A value that JSON cannot hold exactly, found before anything was written.
 *
 * It is a `TypeError`, as for Python's `json.dumps` and for `JSON.stringify`; {@link isSojournError} knows it.
 */
export class NotJsonError extends TypeError {
  readonly code = "ERR_NOT_JSON";
  /** Where the value stands, such as `data.cart[2].addedAt`. */
  readonly path: string;

  constructor(path: string, found: string, advice: string) {
    super(`${path} is ${found}, which JSON cannot hold. ${advice}`);
    this.path = path;
  }
}
nameError(NotJsonError, "NotJsonError");

/** Options of the errors that a store throws. */
export interface StoreErrorOptions extends ErrorOptions {
  readonly outcome: Outcome;
}

abstract class StoreError extends SojournError {
  /** Says whether the write may have happened. For a read it is of no interest. */
  readonly outcome: Outcome;

  constructor(message: string, options: StoreErrorOptions) {
    super(message, options);
    this.outcome = options.outcome;
  }
}

/** The store could not be reached, went away, or did not answer before the deadline. */
export class StoreConnectionError extends StoreError {
  readonly code = "ERR_STORE_CONNECTION";
}
nameError(StoreConnectionError, "StoreConnectionError");

/** The store answered with an error. */
export class StoreServiceError extends StoreError {
  readonly code = "ERR_STORE_SERVICE";
}
nameError(StoreServiceError, "StoreServiceError");

/** {@link StoreConnectionError} of the Redis engines. */
export class RedisConnectionError extends StoreConnectionError {}
nameError(RedisConnectionError, "RedisConnectionError");

/** {@link StoreServiceError} of the Redis engines. `cause` is the client's error with the server's reply. */
export class RedisServiceError extends StoreServiceError {}
nameError(RedisServiceError, "RedisServiceError");

/**
 * The session ended (logout, revoke, expiry, or a new key by login or `cycleKey`) while the request that wanted
 * to write to it was under way. Nothing was written and the cookie was left alone.
 *
 * `statusCode` is 400, as for the exception of the same name in Django (`contrib/sessions/exceptions.py`).
 */
export class SessionInterrupted extends SojournError {
  readonly code = "ERR_SESSION_INTERRUPTED";
  readonly statusCode = 400;

  constructor(message?: string, options?: ErrorOptions) {
    super(
      message ??
        "The session was ended or given a new key while this request was under way, so its changes were not saved. " +
          "Ask the user to try again, or log in again.",
      options,
    );
  }
}
nameError(SessionInterrupted, "SessionInterrupted");

/** Other writers kept changing the session until the deadline. Nothing of this commit was written. */
export class SessionConflictError extends SojournError {
  readonly code = "ERR_SESSION_CONFLICT";
  readonly outcome: Outcome = "not-sent";
}
nameError(SessionConflictError, "SessionConflictError");

/** The record is larger than `sessions.maxBytes`. Nothing was written. */
export class SessionTooLargeError extends SojournError {
  readonly code = "ERR_SESSION_TOO_LARGE";
  /** Size of the record that was refused, in bytes. */
  readonly bytes: number;
  /** The limit, in bytes. */
  readonly maxBytes: number;

  constructor(bytes: number, maxBytes: number) {
    super(
      `The session record is ${bytes} bytes long, more than sessions.maxBytes allows (${maxBytes}). ` +
        "Keep large data elsewhere and only its id in the session, or raise sessions.maxBytes.",
    );
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}
nameError(SessionTooLargeError, "SessionTooLargeError");

/** The session API was used in a way that cannot work: a forgotten middleware, a cookie needed too late. */
export class SessionUsageError extends SojournError {
  readonly code = "ERR_SESSION_USAGE";
}
nameError(SessionUsageError, "SessionUsageError");

/** All errors that Sojourn throws; `error.code` discriminates. */
export type AnySojournError =
  | ImproperlyConfigured
  | NotJsonError
  | SessionConflictError
  | SessionInterrupted
  | SessionTooLargeError
  | SessionUsageError
  | StoreConnectionError
  | StoreServiceError;

/** Tells whether an error came from Sojourn. */
export function isSojournError(error: unknown): error is AnySojournError {
  return error instanceof SojournError || error instanceof NotJsonError;
}
