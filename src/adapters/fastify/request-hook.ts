import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { HttpRequestInfo } from "../node/request-info.ts";
import { describesBody, statusOf } from "../node/response-head.ts";
import { holdResponse } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import type { SessionSource } from "../node/types.ts";
import { setSession } from "./request-session.ts";
import type { FastifyReply, FastifyRequest } from "./types.ts";

/** Callback of a hook. */
export type Done = (error?: Error | null, payload?: unknown) => void;

/** A hook `onRequest`. */
export type RequestHook = (request: FastifyRequest, reply: FastifyReply, done: Done) => void;

/** Returns the hook that begins a request. A second call for a request changes nothing. */
export function requestHook<Data extends object>(
  sessions: SessionSource<Data>,
  rule: CrossSiteRule,
  eager: boolean,
): RequestHook {
  return (request, reply, done) => {
    const info = new FastifyRequestInfo(request, reply, rule);
    try {
      info.checkSite();
    } catch (error) {
      done(asError(error));
      return;
    }
    holdResponse(responseOf(reply), new FastifyHook(sessions.scope(request, info), reply));
    if (eager) void load(request, sessions, done);
    else done();
  };
}

/** {@link RequestInfo} of Fastify requests. Fastify knows its proxies by the setting `trustProxy`. */
class FastifyRequestInfo extends HttpRequestInfo<IncomingMessage> {
  readonly #request: FastifyRequest;

  constructor(request: FastifyRequest, reply: FastifyReply, crossSite: CrossSiteRule) {
    super(request.raw as IncomingMessage, responseOf(reply), crossSite);
    this.#request = request;
  }

  isSecure(): boolean {
    return this.#request.protocol === "https";
  }

  host(): string | undefined {
    return this.authority();
  }

  authority(): string | undefined {
    const { host } = this.#request;
    return host === "" ? undefined : host;
  }
}

class FastifyHook implements ResponseHook {
  readonly scope: SessionScope;
  readonly #reply: FastifyReply;

  constructor(scope: SessionScope, reply: FastifyReply) {
    this.scope = scope;
    this.#reply = reply;
  }

  /** A response that was not sent by `reply.send()`, or a late change. */
  onError(error: unknown): void {
    const reply = this.#reply;
    const response = responseOf(reply);
    if (!response.headersSent && !reply.sent) {
      resetReply(reply, error);
      reply.send(asError(error));
      return;
    }
    reply.log.error({ err: error }, "A session could not be saved.");
    if (response.headersSent) return;
    // After `reply.hijack()` Fastify sends nothing.
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(`${STATUS_CODES[response.statusCode] ?? "Error"}\n`);
  }
}

async function load<Data extends object>(
  request: FastifyRequest,
  sessions: SessionSource<Data>,
  done: Done,
): Promise<void> {
  try {
    setSession(request, await sessions.from(request));
  } catch (error) {
    done(asError(error));
    return;
  }
  done();
}

/** Removes the headers that describe the body, and sets the status of the error. */
export function resetReply(reply: FastifyReply, error: unknown): void {
  for (const name of Object.keys(reply.getHeaders())) if (describesBody(name)) reply.removeHeader(name);
  reply.code(statusOf(error));
}

/** The compatibility API of HTTP/2 has the same methods. */
export function responseOf(reply: FastifyReply): ServerResponse {
  return reply.raw as ServerResponse;
}

/** Fastify takes other values for payloads. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("The session has failed.", { cause: error });
}
