import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions, ProxyOptions } from "../node/types.ts";

/** The part of Hono's context that the adapter uses. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
  /** Object of the server beside the request: with `@hono/node-server`, Node's request and response. */
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
export interface HonoSessionsOptions extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before the next middleware runs and sets the variable `session` of the
   * context. Every request with a session cookie then needs the store; a failed load goes to
   * `app.onError`.
   *
   * @defaultValue `false`: handlers call `await sessions.from(c)`.
   */
  readonly eager?: boolean;
}
