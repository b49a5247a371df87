import type { CrossSite } from "../../session/http/cross-site.ts";

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
export interface FetchSessionsOptions {
  /**
   * Loads the session before the handler runs and puts it on the request as `session`. Every
   * request with a session cookie then needs the store.
   *
   * @defaultValue `false`
   */
  readonly eager?: boolean;
  /**
   * Trusts `X-Forwarded-Proto` and `X-Forwarded-Host`. Only for use behind a proxy that sets or
   * removes both: otherwise a visitor can forge them.
   *
   * @defaultValue `false`: `request.url` has the protocol and the host.
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
  /**
   * Called with the handler's error, or the error of a session that could not be loaded or saved.
   * Returns the response to it.
   *
   * @defaultValue Prints the error with `console.error`, and returns the error's `statusCode` or 500
   *   with the name of the status as plain text.
   */
  readonly onError?: FetchErrorHandler;
}
