import type { IncomingMessage, ServerResponse } from "node:http";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { resetHead } from "../node/response-head.ts";
import { holdResponse, saveEarly } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import { reportError } from "../node/status-answer.ts";
import { type ResponseGate, statusFor } from "./response-gate.ts";
import { WebHeaders } from "./web-headers.ts";

/** Node's request and response, of which a server for web handlers has made the web request. */
export interface NodePair {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/**
 * Returns Node's request and response, where a server passes them on: `@hono/node-server` and
 * `@whatwg-node/server` as an argument after the request, srvx (h3, Nitro) in the request.
 */
export function nodePairOf(request: unknown, context: unknown): NodePair | undefined {
  const { runtime } = request as { readonly runtime?: { readonly node?: unknown } };
  return pairIn(runtime?.node) ?? pairIn(context);
}

function pairIn(given: unknown): NodePair | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const { incoming, outgoing, req, res } = given as Partial<Record<string, unknown>>;
  const [request, response] = [incoming ?? req, outgoing ?? res];
  const { writeHead } = (response ?? {}) as { readonly writeHead?: unknown };
  if (typeof request !== "object" || typeof writeHead !== "function") return undefined;
  return { incoming: request as IncomingMessage, outgoing: response as ServerResponse };
}

/** Answers, by Node's response, a request whose session could not be saved. */
export type NodeAnswer = (error: unknown, outgoing: ServerResponse) => unknown;

/**
 * Gate of a response that leaves through Node's, which is held as by `nodeSessions`: the web
 * response stays as it is.
 */
export class NodeGate implements ResponseGate, ResponseHook {
  readonly scope: SessionScope;
  readonly #outgoing: ServerResponse;
  readonly #answer: NodeAnswer;

  /** @param answer Answers where the web handler no longer can: a response past it, or a late change. */
  constructor(scope: SessionScope, outgoing: ServerResponse, answer: NodeAnswer) {
    this.scope = scope;
    this.#outgoing = outgoing;
    this.#answer = answer;
    holdResponse(outgoing, this);
  }

  async pass(response: Response | undefined): Promise<Response> {
    try {
      await saveEarly(this.#outgoing, statusFor(response));
    } catch (error) {
      // A body that is being read is its reader's.
      response?.body?.cancel().catch(() => {});
      resetHead(this.#outgoing, error);
      throw error;
    }
    return response as Response;
  }

  onError(error: unknown): void {
    void this.#answerOrCut(error);
  }

  async #answerOrCut(error: unknown): Promise<void> {
    const answer = this.#answer;
    try {
      await answer(error, this.#outgoing);
    } catch (failure) {
      reportError(failure);
      this.#outgoing.destroy();
    }
  }
}

/** Sends a whole response by Node. */
export async function sendByNode(response: Response, outgoing: ServerResponse): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = new WebHeaders(response.headers);
  for (const name of headers.getHeaderNames()) outgoing.setHeader(name, headers.getHeader(name) ?? "");
  outgoing.statusCode = response.status;
  outgoing.end(body);
}
