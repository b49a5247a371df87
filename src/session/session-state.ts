import { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";
import { SessionData } from "./data/session-data.ts";
import type { UseListener } from "./http/request-contract.ts";
import { ResponseCookie } from "./http/response-cookie.ts";
import { SessionRecord } from "./record/session-record.ts";
import type { SessionHome } from "./session-home.ts";
import type { SessionOrigin } from "./session-origin.ts";
import type { SessionServices } from "./session-services.ts";
import { StoredSession } from "./stored/record-writer.ts";

/** State of a session during a request. */
export class SessionState<Data extends object> {
  readonly services: SessionServices;
  readonly origin: SessionOrigin;
  readonly home: SessionHome;
  readonly data: SessionData<Data>;
  readonly cookie: ResponseCookie;
  stored: StoredSession | undefined;
  isNew: boolean;
  /** An operation has found that the session was ended or moved by another request. */
  isInterrupted = false;
  /** This request itself has ended the session that it came with. */
  hasEnded = false;
  /** The last key that this request gave the session. */
  ownKey: SessionKey | undefined = undefined;
  /** Notified of each access to the data. */
  useListener: UseListener | undefined = undefined;

  constructor(services: SessionServices, origin: SessionOrigin) {
    const { home, stored } = origin;
    this.services = services;
    this.origin = origin;
    this.home = home;
    this.stored = stored;
    this.isNew = stored === undefined;
    this.data = new SessionData<Data>(this.record);
    this.cookie = new ResponseCookie(this);
  }

  /** Value of the session's cookie: its key, or the record itself. A secret. */
  get cookieValue(): string | undefined {
    return this.stored && this.home.cookieValueOf(this.stored);
  }

  /** The newest record known to be stored. */
  get record(): SessionRecord {
    return this.stored?.version.record ?? SessionRecord.empty;
  }

  newDeadline(): Deadline {
    return new Deadline(this.services.deadline, this.services.clock);
  }

  /**
   * Finds the session in its home and remembers its keys: tombstones lead there for a minute only.
   */
  async find(deadline: Deadline): Promise<StoredSession | undefined> {
    const { stored } = this;
    const found = stored && (await this.home.records.find(stored, deadline));
    // The version remains the one that this session's data is based on: a write merges later
    // changes of others.
    if (found) this.stored = new StoredSession(found, stored.version);
    return found;
  }
}
