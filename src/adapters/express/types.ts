import type { IncomingMessage, ServerResponse } from "node:http";
import type { CrossSite } from "../../session/http/cross-site.ts";

/** What the adapter uses of Express's request, versions 4 and 5. */
export interface ExpressRequest extends IncomingMessage {
  /** Follows the setting `trust proxy`. */
  readonly secure: boolean;
  /** Follows the setting `trust proxy`. Without a Host header there is none. */
  readonly hostname: string | undefined;
}

/** Express's `next`. */
export type ExpressNext = (error?: unknown) => void;

/** What `app.use` takes. */
export type ExpressMiddleware = (request: ExpressRequest, response: ServerResponse, next: ExpressNext) => void;

/** Options of `expressSessions`. */
export interface ExpressSessionsOptions {
  /**
   * Loads the session before the handlers run and sets `req.session`. Every request then needs the store, those
   * without a session cookie aside; a failed load goes to the error handlers.
   *
   * @defaultValue `false`: handlers call `await sessions.from(req)`.
   */
  readonly eager?: boolean;
  /**
   * Handling of requests that change something and come from a page of another site (cross-site request
   * forgery): `"interrupt"`: without the session's cookie they begin no session; `"refuse"`: those of another
   * origin fail with a {@link CrossSiteError} (403); `{ trustedOrigins }`: the same, but for those;
   * `"allow"`: nothing.
   *
   * @defaultValue `"interrupt"`: `SameSite=Lax` alone stands against forged requests.
   */
  readonly crossSite?: CrossSite;
}
