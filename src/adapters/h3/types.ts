import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";

/** The part of h3's event that the adapter uses. */
export interface H3Event {
  readonly req: Request;
  /** Shared by the middleware and the handler of a request. */
  readonly context: object;
  /** Headers that handlers have set, for responses and for those to errors. */
  readonly res: { readonly headers: Headers; readonly errHeaders: Headers };
}

/** Middleware for `app.use`. */
export type H3Middleware = (event: H3Event, next: () => unknown) => Promise<unknown>;

/** An event behind `h3Sessions` with `eager: true`. */
export type WithSession<Event, Data extends object = Record<string, unknown>> = Event & {
  readonly context: { readonly session: Session<Data> };
};

/** Options of `h3Sessions`. */
export interface H3SessionsOptions {
  /**
   * Loads the session before the next middleware runs and sets `event.context.session`. Every
   * request with a session cookie then needs the store; a failed load is an error of the middleware.
   *
   * @defaultValue `false`: handlers call `await sessions.from(event)`.
   */
  readonly eager?: boolean;
  /**
   * Trusts `X-Forwarded-Proto` and `X-Forwarded-Host`. Only for use behind a proxy that sets or
   * removes both: otherwise a visitor can forge them.
   *
   * @defaultValue `false`: `event.req.url` has the protocol and the host.
   */
  readonly trustProxy?: boolean;
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
