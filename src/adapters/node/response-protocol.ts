import type { ServerResponse } from "node:http";
import type { ResponseMethods } from "./response-methods.ts";

/** Carrier of a response, which can be destroyed: a socket, or a stream of HTTP/2. */
export interface Connection {
  destroy(error?: Error): unknown;
}

/**
 * Differences between protocols, for the hold of a response. A held response looks to its users as it would
 * if nothing were held: begun after `writeHead` or `write`, ended after `end`.
 */
export interface ResponseProtocol {
  /** Node's own methods. */
  readonly native: ResponseMethods;
  /** Carrier of the response; `undefined` while it waits behind another one (pipelining), and afterwards. */
  connectionOf(response: ServerResponse): Connection | undefined;
  /** Whether nothing that is written can reach the client. */
  isGone(response: ServerResponse): boolean;
  /** Whether a connection is beyond use, so that there is no sense in keeping it. */
  isBroken(connection: Connection, error: Error | undefined): boolean;
  /**
   * Ends the connection of a response that is about to be destroyed, where `destroy` itself would send
   * something first.
   */
  beforeDestroy(response: ServerResponse): void;
  /** Makes a response look as if its head were out: Node itself refuses what must not happen then. */
  showHeadSent(response: ServerResponse): void;
  hideHeadSent(response: ServerResponse): void;
  /**
   * Makes a response look as if it were ended, though nothing of it is written.
   *
   * @param isDirect Whether nothing stands between: `compression` beneath goes on writing, which Node has to
   *   allow.
   */
  showEnded(response: ServerResponse, isDirect: boolean): void;
  hideEnded(response: ServerResponse): void;
  /** @param isRequired As for `write`; `end` may come without a chunk. */
  isRefusedChunk(chunk: unknown, isRequired: boolean): boolean;
  /**
   * Throws what Node throws for such a status or status message.
   *
   * @param args Those of `writeHead`.
   */
  refuseHead(response: ServerResponse, args: readonly unknown[]): void;
  /** `undefined` where there is none. */
  statusMessageOf(response: ServerResponse): string | undefined;
  /** Takes back status message and trailers. */
  reset(response: ServerResponse): void;
}
