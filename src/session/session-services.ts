import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Timeouts } from "./record/timeouts.ts";
import type { SessionEndings } from "./endings/session-endings.ts";
import type { SessionEventEmitter } from "./session-events.ts";

/** Dependencies shared by all sessions of one `Sessions`. */
export interface SessionServices {
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
  readonly events: SessionEventEmitter;
  readonly endings: SessionEndings;
}
