import type { IncomingMessage, ServerResponse } from "node:http";
import * as v from "valibot";
import { checkFunction } from "../../core/calls.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { checkSessions } from "./check-mount.ts";
import { NodeRequestInfo } from "./request-info.ts";
import { resetHead } from "./response-head.ts";
import { holdResponse, noteHandlerDone } from "./response-hold.ts";
import type { ResponseHook } from "./response-hooks.ts";
import { answerWithStatus, reportError } from "./status-answer.ts";
import type {
  NodeErrorHandler,
  NodeHandler,
  NodeListener,
  NodeSessionsOptions,
  SessionSource,
  WithSession,
} from "./types.ts";

export type {
  NodeErrorHandler,
  NodeHandler,
  NodeListener,
  NodeSessionsOptions,
  SessionSource,
  WithSession,
} from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error, the request and the response")),
});

/**
 * Sessions for `http.createServer` and `http2.createServer`: `await sessions.from(request)` loads
 * the session of a request, and its changes are saved before the first byte of the response leaves.
 *
 * @param handler May be asynchronous; its errors go to `options.onError`.
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createSojourn } from "sojourn";
 * import { nodeSessions } from "sojourn/adapters/node";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * createServer(
 *   nodeSessions(sessions, async (request, response) => {
 *     const session = await sessions.from(request);
 *     session.data.views = (session.data.views ?? 0) + 1;
 *     response.end(`${session.data.views} views`);
 *   }),
 * ).listen(3000);
 * ```
 */
export function nodeSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: NodeHandler<WithSession<IncomingMessage, Data>>,
  options: NodeSessionsOptions & { readonly eager: true },
): NodeListener;
export function nodeSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: NodeHandler,
  options?: NodeSessionsOptions,
): NodeListener;
export function nodeSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: NodeHandler<WithSession<IncomingMessage, Data>>,
  options: NodeSessionsOptions = {},
): NodeListener {
  checkSessions(sessions, "nodeSessions", "createServer(nodeSessions(sessions, handler))");
  checkFunction(handler, "The handler of nodeSessions()", SessionUsageError);
  parseSettings(optionsSchema, options, "nodeSessions");
  const { eager = false, trustProxy = false, crossSite, onError = answerByDefault } = options;
  const rule = new CrossSiteRule(crossSite, "nodeSessions");
  const handle = async (
    request: IncomingMessage,
    response: ServerResponse,
    info: NodeRequestInfo,
  ): Promise<void> => {
    info.checkSite();
    if (eager) Object.assign(request, { session: await sessions.from(request) });
    await handler(request as WithSession<IncomingMessage, Data>, response);
    noteHandlerDone(response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const info = new NodeRequestInfo(request, response, rule, trustProxy);
    const hook = new NodeHook(sessions.scope(request, info), request, response, onError);
    holdResponse(response, hook);
    handle(request, response, info).catch((error: unknown) => {
      if (!response.headersSent) resetHead(response, error);
      hook.onError(error);
    });
  };
  return listener as NodeListener;
}

class NodeHook implements ResponseHook {
  readonly scope: SessionScope;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onError: NodeErrorHandler;

  constructor(
    scope: SessionScope,
    request: IncomingMessage,
    response: ServerResponse,
    onError: NodeErrorHandler,
  ) {
    this.scope = scope;
    this.#request = request;
    this.#response = response;
    this.#onError = onError;
  }

  onError(error: unknown): void {
    void this.#answer(error);
  }

  /** An error handler that fails has not answered; both errors are reported. */
  async #answer(error: unknown): Promise<void> {
    const onError = this.#onError;
    try {
      await onError(error, this.#request, this.#response);
    } catch (failure) {
      reportError(error);
      answerOrCut(failure, this.#response);
    }
  }
}

/** Last resort: the error handler has failed. */
function answerOrCut(failure: unknown, response: ServerResponse): void {
  try {
    answerWithStatus(failure, response);
  } catch (last) {
    reportError(last);
    response.destroy();
  }
}

function answerByDefault(error: unknown, _request: IncomingMessage, response: ServerResponse): void {
  answerWithStatus(error, response);
}
