import type { SessionKey } from "../core/ids.ts";
import { SessionData } from "./data/session-data.ts";
import { SessionRecord } from "./record/session-record.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { SessionServices } from "./session-services.ts";

/** Initial state of a session, taken from its request. */
export interface SessionOrigin {
  /** The request had a session cookie, valid or not. */
  readonly hasCookie: boolean;
  /** The request had several different cookies of the session's name. */
  readonly hasDuplicates: boolean;
  /**
   * Keys that the request presented, the session's own first: one, unless the browser has several
   * such cookies.
   */
  readonly presentedKeys: readonly SessionKey[];
  /** The stored session, if one was found and can be read. */
  readonly stored: StoredSession | undefined;
  /** The presented key was renewed, and the session found under its new key. */
  readonly isRenewed: boolean;
  /** The session of the presented key was just ended or given a new key. */
  readonly hasDeparted: boolean;
  readonly userAgent: string | undefined;
  /** Returns whether the request may begin a session without a cookie. @defaultValue always */
  readonly mayBegin?: () => boolean;
}

/** State of a session during a request. */
export class SessionState<Data extends object> {
  readonly services: SessionServices;
  readonly origin: SessionOrigin;
  readonly data: SessionData<Data>;
  stored: StoredSession | undefined;
  isNew: boolean;
  /** Called on each access to the data. */
  noteUse: (() => void) | undefined;

  constructor(services: SessionServices, origin: SessionOrigin) {
    this.services = services;
    this.origin = origin;
    this.stored = origin.stored;
    this.isNew = origin.stored === undefined;
    this.data = new SessionData<Data>(this.record);
  }

  /** Value of the session's cookie: its key, or the record itself if the cookie carries it. */
  get cookieValue(): string | undefined {
    return (
      this.stored &&
      (this.services.carried ? this.services.carried.textAt(this.stored.storageKey) : this.stored.key)
    );
  }

  /** The newest record known to be stored. */
  get record(): SessionRecord {
    return this.stored?.version.record ?? SessionRecord.empty;
  }
}
