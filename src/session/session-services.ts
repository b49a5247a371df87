import type { Clock, Milliseconds } from "../core/clock.ts";
import type { CarriedRecords } from "./in-cookie/carried-records.ts";
import type { SessionEventEmitter } from "./session-events.ts";
import type { SessionRecords } from "./stored/session-records.ts";
import type { Timeouts } from "./record/timeouts.ts";
import type { Throttle } from "./stored/touch-throttle.ts";

/** Dependencies shared by all sessions of one `Sessions`. */
export interface SessionServices {
  readonly records: SessionRecords;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly deadline: Milliseconds;
  /** Maximum age of the key of a logged-in session; `null`: no limit. */
  readonly renewEvery: Milliseconds | null;
  readonly cookieName: string;
  readonly secretKey: string;
  /**
   * Whether reading extends a session. If not, the throttle only spaces updates of its last
   * activity.
   */
  readonly extendsOnRead: boolean;
  readonly throttle: Throttle;
  /** Records of this request if the cookie carries them; `undefined` if it has a key. */
  readonly carried?: CarriedRecords;
  readonly events: SessionEventEmitter;
}
