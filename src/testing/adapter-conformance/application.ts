import type { RequestListener } from "node:http";

import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";
import type { Sessions } from "../../session/sessions.ts";

/** Data of the sessions of the suite. */
export type AdapterTestData = Record<string, unknown>;

/**
 * A part of HTTP or of a framework that an adapter may be without.
 *
 * - `head`: routes of GET that answer HEAD.
 * - `streams`, `events`, `files`: responses of these kinds.
 * - `raw`: responses past the framework.
 * - `eager`: the option of this name.
 * - `proxies`: a framework that may trust the headers of a proxy.
 * - `several`: more than one mount on an application.
 * - `listener`: a listener of Node, which another adapter can be around.
 * - `injection`: requests without a port.
 * - `http2`: servers for HTTP/2.
 */
export type AdapterAbility =
  | "head"
  | "streams"
  | "events"
  | "files"
  | "raw"
  | "eager"
  | "proxies"
  | "several"
  | "listener"
  | "injection"
  | "http2";

/** An application that a test needs, as data: each framework expresses it in its own way. */
export interface AdapterTestApplication {
  /** Mounts of the adapter for all routes, in this order. */
  readonly mounts: readonly AdapterTestMount[];
  readonly routes: readonly AdapterTestRoute[];
  /** Whether the framework trusts `X-Forwarded-Proto` and `X-Forwarded-Host`. */
  readonly trustsProxy: boolean;
  /** HTTP/2 is without TLS. */
  readonly protocol: "HTTP/1.1" | "HTTP/2";
  /**
   * Called by the application's error handler, which the framework calls with errors of handlers
   * and of the adapter. The handler answers with the status and the text that this returns.
   */
  readonly answerError: (error: unknown) => { readonly status: number; readonly body: string };
  /** Listener to start the server with, instead of the application's own. */
  readonly around: (listener: RequestListener) => RequestListener;
}

/** A mount of the adapter. */
export interface AdapterTestMount {
  readonly sessions: Sessions<AdapterTestData>;
  readonly eager: boolean;
  readonly crossSite: CrossSite;
}

/** A route for one method (a route of GET also answers HEAD) and one path, such as `/page`. */
export interface AdapterTestRoute {
  readonly method: "GET" | "POST";
  readonly path: string;
  /**
   * Called by the handler of the route.
   *
   * @param request What the framework's users pass to `sessions.from()`.
   * @param session Session that the framework's handler has got, with a mount that is `eager`.
   * @returns The response to send; rejects with an error that the handler has to throw.
   */
  readonly handle: (request: object, session?: Session<AdapterTestData>) => Promise<AdapterTestAnswer>;
}

/** A response, to be sent in the framework's own way. */
export type AdapterTestAnswer =
  | {
      readonly kind: "text";
      readonly body: string;
      /** @defaultValue 200 */
      readonly status?: number;
      /** Values of `Set-Cookie`. @defaultValue none */
      readonly cookies?: readonly string[];
    }
  | { readonly kind: "json"; readonly value: unknown }
  | {
      readonly kind: "redirect";
      readonly location: string;
      /** @defaultValue 302 */
      readonly status?: 302 | 303;
    }
  /** A status without a body. */
  | { readonly kind: "empty"; readonly status: 204 | 304 }
  /** The contents of a file, sent as a stream where the framework has nothing else for it. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly chunks: AsyncIterable<string> }
  /** Server-sent events, already formatted, as `text/event-stream`. */
  | { readonly kind: "events"; readonly events: AsyncIterable<string> }
  /** Sent past the framework, for example by Node's own response: `writeHead`, `write`, `end`. */
  | { readonly kind: "raw"; readonly body: string };

/** A request for the framework's own injection. */
export interface AdapterTestInjection {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A response to an injected request. */
export interface AdapterTestInjected {
  readonly status: number;
  readonly setCookie: readonly string[];
  readonly body: string;
}

/** A started application. */
export interface StartedAdapterApplication {
  /** Port on the loopback address 127.0.0.1. */
  readonly port: number;
  /** The framework's injection of requests, without a port. */
  readonly inject?: (request: AdapterTestInjection) => Promise<AdapterTestInjected>;
  /** Called after the test, when all clients have disconnected. */
  readonly close: () => Promise<void> | void;
}
