import type { IncomingMessage, ServerResponse } from "node:http";
import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions } from "../node/types.ts";

/** The part of Koa's context that the adapter uses. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The prototype of all contexts of the application. */
  readonly app: { readonly context: object };
  /** Follows the setting `proxy`. */
  readonly secure: boolean;
  /** With its port. Follows the setting `proxy`. Empty without a Host header. */
  readonly host: string;
  /** `false`: Koa does not answer. */
  readonly respond?: boolean | undefined;
  body: unknown;
  onerror(error: Error): void;
}

/** The context behind `koaSessions`. */
export interface KoaSessionContext<Data extends object = Record<string, unknown>> {
  /** The same as `sessions.from(ctx)`, for the sessions that were mounted first. */
  session(): Promise<Session<Data>>;
}

/** `ctx.state` behind `koaSessions` with `eager: true`. */
export interface KoaSessionState<Data extends object = Record<string, unknown>> {
  readonly session: Session<Data>;
}

/** Middleware for `app.use`, which gives the application the type of `ctx.session()`. */
export type KoaMiddleware<Data extends object> = (
  context: KoaContext & KoaSessionContext<Data>,
  next: () => Promise<unknown>,
) => Promise<void>;

/** Options of `koaSessions`. */
export interface KoaSessionsOptions extends CrossSiteOptions {
  /**
   * Loads the session before the next middleware runs and sets `ctx.state.session`. Every request
   * with a session cookie then needs the store; a failed load is an error of the middleware.
   *
   * @defaultValue `false`: middleware calls `await ctx.session()`.
   */
  readonly eager?: boolean;
}
