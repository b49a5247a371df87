import type { ServerResponse } from "node:http";

/*
 * A held response looks to its users as it would if nothing were held.
 *
 * `headersSent` is `Boolean(res._header)` since Node 0.x, and all that must not happen after the head (`setHeader`,
 * `removeHeader`, a second `writeHead` …) asks the same field: with a placeholder in it, Node itself refuses with
 * ERR_HTTP_HEADERS_SENT. Node puts the field on the wire from `write`, `end` and `flushHeaders` only, which are held.
 *
 * The deprecated `finished` stays false until the real end: `server.close()` takes a connection whose response is
 * `finished` for idle and cuts it, so a graceful shutdown would lose every response that is being saved.
 */

const HEADER = "_header";

type Internals = Record<typeof HEADER, string | null>;

const PLACEHOLDER = "(held)";

/** Makes a response look as if its head were out. */
export function showHeadSent(response: ServerResponse): void {
  (response as unknown as Internals)[HEADER] = PLACEHOLDER;
}

/** Takes {@link showHeadSent} back. */
export function hideHeadSent(response: ServerResponse): void {
  const internals = response as unknown as Internals;
  if (internals[HEADER] === PLACEHOLDER) internals[HEADER] = null;
}

/** Makes a response look as if it were ended. */
export function showEnded(response: ServerResponse): void {
  Object.defineProperty(response, "writableEnded", { value: true, configurable: true });
}

/** Takes {@link showEnded} back. */
export function hideEnded(response: ServerResponse): void {
  delete (response as { writableEnded?: boolean }).writableEnded;
}
