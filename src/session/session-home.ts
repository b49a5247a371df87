import type { SessionKey } from "../core/ids.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { SessionRecords } from "./stored/session-records.ts";
import type { EarlierCookies } from "./take-over/earlier-sessions.ts";
import type { Throttle } from "./stored/touch-throttle.ts";

/** Home of a request's session between requests: a store, or the cookie itself. */
export interface SessionHome {
  readonly records: SessionRecords;
  readonly throttle: Throttle;
  /**
   * The cookie carries the record: each write has to send it, and no other request can change it.
   */
  readonly isCookie: boolean;
  /** Cookies of the home, if it has other ones than `sessions.cookie`: those of another library. */
  readonly cookies?: EarlierCookies;
  /** Returns the key of the session in {@link records} for its cookie's value. */
  keyOf(cookieValue: string): SessionKey;
  /** Returns the cookie's value for a session. A secret. */
  cookieValueOf(stored: StoredSession): string | undefined;
}

/** Homes of the sessions of all requests. */
export interface SessionHomes {
  /** Returns whether a cookie's value has the right form: others are not looked up. */
  accepts(cookieValue: string): boolean;
  /** Opens the home for a request. @param cookieValue `undefined` if the request has none. */
  open(cookieValue: string | undefined): SessionHome;
}
