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
 * Why a session cookie was not honoured, or not alone: it has no form of ours; several came (then the first
 * that has a live session counts); its session is not there, has expired, or has a new key or was ended less
 * than a minute ago; or the request came over plain http and `sessions.cookie.onInsecure` is `"refuse"`.
 */
export type RejectionReason = CookieRejection | "unknown" | "expired" | "moved" | "insecure";

/** What most events tell. */
export interface SessionEvent {
  /**
   * Names the session in logs: an HMAC of the key under which it is stored, under the secret key. The same
   * session has the same name in all processes; nobody gets from it to the session.
   */
  readonly session: string;
}

/**
 * What can be listened to with `sessions.on`, or process-wide with `node:diagnostics_channel` on the channel
 * `sojourn:session:<name>`. No event carries a session key, a cookie or data.
 */
export interface SessionEvents {
  /** A session was stored for the first time. */
  readonly created: SessionEvent;
  /** A user has logged in. */
  readonly login: SessionEvent & { readonly userId: string };
  /** A session was ended by `logout` or `flush`. */
  readonly flushed: SessionEvent;
  /** A session has got a new key; `session` is the new name. */
  readonly cycled: SessionEvent & { readonly previous: string };
  /**
   * Sessions were ended by `revoke`, `revokeUser` or `revokeAll`; `sessions` has the name of each, and
   * `userId` is `undefined` for `revokeAll`. Of many sessions, each step of some 32 is an event of its own;
   * where there was none, one event tells of 0.
   */
  readonly revoked: {
    readonly userId: string | undefined;
    readonly count: number;
    readonly sessions: readonly string[];
  };
  /** A write was refused because the session was ended or given a new key meanwhile. */
  readonly interrupted: SessionEvent;
  /** Two requests changed the same part of a session; the change of the one that committed last stands. */
  readonly conflict: { readonly path: readonly string[] };
  /**
   * A session cookie was not honoured. The visitor is anonymous, or refused when the reason is `insecure`. A
   * session that is unknown or has expired has its name: that of the events of its life.
   */
  readonly rejected: { readonly reason: RejectionReason } & Partial<SessionEvent>;
  /** A record could not be read. It was left as it is; the visitor is anonymous. */
  readonly undecodable: { readonly reason: UndecodableReason };
  /**
   * Data was changed after the response had ended, and nobody has saved it. The name is missing where the
   * session was not stored.
   */
  readonly lateChange: Partial<SessionEvent>;
  /**
   * The time to live of a session could not be extended, its key or its secret not be renewed, or its user's
   * list not be kept. The request went on.
   */
  readonly touchFailed: {
    readonly error: StoreConnectionError | StoreServiceError | SessionTooLargeError | SessionConflictError;
  };
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
  lateChange: true,
  touchFailed: true,
} satisfies Record<keyof SessionEvents, true>);

/** Tells what happens to sessions. */
export class SessionEventEmitter extends Events<SessionEvents> {
  readonly #secretKey: string;

  constructor(secretKey: string) {
    super();
    this.#secretKey = secretKey;
  }

  /** @throws {SessionUsageError} For an event that there is not. */
  override on<Name extends keyof SessionEvents>(name: Name, listener: Listener<SessionEvents[Name]>): () => void {
    checkListener(name, listener, NAMES, SessionUsageError);
    return super.on(name, listener);
  }

  override emit<Name extends keyof SessionEvents>(name: Name, event: SessionEvents[Name]): void {
    super.emit(name, event);
    const diagnostics = channel(`sojourn:session:${name}`);
    if (diagnostics.hasSubscribers) diagnostics.publish(event);
  }

  /** The name of a session in events. @param storageKey The key under which it is stored. */
  nameOf(storageKey: SessionKey): string {
    return createHmac("sha256", this.#secretKey).update(`sojourn.event:${storageKey}`).digest("hex").slice(0, 16);
  }
}
