import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionHome, SessionHomes } from "../session-home.ts";
import type { StoredSession } from "./record-writer.ts";
import type { SessionRecords } from "./session-records.ts";
import type { Throttle } from "./touch-throttle.ts";

/** Sessions in a store. The cookie has the key, and all requests share one home. */
export class StoreHome implements SessionHome, SessionHomes {
  readonly records: SessionRecords;
  readonly throttle: Throttle;
  readonly isCookie = false;

  constructor(records: SessionRecords, throttle: Throttle) {
    this.records = records;
    this.throttle = throttle;
  }

  accepts(cookieValue: string): boolean {
    return isSessionKey(cookieValue);
  }

  open(): SessionHome {
    return this;
  }

  keyOf(cookieValue: string): SessionKey {
    return cookieValue;
  }

  cookieValueOf({ key }: StoredSession): string {
    return key;
  }
}
