import type { CrossSiteOptions, ProxyOptions } from "../node/types.ts";

/**
 * A handler of web requests, as `Bun.serve`, `Deno.serve` and servers for Node take it. Arguments
 * after the request are the server's.
 */
export type FetchHandler<WebRequest = Request, Rest extends readonly unknown[] = readonly unknown[]> = (
  request: WebRequest,
  ...rest: Rest
) => Response | Promise<Response>;

/**
 * Answers a failed request. None of the handler's response was sent, unless it was a stream that
 * has begun: then it is cut, and the new response is not sent.
 */
export type FetchErrorHandler = (error: unknown, request: Request) => Response | Promise<Response>;

/** Options of `fetchSessions`. */
export interface FetchSessionsOptions extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before the handler runs and puts it on the request as `session`. Every
   * request with a session cookie then needs the store.
   *
   * @defaultValue `false`
   */
  readonly eager?: boolean;
  /**
   * Called with the handler's error, or the error of a session that could not be loaded or saved.
   * Returns the response to it.
   *
   * @defaultValue Prints the error with `console.error`, and returns the error's `statusCode` or 500
   *   with the name of the status as plain text.
   */
  readonly onError?: FetchErrorHandler;
}
