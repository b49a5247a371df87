import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions } from "../node/types.ts";

/** The part of SvelteKit's `RequestEvent` that the adapter uses. */
export interface SvelteKitEvent {
  readonly request: Request;
  readonly locals: object;
  /** With `@sveltejs/adapter-node`, an object with Node's request as `req`. */
  readonly platform?: unknown;
  /** The request was made by `event.fetch`, for another route of the application. */
  readonly isSubRequest: boolean;
  readonly cookies: { set(name: string, value: string, options: SvelteKitCookieOptions): void };
}

/** Options of `event.cookies.set`. */
export interface SvelteKitCookieOptions {
  path: string;
  domain?: string;
  maxAge?: number;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: "lax" | "strict" | "none";
  encode?: (value: string) => string;
}

/** A hook for `hooks.server.ts`, and for `sequence`. */
export type SvelteKitHandle = <Event extends SvelteKitEvent>(input: {
  readonly event: Event;
  readonly resolve: (event: Event) => Response | Promise<Response>;
}) => Promise<Response>;

/** `event.locals` behind `sveltekitSessions` with `eager: true`. */
export interface SvelteKitSessionLocals<Data extends object = Record<string, unknown>> {
  readonly session: Session<Data>;
}

/** Returns the response to a request that was refused, or whose session could not be loaded or saved. */
export type SvelteKitErrorHandler = (
  error: unknown,
  event: Pick<SvelteKitEvent, "request" | "locals">,
) => Response | Promise<Response>;

/** Options of `sveltekitSessions`. */
export interface SvelteKitSessionsOptions extends CrossSiteOptions {
  /**
   * Loads the session before the route runs and sets `event.locals.session`. Every request with a
   * session cookie then needs the store.
   *
   * @defaultValue `false`: routes call `await sessions.from(event)`.
   */
  readonly eager?: boolean;
  /**
   * Returns the response to a request that was refused, or whose session could not be loaded or
   * saved. Errors of routes are SvelteKit's.
   *
   * @defaultValue A refused request gets the status 403 with its name as plain text, as by SvelteKit's
   *   own check. Other errors are thrown: SvelteKit calls `handleError`, and shows its error page
   *   with the status 500.
   */
  readonly onError?: SvelteKitErrorHandler;
}
