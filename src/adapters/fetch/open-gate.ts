import type { ServerResponse } from "node:http";
import { letStandFor } from "../../core/object-links.ts";
import type { SessionSource } from "../node/types.ts";
import { NodeGate, nodePairOf } from "./node-gate.ts";
import type { WebRequestInfo } from "./request-info.ts";
import { type ResponseGate, WebGate } from "./response-gate.ts";

/** Parts of {@link openGate}. */
export interface GateParts {
  readonly request: Request;
  /** The object that a server passes on beside the request, perhaps with Node's response. */
  readonly context: unknown;
  readonly info: WebRequestInfo;
  /** Called when changes of a stream could not be saved. The stream has been cut. */
  readonly reportLate: (error: unknown) => void;
  /** Answers, by Node's response, an error of a response past the web handler. */
  readonly answerByNode: (error: unknown, outgoing: ServerResponse) => unknown;
}

/**
 * Returns the gate for the response to a request: Node's response is held where the server gives it,
 * which leaves the web response as it is.
 */
export function openGate<Data extends object>(
  sessions: SessionSource<Data>,
  { request, context, info, reportLate, answerByNode }: GateParts,
): ResponseGate {
  const node = nodePairOf(request, context);
  if (node) letStandFor(request, node.incoming);
  const scope = sessions.scope(request, info);
  return node ? new NodeGate(scope, node.outgoing, answerByNode) : new WebGate({ scope, info, reportLate });
}
