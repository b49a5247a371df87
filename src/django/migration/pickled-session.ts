import type { Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";

/** A session as a Django site with pickles has it. */
export interface PickledSession {
  readonly key: SessionKey;
  readonly pickle: Uint8Array;
  /** What is left of its time to live. More than 0. */
  readonly ttl: Milliseconds;
}

/** Why a record is no {@link PickledSession}. */
export type UnreadableReason =
  /** It is no record of that engine: another key, flag or length. */
  | "foreign"
  /** Its time is over, or it has none. */
  | "expired"
  /** It is compressed in a way that this was not told how to undo. */
  | "compressed";

/** One record of the site: a session, or why it is none. */
export type PickledRecord = PickledSession | UnreadableReason;
