/**
 * Operations of the workers' lanes. Each operation opens its session first, but for `create`, `revokeUser`,
 * `sweep` and `evict`.
 */
export type Kind =
  | "create"
  | "read"
  /** `djangoAuth().getUser()`, which gives the session a new key after the secret was rotated. */
  | "getUser"
  /** Sets the lane's own part. */
  | "set"
  /** Adds a member to an object that all lanes add to. */
  | "append"
  /** `update()`: counts, and adds a member to another object, in one step. */
  | "update"
  | "cycleKey"
  | "login"
  | "logout"
  /** Ends one session of the user who is logged in. */
  | "revoke"
  | "revokeUser"
  /** Sets an expiry that is near; the session ends by itself then. */
  | "expire"
  /** Sets one that is far away. */
  | "renew"
  /** Deletes expired records. */
  | "sweep"
  /** The cache drops its copy of the session. */
  | "evict";

/**
 * How an operation ended.
 *
 * - `"ok"`: acknowledged. - `"absent"`: there was no session to open. - `"unread"`: it could not be opened.
 * - `"skipped"`: it was opened, and there was nothing to do.
 * - `"unknown"`: it failed, and may have happened. - `"not-sent"`, `"conflict"`, `"interrupted"`: it failed,
 *   and must not have happened. - `"other"`: an error that nobody expects.
 */
export type Ending =
  | "ok"
  | "absent"
  | "unread"
  | "skipped"
  | "unknown"
  | "not-sent"
  | "conflict"
  | "interrupted"
  | "other";

/** Contents of a session. */
export interface Sight {
  /** The operation that created it; a login that found its session gone begins one without. */
  readonly lineage: string | undefined;
  /** Lane -> the operation that set its part. */
  readonly own: Readonly<Record<string, string>>;
  /** Operations that have appended. */
  readonly log: readonly string[];
  /** Operations that have updated, and how many they counted. */
  readonly ids: readonly string[];
  readonly n: number;
  /** User that is logged in. */
  readonly user?: string | undefined;
}

/**
 * One call of the library, which has one deadline. Times are `process.hrtime` in ms, the same for all
 * processes.
 */
export interface Call {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface Operation {
  readonly id: string;
  readonly process: number;
  /** The visitor whose browser has sent it. */
  readonly visitor?: number | undefined;
  readonly lane: string;
  /** Its place among those of its lane, which run one after another. */
  readonly turn: number;
  readonly kind: Kind;
  /** The cookie that it used. */
  readonly key?: string | undefined;
  /** Whether that was one that the browser had replaced, as of a request that was sent before. */
  readonly isLate?: boolean | undefined;
  /** The cookie of the session that was found: another one where the key was renewed. */
  readonly foundKey?: string | undefined;
  /** Whether there was no session, and the request went on as a stranger's. */
  readonly isStranger?: boolean | undefined;
  /** Whether a login has found the session of another one. */
  readonly isJoined?: boolean | undefined;
  /** Whether the store did not answer when the end of the request asked it, as the event `touchFailed` tells. */
  readonly isUnconfirmed?: boolean | undefined;
  /** The cookie that the response told the browser to keep; empty: none. */
  readonly setCookie?: string | undefined;
  /** When the response was about to leave. */
  readonly headAt?: number | undefined;
  /** When the browser sent the request and had the response. */
  readonly sentAt?: number | undefined;
  readonly arrivedAt?: number | undefined;
  /** The user of `login` and `revokeUser`. */
  readonly user?: string | undefined;
  readonly start: number;
  /** When the call began that was to have the effect. */
  readonly actAt: number;
  readonly end: number;
  readonly ending: Ending;
  readonly error?: string | undefined;
  /** The data that a read found, or that a login or `cycleKey` has carried over. */
  readonly saw?: Sight | undefined;
  /**
   * The cookie that `create`, `login` and `cycleKey` have made, and that of a session which another kind has
   * begun.
   */
  readonly newKey?: string | undefined;
  readonly calls: readonly Call[];
}

/** A time in which a process did not run its event loop. */
export interface Pause {
  readonly process: number;
  readonly from: number;
  readonly to: number;
}

export interface History {
  readonly operations: readonly Operation[];
  readonly pauses: readonly Pause[];
  /** How many sessions a user may have; `undefined`: any number. */
  readonly maxPerUser?: number | undefined;
  /** How many times as fast the engine's clock goes as that of the operations. @defaultValue 1 */
  readonly clockSpeed?: number | undefined;
  /** The session under each cookie when all is over; `undefined`: none. */
  readonly final: ReadonlyMap<string, Sight | undefined>;
  /** Cookie -> that of the session which is found under it, where the key was renewed. */
  readonly foundKeys?: ReadonlyMap<string, string>;
}
