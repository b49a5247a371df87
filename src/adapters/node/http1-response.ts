import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { types } from "node:util";
import { methodsOf } from "./response-methods.ts";
import type { ResponseProtocol } from "./response-protocol.ts";

/*
 * `headersSent` is `Boolean(res._header)` since Node 0.x, and every call that is forbidden after
 * the head (`setHeader`, `removeHeader`, a second `writeHead` …) checks the same field: with a
 * placeholder in it, Node itself throws ERR_HTTP_HEADERS_SENT. Node sends the field only from
 * `write`, `end` and `flushHeaders`, which are held. Bun checks `headersSent` instead, which gets
 * an own property then.
 *
 * `finished` is a separate field. Node derives `writableFinished` (all bytes are out) from it, so
 * that one is overridden.
 */

const HEADER = "_header";

interface Internals {
  [HEADER]: string | null;
  headersSent?: boolean;
  finished: boolean;
  writableEnded?: boolean;
  writableFinished?: boolean;
}

const PLACEHOLDER = "(held)";

const IS_BUN = process.versions["bun"] !== undefined;

/** Responses of HTTP/1.1 and 1.0. */
export const http1: ResponseProtocol = {
  native: methodsOf(ServerResponse.prototype as ServerResponse),

  connectionOf: (response) => response.socket ?? undefined,

  isGone(response) {
    // Without a socket of its own, the response is queued on the request's (pipelining).
    const socket = (response.socket ?? response.req?.socket) as Socket | undefined;
    return response.destroyed || socket?.destroyed === true || socket?.writableEnded === true;
  },

  isBroken(connection, error: NodeJS.ErrnoException | undefined) {
    // An error of the operating system names the failed system call.
    const isFailure = error?.syscall !== undefined;
    const socket = connection as Socket;
    return isFailure || socket.readableEnded || socket.writableEnded || hasBunLost(socket);
  },

  beforeDestroy(response) {
    // Bun answers with a bare 200 before it closes the connection.
    if (IS_BUN) response.socket?.destroy();
  },

  showHeadSent(response) {
    internalsOf(response)[HEADER] = PLACEHOLDER;
    if (!response.headersSent)
      Object.defineProperty(response, "headersSent", { value: true, configurable: true });
  },

  hideHeadSent(response) {
    const internals = internalsOf(response);
    if (internals[HEADER] === PLACEHOLDER) internals[HEADER] = null;
    if (Object.hasOwn(response, "headersSent")) delete internals.headersSent;
  },

  showEnded(response, { isDirect, asksHold }) {
    if (isDirect) internalsOf(response).finished = true;
    // A property that is added to a response of Express takes 4 us (shared-overrides.ts).
    if (!response.writableEnded)
      Object.defineProperty(response, "writableEnded", { value: true, configurable: true });
    if (!asksHold) Object.defineProperty(response, "writableFinished", { value: false, configurable: true });
  },

  hideEnded(response) {
    internalsOf(response).finished = false;
    // The last property first: V8 turns an object that loses another one into a hash table.
    if (Object.hasOwn(response, "writableFinished")) delete internalsOf(response).writableFinished;
    if (Object.hasOwn(response, "writableEnded")) delete internalsOf(response).writableEnded;
  },

  isRefusedChunk(chunk, isRequired) {
    if (typeof chunk === "string" || types.isUint8Array(chunk)) return false;
    return isRequired || (Boolean(chunk) && typeof chunk !== "function");
  },

  refuseHead(response, args) {
    // A shadow of the response: changes that Node makes before it throws have no effect.
    http1.native.writeHead.apply(Object.create(response) as ServerResponse, args as unknown[]);
  },

  statusMessageOf: (response) => response.statusMessage,

  reset(response) {
    response.addTrailers({});
    // Node then uses the default message of the status.
    response.statusMessage = "";
  },
};

/** Bun destroys the socket of a client that has left without an error, but clears its address. */
function hasBunLost(socket: Socket): boolean {
  return IS_BUN && socket.remoteAddress === undefined;
}

function internalsOf(response: ServerResponse): Internals {
  return response as unknown as Internals;
}
