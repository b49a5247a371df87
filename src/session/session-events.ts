import type { UndecodableReason } from "../codec/index.ts";
import type { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import type { CookieRejection } from "./cookie.ts";

/** Why a session cookie was not honoured. */
export type RejectionReason = CookieRejection | "unknown" | "expired";

/** What can be listened to with `sessions.on`. No event carries a session key or data. */
export interface SessionEvents {
  /** Two requests changed the same part of a session; the change of the one that committed last stands. */
  readonly conflict: { readonly path: readonly string[] };
  /** A session cookie was not honoured. The visitor is anonymous. */
  readonly rejected: { readonly reason: RejectionReason };
  /** A record could not be read. It was left as it is; the visitor is anonymous. */
  readonly undecodable: { readonly reason: UndecodableReason };
  /** The time to live of a session could not be extended. The request went on. */
  readonly touchFailed: { readonly error: StoreConnectionError | StoreServiceError };
}
