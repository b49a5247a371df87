import { ServerResponse } from "node:http";
import type { Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { SessionUsageError } from "../../core/errors.ts";
import { methodsOf, type ResponseMethods } from "./response-methods.ts";
import type { ResponseProtocol } from "./response-protocol.ts";

/*
 * The compatibility API of node:http2 asks its stream whether the head is out, for `headersSent`
 * and for every call that is forbidden then: with a property over the stream's getter, Node itself
 * throws ERR_HTTP2_HEADERS_SENT.
 */

let native: ResponseMethods | undefined;

/** Responses of HTTP/2, through the compatibility API. */
export const http2: ResponseProtocol = {
  get native() {
    // An HTTP/2 server has loaded the module already; other servers never load it.
    native ??= methodsOf(
      process.getBuiltinModule("node:http2").Http2ServerResponse.prototype as unknown as ServerResponse,
    );
    return native;
  },

  connectionOf: streamOf,

  isGone: (response) => isOver(streamOf(response)),

  isBroken(connection, error: NodeJS.ErrnoException | undefined) {
    const stream = connection as ServerHttp2Stream;
    const isFailure = error?.syscall !== undefined;
    return isFailure || isOver(stream) || stream.session === undefined || stream.session.destroyed;
  },

  beforeDestroy() {},

  showHeadSent(response) {
    Object.defineProperty(streamOf(response), "headersSent", { get: shown, configurable: true });
  },

  hideHeadSent(response) {
    const stream = streamOf(response) as { headersSent?: boolean };
    // On Bun it is a property of the stream, not a getter of the class.
    if (Object.getOwnPropertyDescriptor(stream, "headersSent")?.get !== shown) return;
    delete stream.headersSent;
    stream.headersSent ??= false;
  },

  showEnded(response) {
    for (const name of ENDED) Object.defineProperty(response, name, { value: true, configurable: true });
  },

  hideEnded(response) {
    for (const name of ENDED) delete (response as unknown as Record<string, unknown>)[name];
  },

  isRefusedChunk(chunk, isRequired) {
    if (typeof chunk === "string" || chunk instanceof Uint8Array) return false;
    return isRequired || (chunk !== null && chunk !== undefined && typeof chunk !== "function");
  },

  refuseHead(response, args) {
    response.statusCode = args[0] as number;
    const headers = args.at(-1);
    // Node's own error for names without values (lib/internal/http2/compat.js).
    if (Array.isArray(headers) && headers.length % 2 !== 0 && !Array.isArray(headers[0])) {
      const message = "The argument 'headers' is invalid: it has a name without a value.";
      throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
    }
  },

  // RFC 9113 section 8.3.2: HTTP/2 has none. Node warns on each access.
  statusMessageOf: () => undefined,

  reset(response) {
    const trailers = trailersOf(response);
    for (const name of Object.keys(trailers)) delete trailers[name];
  },
};

const shown = (): boolean => true;

const ENDED = ["writableEnded", "finished"] as const;

export function isHttp2(response: ServerResponse): boolean {
  if (response instanceof ServerResponse) return false;
  return typeof (streamOf(response) as { respond?: unknown } | undefined)?.respond === "function";
}

/**
 * Refuses a response that is started on the stream itself, which would bypass the hold.
 *
 * @param mustWait Called at each attempt.
 */
export function guardStream(response: ServerResponse, mustWait: () => boolean): void {
  const stream = streamOf(response);
  for (const method of ["respond", "respondWithFile", "respondWithFD"] as const) {
    const begin = stream[method].bind(stream) as (...args: unknown[]) => void;
    (stream as unknown as Record<string, unknown>)[method] = (...args: unknown[]) => {
      if (!mustWait()) return begin(...args);
      throw new SessionUsageError(
        `stream.${method}() would send a head without the session's cookie, before the session is saved. ` +
          "Use the response instead: writeHead, write, end or a pipe.",
      );
    };
  }
}

function streamOf(response: ServerResponse): ServerHttp2Stream {
  return (response as unknown as Http2ServerResponse).stream;
}

function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed || stream.aborted;
}

/** The trailers of a response. The class can add to them, but not remove any. */
function trailersOf(response: ServerResponse): Record<string, unknown> {
  const symbol = Object.getOwnPropertySymbols(response).find(({ description }) => description === "trailers");
  return (symbol && (response as unknown as Record<symbol, Record<string, unknown>>)[symbol]) ?? {};
}
