import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { CrossSiteOptions } from "../node/types.ts";

/** The part of Fastify's request that the adapter uses. */
export interface FastifyRequest {
  readonly raw: IncomingMessage | Http2ServerRequest;
  /** Follows the setting `trustProxy`. */
  readonly protocol: string;
  /** With its port. Follows the setting `trustProxy`. */
  readonly host: string;
}

/** The part of Fastify's reply that the adapter uses. */
export interface FastifyReply {
  readonly raw: ServerResponse | Http2ServerResponse;
  readonly sent: boolean;
  readonly statusCode: number;
  readonly log: { error(details: object, message: string): void };
  code(status: number): unknown;
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): unknown;
  send(payload: unknown): unknown;
}

/** The part of Fastify's instance that the adapter uses. */
export interface FastifyInstance {
  /** Takes a name and a hook. No type but Fastify's own fits its overloads. */
  readonly addHook: (...args: never[]) => unknown;
  hasDecorator(name: symbol): boolean;
  decorate(name: symbol, value: unknown): unknown;
  decorateRequest(name: string, value: { getter(this: FastifyRequest): unknown }): unknown;
}

/** Plugin for `app.register`. */
export type FastifyPlugin = (
  instance: FastifyInstance,
  options: object,
  done: (error?: Error) => void,
) => void;

/** Options of `fastifySessions`. */
export interface FastifySessionsOptions extends CrossSiteOptions {
  /**
   * Loads the session before the handlers run; `request.session` is then the session. Every request
   * with a session cookie needs the store; a failed load goes to the error handler.
   *
   * @defaultValue `false`: handlers call `await sessions.from(request)`.
   */
  readonly eager?: boolean;
}
