import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from "node:http";
import type { TLSSocket } from "node:tls";
import { crossSiteGuard } from "../../session/cross-site.ts";
import type { RequestFacts } from "../../session/request-contract.ts";
import { resetHead } from "./response-head.ts";
import { holdResponse } from "./response-hold.ts";
import type { NodeErrorHandler, NodeHandler, NodeSessionsOptions, SessionSource, WithSession } from "./types.ts";

export type { NodeErrorHandler, NodeHandler, NodeSessionsOptions, SessionSource, WithSession } from "./types.ts";

/**
 * Sessions for `http.createServer`: `await sessions.from(request)` loads the session of a request, and its changes are
 * saved before the first byte of the response leaves.
 *
 * @param handler May be asynchronous; its errors go to `options.onError`.
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createSojourn } from "sojourn";
 * import { nodeSessions } from "sojourn/adapters/node";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: "…" });
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
): RequestListener;
export function nodeSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: NodeHandler,
  options?: NodeSessionsOptions,
): RequestListener;
export function nodeSessions<Data extends object>(
  sessions: SessionSource<Data>,
  handler: NodeHandler<WithSession<IncomingMessage, Data>>,
  { eager = false, trustProxy = false, crossSite, onError = answerWithStatus }: NodeSessionsOptions = {},
): RequestListener {
  const guard = crossSiteGuard(crossSite, "nodeSessions");
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    guard?.(request, hostOf(request, trustProxy));
    if (eager) Object.assign(request, { session: await sessions.from(request) });
    await handler(request as WithSession<IncomingMessage, Data>, response);
  };
  return (request, response) => {
    const answer = (error: unknown): void => void answerError(onError, error, request, response);
    holdResponse(response, { scope: sessions.scope(request, factsOf(request, response, trustProxy)), onError: answer });
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) resetHead(response, error);
      answer(error);
    });
  };
}

/** An error handler that fails itself has not answered; both errors are told. */
async function answerError(
  onError: NodeErrorHandler,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await onError(error, request, response);
  } catch (failure) {
    report(error);
    answerWithStatus(failure, request, response);
  }
}

/** Says no more than the status: what an error tells is not for visitors. */
function answerWithStatus(error: unknown, _request: IncomingMessage, response: ServerResponse): void {
  report(error);
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy();
    return;
  }
  const { statusCode } = response;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`${STATUS_CODES[statusCode] ?? "Error"}\n`);
}

function report(error: unknown): void {
  // Whoever starts with the plain adapter has no logger yet, and an error that nobody sees is worse than a line on
  // stderr; Express does the same. `onError` replaces it.
  // oxlint-disable-next-line no-console
  console.error(error);
}

function factsOf(request: IncomingMessage, response: ServerResponse, trustProxy: boolean): RequestFacts {
  const forwarded = (name: string): string | undefined => (trustProxy ? firstOf(request.headers[name]) : undefined);
  return {
    cookieHeader: request.headers.cookie,
    userAgent: request.headers["user-agent"],
    isSecure() {
      const protocol = forwarded("x-forwarded-proto");
      return protocol === undefined ? isEncrypted(request) : protocol.toLowerCase() === "https";
    },
    host: () => hostOf(request, trustProxy),
    areHeadersSent: () => response.headersSent,
  };
}

function hostOf({ headers }: IncomingMessage, trustProxy: boolean): string | undefined {
  return (trustProxy ? firstOf(headers["x-forwarded-host"]) : undefined) ?? headers.host;
}

function isEncrypted({ socket }: IncomingMessage): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

/** Each proxy appends what it saw, so the first is the visitor's. */
function firstOf(header: string | readonly string[] | undefined): string | undefined {
  const first = [header ?? []].flat().join(",").split(",")[0]?.trim();
  return first === "" ? undefined : first;
}
