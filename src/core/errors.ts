/**
 * Every code that an error of Sojourn carries. The union is closed: `switch (error.code)` narrows,
 * and `docs/reference/errors.md` has one heading a code (a test compares both directions).
 */
export type SojournErrorCode =
  | "ERR_CACHE_CORRUPT"
  | "ERR_CACHE_KEY_NOT_FOUND"
  | "ERR_CACHE_LOAD_TIMEOUT"
  | "ERR_CACHE_REENTRANCE"
  | "ERR_CACHE_LOCK"
  | "ERR_CACHE_NOT_INTEGER"
  | "ERR_CACHE_USAGE"
  | "ERR_CROSS_SITE"
  | "ERR_IMPROPERLY_CONFIGURED"
  | "ERR_INSECURE_REQUEST"
  | "ERR_NOT_JSON"
  | "ERR_SESSION_CONFLICT"
  | "ERR_SESSION_INTERRUPTED"
  | "ERR_SESSION_SCHEMA"
  | "ERR_SESSION_TOO_LARGE"
  | "ERR_SESSION_USAGE"
  | "ERR_STORE_CONNECTION"
  | "ERR_STORE_SERVICE";

/**
 * Outcome of a failed write.
 *
 * - `"not-sent"`: the store has not executed it. Trying again is safe.
 * - `"unknown"`: it may have been executed. Read before trying again.
 */
export type Outcome = "not-sent" | "unknown";

/** Base of all errors of Sojourn except {@link NotJsonError}, which has to be a `TypeError`. */
export abstract class SojournError extends Error {
  /** Names the condition; stable across releases. */
  abstract readonly code: SojournErrorCode;
}

// On the prototype, as the built-in errors have it: an own property would show up in every log
// line.
function nameError(constructor: { prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, "name", { value: name, configurable: true, writable: true });
}

/**
 * Adds `status` and `expose`, by which Nest and Koa know an error that has a status (the convention of
 * http-errors). The message is for developers: the response gets the name of the status.
 */
