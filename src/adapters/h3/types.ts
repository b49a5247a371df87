import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions, ProxyOptions } from "../node/types.ts";

/** The part of h3's event that the adapter uses. */
export interface H3Event {
  readonly req: Request;
  readonly app?: { readonly config: object } | undefined;
  /** Shared by the middleware and the handler of a request. */
  readonly context: object;
  /** Headers that handlers have set, for responses and for those to errors: not in an early h3 2. */
  readonly res: { readonly headers: Headers; readonly errHeaders?: Headers };
}

/** Middleware for `app.use`. */
export type H3Middleware = (event: H3Event, next: () => unknown) => Promise<unknown>;

/** An event behind `h3Sessions` with `eager: true`. */
export type WithSession<Event, Data extends object = Record<string, unknown>> = Event & {
  readonly context: { readonly session: Session<Data> };
};

/** Options of `h3Sessions`. */
export interface H3SessionsOptions extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before the next middleware runs and sets `event.context.session`. Every
   * request with a session cookie then needs the store; a failed load is an error of the middleware.
   *
   * @defaultValue `false`: handlers call `await sessions.from(event)`.
   */
  readonly eager?: boolean;
}
