import { ServerResponse } from "node:http";
import { Http2ServerResponse } from "node:http2";
import { describesBody, editHead, statusOf } from "../node/response-head.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { toNitroError } from "./nitro-error.ts";
import type { NitroEvent } from "./types.ts";

/** Returns whether a response is one of Node, and none that Nitro makes for a request within the process. */
export function isOfNode(response: object): boolean {
  return response instanceof ServerResponse || response instanceof Http2ServerResponse;
}

/**
 * Runs the handler of a request that Nitro makes within the process, such as `$fetch("/api")` on the
 * server. The response is complete before the caller reads it, so the session is saved then.
 */
export async function answerInternally(
  event: NitroEvent,
  scope: SessionScope,
  handle: () => unknown,
): Promise<void> {
  const { res } = event.node;
  try {
    await handle();
  } catch (error) {
    await scope.finish({ status: statusOf(error), headersSent: false });
    editHead(res, scope);
    throw error;
  }
  try {
    await scope.finish({ status: res.statusCode, headersSent: false });
    editHead(res, scope);
  } catch (error) {
    beginAgain(event);
    // A login before it has happened.
    editHead(res, scope);
    throw toNitroError(error);
  }
}

/** Makes a response as if nothing had been written, for that to the error. */
function beginAgain(event: NitroEvent): void {
  const { res } = event.node;
  for (const name of res.getHeaderNames()) if (describesBody(name)) res.removeHeader(name);
  // The members of the response of node-mock-http 1, which Nitro reads when the handlers are done.
  const fresh = { _data: undefined, writableEnded: false, writableFinished: false, headersSent: false };
  Object.assign(res, fresh);
  Object.assign(event, { _handled: false });
}
