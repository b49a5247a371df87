import type { ServerResponse } from "node:http";
import type { Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { SessionUsageError } from "../../core/errors.ts";
import { methodsOf, type ResponseMethods } from "./response-methods.ts";
import type { ResponseProtocol } from "./response-protocol.ts";

/*
 * The compatibility API of node:http2 asks its stream whether the head is out, for `headersSent` as for all
 * that must not happen then: with a property over the stream's getter, Node itself refuses with
 * ERR_HTTP2_HEADERS_SENT.
 */

let native: ResponseMethods | undefined;

/** Responses of HTTP/2, by the compatibility API. */
export const http2: ResponseProtocol = {
  get native() {
    // A server of HTTP/2 has loaded the module; others do not load it.
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
    // On Bun it is no getter of the class, but a property of the stream.
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
    // Node's own answer to names without values (lib/internal/http2/compat.js).
    if (Array.isArray(headers) && headers.length % 2 !== 0 && !Array.isArray(headers[0])) {
      const message = "The argument 'headers' is invalid: it has a name without a value.";
      throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
    }
  },

  // RFC 9113 section 8.3.2: there is none. Node warns of each look at it.
  statusMessageOf: () => undefined,

  reset(response) {
    const trailers = trailersOf(response);
    for (const name of Object.keys(trailers)) delete trailers[name];
  },
};

const shown = (): boolean => true;

const ENDED = ["writableEnded", "finished"] as const;

export function isHttp2(response: ServerResponse): boolean {
  return typeof (streamOf(response) as { respond?: unknown } | undefined)?.respond === "function";
}

/**
 * Refuses a response that is begun on the stream itself, past what waits for the session.
 *
 * @param mustWait Asked at each attempt.
 */
export function guardStream(response: ServerResponse, mustWait: () => boolean): void {
  const stream = streamOf(response);
  for (const method of ["respond", "respondWithFile", "respondWithFD"] as const) {
    const begin = stream[method].bind(stream) as (...args: unknown[]) => void;
    (stream as unknown as Record<string, unknown>)[method] = (...args: unknown[]) => {
      if (!mustWait()) return begin(...args);
      throw new SessionUsageError(
        `stream.${method}() would send a head without the session's cookie, before the session is saved. ` +
          "Answer by the response instead: by writeHead, write, end or a pipe.",
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

/** The trailers can be added to, but not taken back, by what the class offers. */
function trailersOf(response: ServerResponse): Record<string, unknown> {
  const symbol = Object.getOwnPropertySymbols(response).find(({ description }) => description === "trailers");
  return (symbol && (response as unknown as Record<symbol, Record<string, unknown>>)[symbol]) ?? {};
}
