import type { Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";

/** A session of a Django site with pickles. */
export interface PickledSession {
  readonly key: SessionKey;
  readonly pickle: Uint8Array;
  /** Remaining time to live, more than 0. */
  readonly ttl: Milliseconds;
}

/** Reason why a record is not a {@link PickledSession}. */
export type UnreadableReason =
  /** Not a record of that engine: another key, flag or length. */
  | "foreign"
  /** Expired, or without an expiry. */
  | "expired"
  /** Compressed by a library without a `decompress`. */
  | "compressed";

/** A record of the site: a session, or the reason why it is not one. */
export type PickledRecord = PickledSession | UnreadableReason;
