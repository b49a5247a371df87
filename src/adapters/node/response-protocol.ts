import type { ServerResponse } from "node:http";
import type { ResponseMethods } from "./response-methods.ts";

/** Carrier of a response, which can be destroyed: a socket, or a stream of HTTP/2. */
export interface Connection {
  destroy(error?: Error): unknown;
}

/** Methods and properties beneath the hold of a response. */
export interface Beneath {
  /** Whether no wrapper is: `compression` goes on writing, which Node has to allow. */
  readonly isDirect: boolean;
  /** Whether the response inherits a `writableFinished` that asks the hold. */
  readonly asksHold: boolean;
}

/**
 * Differences between the protocols, for the hold of a response. A held response looks like an
 * ordinary one: started after `writeHead` or `write`, ended after `end`.
 */
export interface ResponseProtocol {
  /** Node's own methods. */
  readonly native: ResponseMethods;
  /**
   * Carrier of the response; `undefined` while it waits behind another one (pipelining), and
   * afterwards.
   */
  connectionOf(response: ServerResponse): Connection | undefined;
  /** Returns whether nothing that is written can reach the client any more. */
  isGone(response: ServerResponse): boolean;
  /** Returns whether a connection is unusable, so that it need not be kept. */
  isBroken(connection: Connection, error: Error | undefined): boolean;
  /**
   * Ends the connection of a response that is about to be destroyed, if `destroy` would send bytes
   * first.
   */
  beforeDestroy(response: ServerResponse): void;
  /** Makes a response look as if its head were out: Node itself then refuses forbidden calls. */
  showHeadSent(response: ServerResponse): void;
  hideHeadSent(response: ServerResponse): void;
  /** Makes a response look as if it were ended, though nothing of it is written. */
  showEnded(response: ServerResponse, beneath: Beneath): void;
  hideEnded(response: ServerResponse): void;
  /** @param isRequired As for `write`; `end` may come without a chunk. */
  isRefusedChunk(chunk: unknown, isRequired: boolean): boolean;
  /**
   * Throws Node's error for an invalid status or status message.
   *
   * @param args Arguments of `writeHead`.
   */
  refuseHead(response: ServerResponse, args: readonly unknown[]): void;
  /** Returns `undefined` if there is none. */
  statusMessageOf(response: ServerResponse): string | undefined;
  /** Clears status message and trailers. */
  reset(response: ServerResponse): void;
}
