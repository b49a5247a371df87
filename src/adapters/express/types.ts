import type { IncomingMessage, ServerResponse } from "node:http";
import type { CrossSite } from "../../session/http/cross-site.ts";

/** The part of Express's request (versions 4 and 5) that the adapter uses. */
export interface ExpressRequest extends IncomingMessage {
  /** Follows the setting `trust proxy`. */
  readonly secure: boolean;
  /** Follows the setting `trust proxy`. `undefined` without a Host header. */
  readonly hostname: string | undefined;
}

/** Express's `next`. */
export type ExpressNext = (error?: unknown) => void;

/** Middleware for `app.use`. */
export type ExpressMiddleware = (
  request: ExpressRequest,
  response: ServerResponse,
  next: ExpressNext,
) => void;

/** Options of `expressSessions`. */
export interface ExpressSessionsOptions {
  /**
   * Loads the session before the handlers run and sets `req.session`. Every request with a session
   * cookie then needs the store; a failed load goes to the error handlers.
   *
   * @defaultValue `false`: handlers call `await sessions.from(req)`.
   */
  readonly eager?: boolean;
  /**
   * Handling of state-changing requests from a page of another site (cross-site request forgery).
   * `"interrupt"`: without the session's cookie they start no session. `"refuse"`: requests from
   * another origin fail with a {@link CrossSiteError} (403). `{ trustedOrigins }`: the same, except
   * for these origins. `"allow"`: no check.
   *
   * @defaultValue `"interrupt"`: only `SameSite=Lax` protects against forged requests.
   */
  readonly crossSite?: CrossSite;
}
