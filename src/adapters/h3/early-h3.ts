import { nodePairOf } from "../fetch/node-gate.ts";
import type { WebRequestParts } from "../fetch/request-info.ts";
import { isEncrypted } from "../node/request-info.ts";
import type { H3Event } from "./types.ts";

/** The part of h3 that the adapter uses. */
export interface H3Module {
  toResponse(value: unknown, event: object, config: object): Response | Promise<Response>;
  readonly HTTPResponse: new (body: Response["body"], init: ResponseInit) => object;
}

/** `event.res` of h3 is made when it is asked for, and kept here. */
const RESPONSE_OF_EVENT = Symbol.for("h3.internal.event.res");

/**
 * Returns whether an event is one of an early h3 2, such as 2.0.1-rc.2, on which Nitro 3.0.0 stands: it has no
 * headers for errors. That h3 adds the headers of an event to every response that is made of it, also to a second
 * one, and takes a `Response` with the status 404 from middleware for a page that is not there.
 */
export function isEarly({ res }: H3Event): boolean {
  return !("errHeaders" in res);
}

/**
 * Returns the parts of a request with the protocol of its connection to Node. The server of early releases, srvx 0.8,
 * takes it from `X-Forwarded-Proto`, which any visitor can send.
 */
export function withOwnProtocol(request: Request): WebRequestParts {
  const node = nodePairOf(request, undefined);
  if (node === undefined) return request;
  const protocol = isEncrypted(node.incoming) ? "https:" : "http:";
  return { method: request.method, headers: request.headers, url: request.url.replace(/^https?:/, protocol) };
}

/** Gives an event new headers once a response was made of it, as later releases do. */
export function renewHeaders(event: H3Event): void {
  Object.assign(event, { [RESPONSE_OF_EVENT]: undefined });
}

/** Returns a response as middleware may return it. */
export function toValue(response: Response, { HTTPResponse }: H3Module): unknown {
  if (response.status !== 404) return response;
  const { status, headers } = response;
  // An empty text becomes "OK".
  const statusText = response.statusText || "Not Found";
  return new HTTPResponse(response.body, { status, statusText, headers });
}
