import type { IncomingMessage, ServerResponse } from "node:http";
import type { Session } from "../../session/session.ts";
import type { CrossSiteOptions, ProxyOptions } from "../node/types.ts";

/** The part of the event of h3 1 that the adapter uses. */
export interface NitroEvent {
  readonly node: { readonly req: IncomingMessage; readonly res: ServerResponse };
  /** Shared by the middleware and the handler of a request. */
  readonly context: object;
}

/** The part of a Nitro application that the adapter uses. */
export interface NitroApplication {
  readonly h3App: {
    handler(event: NitroEvent): unknown;
    readonly options: {
      onRequest?(event: NitroEvent): unknown;
      onBeforeResponse?(event: NitroEvent, response: { body?: unknown }): unknown;
      onError?(error: NitroError, event: NitroEvent): unknown;
    };
  };
}

/** An error as the error handler of Nitro gets it. */
export interface NitroError extends Error {
  statusCode: number;
  /** Whether it is one that the application has not made for visitors. */
  unhandled: boolean;
}

/** Plugin of Nitro: `export default nitroSessions(sessions)` in `server/plugins`. */
export type NitroPlugin = (application: NitroApplication) => void;

/** An event behind `nitroSessions` with `eager: true`. */
export type WithSession<Event, Data extends object = Record<string, unknown>> = Event & {
  readonly context: { readonly session: Session<Data> };
};

/** Options of `nitroSessions`. */
export interface NitroSessionsOptions extends CrossSiteOptions, ProxyOptions {
  /**
   * Loads the session before the middleware runs and sets `event.context.session`. Every request
   * with a session cookie then needs the store; a failed load is an error of the application.
   *
   * @defaultValue `false`: handlers call `await sessions.from(event)`.
   */
  readonly eager?: boolean;
}
