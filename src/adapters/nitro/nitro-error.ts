import { statusOf } from "../node/response-head.ts";
import type { NitroError } from "./types.ts";

/**
 * Returns an error with a given one as its `cause`, as h3 makes it of one that a handler throws. Of an
 * error that has a `cause` itself, such as one of the connection, h3 1.15 keeps that cause alone.
 */
export function toNitroError(error: unknown): NitroError {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message, { cause: error }), {
    statusCode: statusOf(error),
    unhandled: true,
  });
}
