import type { SessionKey } from "../core/ids.ts";
import { SessionData } from "./data/session-data.ts";
import { SessionRecord } from "./record/session-record.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { SessionServices } from "./session-services.ts";

/** What a session starts from. */
export interface SessionOrigin {
  /** Whether the request had a session cookie at all. */
  readonly hasCookie: boolean;
  /** Whether several different cookies of the session's name came. */
  readonly hasDuplicates: boolean;
  /**
   * The keys that the request came with, the one of the session first: one, unless the browser has several
   * such cookies.
   */
  readonly presentedKeys: readonly SessionKey[];
  /** The session that was found, if there is one that can be read. */
  readonly stored: StoredSession | undefined;
  /** Whether the session was found under another key than the presented one, which was renewed. */
  readonly isRenewed: boolean;
  /** Whether the session of the presented key has a new key, or was ended, a moment ago. */
  readonly hasDeparted: boolean;
  readonly userAgent: string | undefined;
  /** Whether the request may begin a session where it has no cookie. Without it, it may. */
  readonly mayBegin?: () => boolean;
}

/** What a session knows of itself. */
export class SessionState<Data extends object> {
  readonly services: SessionServices;
  readonly origin: SessionOrigin;
  readonly data: SessionData<Data>;
  stored: StoredSession | undefined;
  isNew: boolean;
  /** Called when somebody takes the data in hand. */
  noteUse: (() => void) | undefined;

  constructor(services: SessionServices, origin: SessionOrigin) {
    this.services = services;
    this.origin = origin;
    this.stored = origin.stored;
    this.isNew = origin.stored === undefined;
    this.data = new SessionData<Data>(this.record);
  }

  /** The value of the session's cookie: its key, or the record itself where the cookie carries it. */
  get cookieValue(): string | undefined {
    return (
      this.stored && (this.services.carried ? this.services.carried.textAt(this.stored.storageKey) : this.stored.key)
    );
  }

  /** The newest record that is known to be in the store. */
  get record(): SessionRecord {
    return this.stored?.version.record ?? SessionRecord.empty;
  }
}
