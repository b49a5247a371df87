import type { ServerResponse } from "node:http";
import * as v from "valibot";
import { checkFunction } from "../../core/calls.ts";
import { describeKind } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { checkSessions } from "../node/check-mount.ts";
import { statusOf } from "../node/response-head.ts";
import { warnOfFailure } from "../node/response-hooks.ts";
import { describeStatus, reportError } from "../node/status-answer.ts";
import type { SessionSource, WithSession } from "../node/types.ts";
import { sendByNode } from "./node-gate.ts";
import { openGate } from "./open-gate.ts";
import { WebRequestInfo } from "./request-info.ts";
import type { ResponseGate } from "./response-gate.ts";
import type { FetchErrorHandler, FetchHandler, FetchSessionsOptions } from "./types.ts";

export type { SessionSource, WithSession } from "../node/types.ts";
export type { FetchErrorHandler, FetchHandler, FetchSessionsOptions } from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error and the request")),
});

/**
 * Sessions for handlers of web requests, on Node, Bun and Deno: `await sessions.from(request)` loads
 * the session of a request, and its changes are saved before the first byte of the response leaves.
 *
 * @param handler May be asynchronous; its errors go to `options.onError`.
 * @returns A handler for the server, with the arguments of the given one.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { fetchSessions } from "sojourn/adapters/fetch";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * export default {
 *   fetch: fetchSessions(sessions, async (request) => {
 *     const session = await sessions.from(request);
 *     session.data.views = (session.data.views ?? 0) + 1;
 *     return new Response(`${session.data.views} views`);
 *   }),
 * };
 * ```
 */
export function fetchSessions<
  Data extends object,
  WebRequest extends Request = Request,
  Rest extends unknown[] = unknown[],
>(
  sessions: SessionSource<Data>,
  handler: FetchHandler<WithSession<WebRequest, Data>, Rest>,
  options: FetchSessionsOptions & { readonly eager: true },
): (request: WebRequest, ...rest: Rest) => Promise<Response>;
export function fetchSessions<
  Data extends object,
  WebRequest extends Request = Request,
  Rest extends unknown[] = unknown[],
>(
  sessions: SessionSource<Data>,
  handler: FetchHandler<WebRequest, Rest>,
  options?: FetchSessionsOptions,
): (request: WebRequest, ...rest: Rest) => Promise<Response>;
export function fetchSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: FetchHandler<WithSession<Request, Data>>,
  options: FetchSessionsOptions = {},
): (request: Request, ...rest: unknown[]) => Promise<Response> {
  checkSessions(sessions, "fetchSessions", "fetchSessions(sessions, (request) => response)");
  checkFunction(handler, "The handler of fetchSessions()", SessionUsageError);
  parseSettings(optionsSchema, options, "fetchSessions");
  const { eager = false, trustProxy = false, crossSite, onError = answerByDefault } = options;
  const rule = new CrossSiteRule(crossSite, "fetchSessions");
  return async (request, ...rest) => {
    const info = new WebRequestInfo(request, rule, trustProxy);
    const answers = new Answers(request, onError);
    const gate = openGate(sessions, {
      request,
      context: rest[0],
      info,
      reportLate: (error) => void answers.to(error),
      answerByNode: (error, outgoing) => answers.send(error, outgoing),
    });
    try {
      info.checkSite();
      if (eager) Object.assign(request, { session: await sessions.from(request) });
      return await gate.pass(await handler(request as WithSession<Request, Data>, ...rest));
    } catch (error) {
      return passAnswer(gate, answers, error);
    }
  };
}

/** The error response of a 4xx saves changes of the session too, which may fail in turn. */
async function passAnswer(gate: ResponseGate, answers: Answers, error: unknown): Promise<Response> {
  try {
    return await gate.pass(await answers.to(error));
  } catch (failure) {
    const answer = await answers.to(failure);
    return gate.pass(answer).catch(answerBarely);
  }
}

/** Responses to errors of one request. */
class Answers {
  readonly #request: Request;
  readonly #onError: FetchErrorHandler;

  constructor(request: Request, onError: FetchErrorHandler) {
    this.#request = request;
    this.#onError = onError;
  }

  /** An error handler that fails has not answered; both errors are reported. */
  async to(error: unknown): Promise<Response> {
    const onError = this.#onError;
    try {
      const answer: unknown = await onError(error, this.#request);
      if (answer instanceof Response) return answer;
      throw new SessionUsageError(
        `The option onError of fetchSessions() expected to return a Response, got ${describeKind(answer)}.`,
      );
    } catch (failure) {
      reportError(error);
      return answerByDefault(failure);
    }
  }

  /** Sends the response to an error by Node, if it can still be sent. */
  async send(error: unknown, outgoing: ServerResponse): Promise<void> {
    const response = await this.to(error);
    if (!outgoing.headersSent) await sendByNode(response, outgoing);
  }
}

/** Last resort: headers of the session that cannot be built, so that no response can carry them. */
function answerBarely(failure: unknown): Response {
  warnOfFailure(failure);
  return new Response(null, { status: 500 });
}

/** Sends the status only: visitors must not see error messages. */
function answerByDefault(error: unknown): Response {
  reportError(error);
  const status = statusOf(error);
  return new Response(describeStatus(status), { status });
}