function giveStatus(constructor: { prototype: Error }, status: number): void {
  for (const [name, value] of Object.entries({ status, expose: false }))
    Object.defineProperty(constructor.prototype, name, { value, configurable: true, writable: true });
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
 * It is a `TypeError`, as for Python's `json.dumps` and for `JSON.stringify`;
 * {@link isSojournError} recognises it.
 */
export class NotJsonError extends TypeError {
  readonly code = "ERR_NOT_JSON";
  /** Location of the value, such as `data.cart[2].addedAt`. */
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
  /** Whether the write may have happened. Irrelevant for a read. */
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

/** Returns whether an error is a failure of the store. */
export function isStoreError(error: unknown): error is StoreConnectionError | StoreServiceError {
  return error instanceof StoreConnectionError || error instanceof StoreServiceError;
}

/** {@link StoreConnectionError} of the Redis engines. */
export class RedisConnectionError extends StoreConnectionError {}
nameError(RedisConnectionError, "RedisConnectionError");

/**
 * The client refused a command, since this process has as many pending on the connection as the
 * client allows: 5000 if Sojourn has made the client. `outcome` is `"not-sent"`. It says nothing
 * about the server.
 */
export class RedisQueueFullError extends RedisConnectionError {}
nameError(RedisQueueFullError, "RedisQueueFullError");

/**
 * {@link StoreServiceError} of the Redis engines. `cause` is the client's error with the server's
 * reply.
 */
export class RedisServiceError extends StoreServiceError {}
nameError(RedisServiceError, "RedisServiceError");

/**
 * The session ended (logout, revoke, expiry, or a new key by login or `cycleKey`) during a request
 * that tried to write to it. Nothing was written and the cookie was left alone.
 *
 * `statusCode` is 400, as for the exception of the same name in Django
 * (`contrib/sessions/exceptions.py`).
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
giveStatus(SessionInterrupted, 400);

/**
 * Other writers kept changing the session until the deadline. Nothing of this commit was written.
 */
export class SessionConflictError extends SojournError {
  readonly code = "ERR_SESSION_CONFLICT";
  readonly outcome: Outcome = "not-sent";
}
nameError(SessionConflictError, "SessionConflictError");

/** Limit that a session exceeds: `sessions.maxBytes`, or the size of the cookie that holds it. */
export type SizeLimit = "record" | "cookie";

const SIZE_ADVICE: Readonly<Record<SizeLimit, (bytes: number, maxBytes: number) => string>> = {
  record: (bytes, maxBytes) =>
    `The session record is ${bytes} bytes long, more than sessions.maxBytes allows (${maxBytes}). ` +
    "Keep large data elsewhere and only its id in the session, or raise sessions.maxBytes.",
  cookie: (bytes, maxBytes) =>
    `The session's cookie would be ${bytes} bytes long with its name and attributes, and browsers drop cookies of more ` +
    `than ${maxBytes}. Keep large data elsewhere and only its id in the session, or keep the sessions on a server.`,
};

/**
 * The record exceeds `sessions.maxBytes`, or its cookie the limit of browsers. Nothing was written.
 */
export class SessionTooLargeError extends SojournError {
  readonly code = "ERR_SESSION_TOO_LARGE";
  /** Size of the refused record or cookie, in bytes. */
  readonly bytes: number;
  /** The limit, in bytes. */
  readonly maxBytes: number;

  constructor(bytes: number, maxBytes: number, limit: SizeLimit = "record") {
    super(SIZE_ADVICE[limit](bytes, maxBytes));
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}
nameError(SessionTooLargeError, "SessionTooLargeError");

/**
 * The data of a session does not fit `sessions.schema`, and `sessions.onInvalid` is `"throw"`. The
 * data is unchanged.
 */
export class SessionSchemaError extends SojournError {
  readonly code = "ERR_SESSION_SCHEMA";
  /** Locations of the data that does not fit, such as `data.cart.count`; no values. */
  readonly paths: readonly string[];

  constructor(paths: readonly string[]) {
    super(
      `The session's data does not fit sessions.schema at ${paths.join(", ")}. ` +
        'Add a step for old records to sessions.migrate, or set sessions.onInvalid to "reset" or "keep".',
    );
    this.paths = paths;
  }
}
nameError(SessionSchemaError, "SessionSchemaError");

/**
 * A request that changes something came from a page of another site, and the adapter is set to
 * refuse such requests.
 *
 * `statusCode` is 403.
 */
export class CrossSiteError extends SojournError {
  readonly code = "ERR_CROSS_SITE";
  readonly statusCode = 403;

  constructor() {
    super(
      "The request was refused because a page of another site has sent it. " +
        "If that page is one of yours, add its origin to the adapter's crossSite.trustedOrigins.",
    );
  }
}
nameError(CrossSiteError, "CrossSiteError");
giveStatus(CrossSiteError, 403);

/**
 * A handler requested the session of a request over plain http, and `sessions.cookie.onInsecure` is
 * `"refuse"`. Its cookie was ignored, and none was set.
 *
 * `statusCode` is 403.
 */
export class InsecureRequestError extends SojournError {
  readonly code = "ERR_INSECURE_REQUEST";
  readonly statusCode = 403;

  constructor() {
    super(
      'The request came over plain http, for which sessions.cookie.onInsecure: "refuse" opens no session. Serve https; ' +
        'behind a proxy that does, let the adapter trust it: Express\'s setting "trust proxy", or trustProxy of nodeSessions.',
    );
  }
}
nameError(InsecureRequestError, "InsecureRequestError");
giveStatus(InsecureRequestError, 403);

/** Wrong use of the session API: a forgotten middleware, a cookie needed too late. */
export class SessionUsageError extends SojournError {
  readonly code = "ERR_SESSION_USAGE";
}
nameError(SessionUsageError, "SessionUsageError");

/** The entry under a key is not JSON, so it has no value. It was left unchanged. */
export class CacheCorruptError extends SojournError {
  readonly code = "ERR_CACHE_CORRUPT";
  /** The key as the caller gave it. */
  readonly key: string;
  /** Problem of the text, without any of it. */
  readonly problem: string;

  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(
      `The cache entry ${quoteKey(key)} cannot be read: ${problem}. Check which other programs write under this prefix (Django's own ` +
        "Redis cache writes pickles), and delete or overwrite the entry.",
      options,
    );
    this.key = key;
    this.problem = problem;
  }
}
nameError(CacheCorruptError, "CacheCorruptError");

/** `incr` or `decr` of a key without an entry. Nothing was written. Django: `ValueError`. */
export class CacheKeyNotFoundError extends SojournError {
  readonly code = "ERR_CACHE_KEY_NOT_FOUND";
  /** The key as the caller gave it. */
  readonly key: string;

  constructor(key: string) {
    super(
      `The cache has no entry ${quoteKey(key)} to count with. Create it first, for example with add(key, 0), or give incr() an initial value: { initial: 0 }.`,
    );
    this.key = key;
  }
}
nameError(CacheKeyNotFoundError, "CacheKeyNotFoundError");

/** Reason why a lock was not acquired, or not kept. */
export type CacheLockProblem = "busy" | "not-held" | "lost";

const LOCK_PROBLEMS: Readonly<Record<CacheLockProblem, string>> = {
  busy:
    "could not be acquired: another caller held it for as long as this call could wait. Try again later, or give " +
    "blockingTimeout more time.",
  "not-held": "is not held here: it was not acquired, or was released or lost already. Acquire it first.",
  lost:
    "is no longer held here: it has expired, or was deleted, so others may hold it. Stop the work that it " +
    "was for; give such work a longer timeout, or extend the lock in time.",
};

/**
 * A lock was not acquired (`"busy"`), not held (`"not-held"`), or not held to the end (`"lost"`).
 */
export class CacheLockError extends SojournError {
  readonly code = "ERR_CACHE_LOCK";
  /** The key as the caller gave it. */
  readonly key: string;
  readonly problem: CacheLockProblem;

  constructor(key: string, problem: CacheLockProblem) {
    super(`The lock ${quoteKey(key)} ${LOCK_PROBLEMS[problem]}`);
    this.key = key;
    this.problem = problem;
  }
}
nameError(CacheLockError, "CacheLockError");

/**
 * `incr` or `decr` of a value that is not an integer, or would exceed 64 bits. Nothing was written.
 */
export class CacheNotIntegerError extends SojournError {
  readonly code = "ERR_CACHE_NOT_INTEGER";
  /** The key as the caller gave it. */
  readonly key: string;

  constructor(key: string) {
    super(
      `The cache entry ${quoteKey(key)} is not an integer, or the sum would not fit into 64 bits, so it was left as it is. ` +
        "Only entries that were set to an integer can be counted with.",
    );
    this.key = key;
  }
}
nameError(CacheNotIntegerError, "CacheNotIntegerError");

/** A loader exceeded `hardTimeout`. Its signal was aborted; a later result is not stored. */
export class CacheLoadTimeoutError extends SojournError {
  readonly code = "ERR_CACHE_LOAD_TIMEOUT";
  /** The key as the caller gave it. */
  readonly key: string;

  constructor(key: string, hardTimeout: number) {
    super(
      `The loader of the cache entry ${quoteKey(key)} had not finished after ${hardTimeout} ms. Raise hardTimeout, pass ` +
        "the loader's signal to the calls that it makes, or set staleIfError, so that callers get the old value meanwhile.",
    );
    this.key = key;
  }
}
nameError(CacheLoadTimeoutError, "CacheLoadTimeoutError");

/** A loader that waits for itself: it requests its own entry, or one whose loader requests it. */
export class CacheReentranceError extends SojournError {
  readonly code = "ERR_CACHE_REENTRANCE";
  /** The key as the caller gave it. */
  readonly key: string;

  constructor(key: string) {
    super(
      `The loader of the cache entry ${quoteKey(key)} requests the entry that it loads, directly or through another ` +
        "loader, so it would wait for itself. Read it with get(), or load under another key.",
    );
    this.key = key;
  }
}
nameError(CacheReentranceError, "CacheReentranceError");

/** Wrong use of the cache API: an empty key, a timeout without a unit. Nothing was sent. */
export class CacheUsageError extends SojournError {
  readonly code = "ERR_CACHE_USAGE";
}
nameError(CacheUsageError, "CacheUsageError");

// Longer keys are cut: a message is one line.
const MAX_QUOTED_KEY = 80;

function quoteKey(key: string): string {
  return JSON.stringify(key.length > MAX_QUOTED_KEY ? `${key.slice(0, MAX_QUOTED_KEY)}…` : key);
}

/** All errors that Sojourn throws; `error.code` discriminates. */
export type AnySojournError =
  | CacheCorruptError
  | CacheKeyNotFoundError
  | CacheLoadTimeoutError
  | CacheReentranceError
  | CacheLockError
  | CacheNotIntegerError
  | CacheUsageError
  | CrossSiteError
  | ImproperlyConfigured
  | InsecureRequestError
  | NotJsonError
  | SessionConflictError
  | SessionInterrupted
  | SessionSchemaError
  | SessionTooLargeError
  | SessionUsageError
  | StoreConnectionError
  | StoreServiceError;

/** Returns whether an error came from Sojourn. */
export function isSojournError(error: unknown): error is AnySojournError {
  return error instanceof SojournError || error instanceof NotJsonError;
}
