import { type ServerResponse, STATUS_CODES } from "node:http";

/**
 * Answers an error with the status of the response only, and reports it: visitors must not see error
 * messages. Ends the connection of a response that has begun.
 */
export function answerWithStatus(error: unknown, response: ServerResponse): void {
  reportError(error);
  if (response.headersSent) {
    // With the error: without one, HTTP/2 closes the stream as if it had succeeded.
    if (!response.writableEnded)
      response.destroy(error instanceof Error ? error : new Error("Failed", { cause: error }));
    return;
  }
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(describeStatus(response.statusCode));
}

/** Returns the name of a status as the text of a page. */
export function describeStatus(status: number): string {
  return `${STATUS_CODES[status] ?? "Error"}\n`;
}

/** Reports an error that no handler of the application gets. */
export function reportError(error: unknown): void {
  // An application that starts has no logger yet, and an unseen error is worse than a line on
  // stderr; Express does the same.
  // oxlint-disable-next-line no-console
  console.error(error);
}
