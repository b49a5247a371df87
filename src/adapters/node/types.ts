import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";
import type { RequestInfo, SessionScope } from "../../session/http/request-contract.ts";

/** The part of `Sessions` that the adapters use. */
export interface SessionSource<Data extends object> {
  from(request: object): Promise<Session<Data>>;
  scope(request: object, info: RequestInfo): SessionScope;
}

/**
 * A request with the session that an adapter with `eager: true` has set.
 *
 * @example
 * ```ts
 * import type { Request } from "express";
 * import type { WithSession } from "sojourn/adapters/express";
 *
 * function viewsOf(req: Request): number {
 *   const { session } = req as WithSession<Request, { views?: number }>;
 *   return session.data.views ?? 0;
 * }
 * ```
 */
export type WithSession<Request, Data extends object = Record<string, unknown>> = Request & {
  readonly session: Session<Data>;
};

/**
 * Request listener of `createServer` and `createSecureServer` of `node:http`, `node:https` and
 * `node:http2`.
 */
export type NodeListener = RequestListener &
  ((request: Http2ServerRequest, response: Http2ServerResponse) => void);

/**
 * A handler for `http.createServer`. With `http2.createServer`, request and response are those of
 * Node's compatibility API, which has the same methods. Its errors and rejections go to `onError`.
 */
export type NodeHandler<Request = IncomingMessage> = (request: Request, response: ServerResponse) => unknown;

/**
 * Answers a failed request. The response is the handler's own; unless its headers are out, none of
 * it was sent.
 */
export type NodeErrorHandler = (
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
) => unknown;

/** Option that all adapters have. */
export interface CrossSiteOptions {
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

/** Option of adapters for servers that know no proxies. */
export interface ProxyOptions {
  /**
   * Trusts `X-Forwarded-Proto` and `X-Forwarded-Host`. Only for use behind a proxy that sets or
   * removes both: otherwise a visitor can forge them.
   *
   * @defaultValue `false`: the request itself has the protocol and the host
   */
  readonly trustProxy?: boolean;
}

/** Options of `nodeSessions`. */
export interface NodeSessionsOptions extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before the handler runs and puts it on the request as `session`. Every
   * request with a session cookie then needs the store.
   *
   * @defaultValue `false`
   */
  readonly eager?: boolean;
  /**
   * Called with the handler's error, or the error of a session that could not be loaded or saved.
   * It has to answer: `response.statusCode` is already set, to `error.statusCode` or 500. With
   * `response.headersSent` nothing more can be sent to the client.
   *
   * @defaultValue Prints the error with `console.error` and answers with the name of the status as
   *   plain text.
   */
  readonly onError?: NodeErrorHandler;
}
