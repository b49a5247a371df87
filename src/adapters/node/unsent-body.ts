/**
 * Ends the stream of a body that is not sent: frameworks leave it open. Bodies of other kinds need
 * nothing.
 *
 * @param body As a framework takes it: a stream of Node or of the web, a web response, or no stream.
 */
export function endUnsentBody(body: unknown): void {
  const stream = body instanceof Response ? body.body : body;
  if (stream instanceof ReadableStream) {
    // A stream that is being read is its reader's.
    stream.cancel().catch(() => {});
    return;
  }
  const { destroy } = (stream ?? {}) as { destroy?: unknown };
  if (typeof destroy === "function") destroy.call(stream);
}
