import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions, ProxyOptions } from "../node/types.ts";

/** Values of a request by context: `RouterContextProvider` of React Router. */
export interface ReactRouterContextProvider {
  set<Value>(context: ReactRouterContext<Value>, value: Value): void;
}

/** Result of `createContext` of React Router. */
export interface ReactRouterContext<Value> {
  defaultValue?: Value;
}

/** The part of the arguments of middleware that the adapter uses. */
export interface ReactRouterArgs {
  readonly request: Request;
  readonly context: Readonly<ReactRouterContextProvider>;
}

/** An item of `middleware` of a route. */
export type ReactRouterMiddleware = (
  args: ReactRouterArgs,
  next: () => Promise<unknown>,
) => Promise<Response>;

/** Returns the response to a request that was refused, or whose session could not be loaded or saved. */
export type ReactRouterErrorHandler = (error: unknown, args: ReactRouterArgs) => Response | Promise<Response>;

/** Options of `reactRouterSessions`. */
export interface ReactRouterSessionsOptions<Data extends object> extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before loaders and actions run, and gives it this context. Every request with
   * a session cookie then needs the store.
   *
   * @defaultValue none: loaders call `await sessions.from(context)`.
   */
  readonly eager?: ReactRouterContext<Session<Data>>;
  /**
   * Returns the response to a request that was refused, or whose session could not be loaded or
   * saved. Errors of loaders and actions are React Router's.
   *
   * @defaultValue Errors are thrown: React Router calls `handleError`, and renders the `ErrorBoundary`
   *   with the status 500. It gets a refused request as a response with the status 403.
   */
  readonly onError?: ReactRouterErrorHandler;
}
