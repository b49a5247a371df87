import type { Clock, Milliseconds } from "../core/clock.ts";
import type { CarriedRecords } from "./in-cookie/carried-records.ts";
import type { SessionEventEmitter } from "./session-events.ts";
import type { SessionRecords } from "./stored/session-records.ts";
import type { Timeouts } from "./record/timeouts.ts";
import type { Throttle } from "./stored/touch-throttle.ts";

/** What all sessions of one `Sessions` share. */
export interface SessionServices {
  readonly records: SessionRecords;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly deadline: Milliseconds;
  /** How old the key of a logged-in session may get; `null`: any age. */
  readonly renewEvery: Milliseconds | null;
  readonly cookieName: string;
  readonly secretKey: string;
  /** Whether reading extends a session. If not, the throttle only says when to note that it was seen. */
  readonly extendsOnRead: boolean;
  readonly throttle: Throttle;
  /** The records of this request, where the cookie carries them; `undefined` where it has a key. */
  readonly carried?: CarriedRecords;
  readonly events: SessionEventEmitter;
}
