import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";

/** The part of Hono's context that the adapter uses. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
  /** What the server passes on: with `@hono/node-server`, Node's request and response. */
  readonly env: unknown;
  /** Whether there is a response. */
  readonly finalized: boolean;
  res: Response;
}

/** Middleware for `app.use`. */
export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<void>;

/**
 * Variables of the context behind `honoSessions` with `eager: true`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import type { SessionVariables } from "sojourn/adapters/hono";
 *
 * const app = new Hono<{ Variables: SessionVariables<{ views?: number }> }>();
 * app.get("/", (c) => c.text(`${c.get("session").data.views ?? 0} views`));
 * ```
 */
export interface SessionVariables<Data extends object = Record<string, unknown>> {
  readonly session: Session<Data>;
}

/** Options of `honoSessions`. */
export interface HonoSessionsOptions {
  /**
   * Loads the session before the next middleware runs and sets the variable `session` of the
   * context. Every request with a session cookie then needs the store; a failed load goes to
   * `app.onError`.
   *
   * @defaultValue `false`: handlers call `await sessions.from(c)`.
   */
  readonly eager?: boolean;
  /**
   * Trusts `X-Forwarded-Proto` and `X-Forwarded-Host`. Only for use behind a proxy that sets or
   * removes both: otherwise a visitor can forge them.
   *
   * @defaultValue `false`: `c.req.url` has the protocol and the host.
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
