import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";
import type { RequestFacts, SessionScope } from "../../session/http/request-contract.ts";

/** What the adapters of this folder and of Express need of `Sessions`. */
export interface SessionSource<Data extends object> {
  from(request: object): Promise<Session<Data>>;
  scope(request: object, facts: RequestFacts): SessionScope;
}

/**
 * A request after an adapter with `eager: true`, which has put the session on it.
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

/** Request listener of `createServer` and `createSecureServer` of `node:http`, `node:https` and `node:http2`. */
export type NodeListener = RequestListener & ((request: Http2ServerRequest, response: Http2ServerResponse) => void);

/**
 * A handler for `http.createServer`. With `http2.createServer`, request and response are those of Node's
 * compatibility API, which has the same methods. What it throws, and what its promise is rejected with, goes
 * to `onError`. */
export type NodeHandler<Request = IncomingMessage> = (request: Request, response: ServerResponse) => unknown;

/**
 * Answers a request that has failed. The response is the handler's: unless its headers are out, nothing of it
 * was sent.
 */
export type NodeErrorHandler = (error: unknown, request: IncomingMessage, response: ServerResponse) => unknown;

/** Options of `nodeSessions`. */
export interface NodeSessionsOptions {
  /**
   * Loads the session before the handler runs and puts it on the request as `session`. Every request then
   * needs the store, those without a session cookie aside.
   *
   * @defaultValue `false`
   */
  readonly eager?: boolean;
  /**
   * Believes `X-Forwarded-Proto` and `X-Forwarded-Host`. Only behind a proxy that sets or removes both:
   * otherwise a visitor can claim anything.
   *
   * @defaultValue `false`
   */
  readonly trustProxy?: boolean;
  /**
   * Handling of requests that change something and come from a page of another site (cross-site request
   * forgery): `"interrupt"`: without the session's cookie they begin no session; `"refuse"`: those of another
   * origin fail with a {@link CrossSiteError} (403); `{ trustedOrigins }`: the same, but for those;
   * `"allow"`: nothing.
   *
   * @defaultValue `"interrupt"`: `SameSite=Lax` alone stands against forged requests.
   */
  readonly crossSite?: CrossSite;
  /**
   * Called with what the handler has thrown, and with the error of a session that could not be loaded or
   * saved. It has to answer: `response.statusCode` is set already, to `error.statusCode` or 500. With
   * `response.headersSent` nothing more can be said to the client.
   *
   * @defaultValue Prints the error with `console.error`, and answers with the status and its name as plain text.
   */
  readonly onError?: NodeErrorHandler;
}
