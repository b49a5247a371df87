import { createHmac } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type { UndecodableReason } from "../codec/index.ts";
import {
  type SessionConflictError,
  type SessionTooLargeError,
  SessionUsageError,
  type StoreConnectionError,
  type StoreServiceError,
} from "../core/errors.ts";
import { checkListener, Events, type Listener } from "../core/events.ts";
import type { SessionKey } from "../core/ids.ts";
import type { CookieRejection } from "./http/cookie.ts";

/**
 * Reason for rejecting a session cookie, or one of several: its form is invalid; several came (then
 * the first that has a live session counts); its session does not exist, has expired, or was given
 * a new key or ended less than a minute ago; or the request came over plain http and
 * `sessions.cookie.onInsecure` is `"refuse"`.
 */
export type RejectionReason = CookieRejection | "unknown" | "expired" | "moved" | "insecure";

/** Common payload of session events. */
export interface SessionEvent {
  /**
   * Name of the session in logs: an HMAC of its storage key under the secret key. A session has the
   * same name in all processes; the name gives no access to it.
   */
  readonly session: string;
}

/**
 * Events for `sessions.on`, published process-wide with `node:diagnostics_channel` on the channel
 * `sojourn:session:<name>`. No event carries a session key, a cookie or data.
 */
export interface SessionEvents {
  /** A session was stored for the first time. */
  readonly created: SessionEvent;
  /**
   * A user has logged in. `previous` is the name of the visitor's session before; it is missing if
   * there was none.
   */
  readonly login: SessionEvent & { readonly userId: string; readonly previous?: string };
  /** A session was ended by `logout` or `flush`. */
  readonly flushed: SessionEvent;
  /** A session has got a new key; `session` is the new name. */
  readonly cycled: SessionEvent & { readonly previous: string };
  /**
   * Sessions were ended by `revoke`, `revokeUser` or `revokeAll`; `sessions` has the name of each,
   * and `userId` is `undefined` for `revokeAll`. Many sessions are reported in steps of about 32,
   * one event each; if there were none, one event has the count 0.
   */
  readonly revoked: {
    readonly userId: string | undefined;
    readonly count: number;
    readonly sessions: readonly string[];
  };
  /** A write was refused because the session was ended or given a new key meanwhile. */
  readonly interrupted: SessionEvent;
  /** Two requests changed the same part of a session; the change that was committed last wins. */
  readonly conflict: { readonly path: readonly string[] };
  /**
   * A session cookie was rejected. The visitor is anonymous, or refused when the reason is
   * `insecure`. An unknown or expired session keeps the name of its earlier events.
   */
  readonly rejected: { readonly reason: RejectionReason } & Partial<SessionEvent>;
  /** A record could not be read. It is left unchanged; the visitor is anonymous. */
  readonly undecodable: { readonly reason: UndecodableReason };
  /** A session of another library was taken over; `from` is the library. See `sessions.takeOver`. */
  readonly takenOver: SessionEvent & { readonly from: string };
  /**
   * A cookie or a record of another library gives no session: its signature is wrong
   * (`"bad-signature"`), or the record is not a JSON object or exceeds `sessions.maxBytes`. It is
   * left unchanged, and each is reported once by a process.
   */
  readonly notTakenOver: { readonly from: string; readonly reason: UndecodableReason };
  /**
   * Data was changed after the response had ended, and was not saved. The name is missing if the
   * session was not stored.
   */
  readonly lateChange: Partial<SessionEvent>;
  /**
   * Extending a session, renewing its key, rewriting its record under the current secret, or
   * updating its user's list failed. The request continued.
   */
  readonly touchFailed: {
    readonly error: StoreConnectionError | StoreServiceError | SessionTooLargeError | SessionConflictError;
  };
  /**
   * The watch of `sessions.watch()` could not ask the store. It goes on by itself; the event comes
   * once for each outage.
   */
  readonly watchFailed: { readonly error: Error };
}

const NAMES = Object.keys({
  created: true,
  login: true,
  flushed: true,
  cycled: true,
  revoked: true,
  interrupted: true,
  conflict: true,
  rejected: true,
  undecodable: true,
  takenOver: true,
  notTakenOver: true,
  lateChange: true,
  touchFailed: true,
  watchFailed: true,
} satisfies Record<keyof SessionEvents, true>);

/** Emits the events of sessions. */
export class SessionEventEmitter extends Events<SessionEvents> {
  readonly #secretKey: string;

  constructor(secretKey: string) {
    super();
    this.#secretKey = secretKey;
  }

  /** @throws {SessionUsageError} For an unknown event. */
  override on<Name extends keyof SessionEvents>(
    name: Name,
    listener: Listener<SessionEvents[Name]>,
  ): () => void {
    checkListener(name, listener, NAMES, SessionUsageError);
    return super.on(name, listener);
  }

  override emit<Name extends keyof SessionEvents>(name: Name, event: SessionEvents[Name]): void {
    super.emit(name, event);
    const diagnostics = channel(`sojourn:session:${name}`);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
  }

  /** Returns the name of a session in events. */
  nameOf(storageKey: SessionKey): string {
    return createHmac("sha256", this.#secretKey)
      .update(`sojourn.event:${storageKey}`)
      .digest("hex")
      .slice(0, 16);
  }
}
