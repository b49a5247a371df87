import type { IncomingMessage, ServerResponse } from "node:http";
import type { CrossSiteOptions } from "../node/types.ts";

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
export interface ExpressSessionsOptions extends CrossSiteOptions {
  /**
   * Loads the session before the handlers run and sets `req.session`. Every request with a session
   * cookie then needs the store; a failed load goes to the error handlers.
   *
   * @defaultValue `false`: handlers call `await sessions.from(req)`.
   */
  readonly eager?: boolean;
}
