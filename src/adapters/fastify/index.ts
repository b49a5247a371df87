import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { checkSessions } from "../node/check-mount.ts";
import { HttpRequestInfo } from "../node/request-info.ts";
import { describesBody, statusOf } from "../node/response-head.ts";
import { holdResponse, saveEarly } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import type { SessionSource } from "../node/types.ts";
import { endUnsentBody } from "../node/unsent-body.ts";
import { decorateRequests, setSession } from "./request-session.ts";
import type {
  FastifyInstance,
  FastifyPlugin,
  FastifyReply,
  FastifyRequest,
  FastifySessionsOptions,
} from "./types.ts";

export type { SessionSource, WithSession } from "../node/types.ts";
export type {
  FastifyInstance,
  FastifyPlugin,
  FastifyReply,
  FastifyRequest,
  FastifySessionsOptions,
} from "./types.ts";

/** Callback of a hook. */
type Done = (error?: Error | null, payload?: unknown) => void;

/** Fastify's instance, with the types of the hooks that the adapter adds. */
interface Hooks {
  addHook(
    name: "onRequest",
    hook: (request: FastifyRequest, reply: FastifyReply, done: Done) => void,
  ): unknown;
  addHook(name: "onSend", hook: typeof save): unknown;
}

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/**
 * As of fastify-plugin: hooks and decorators belong to the scope that registers the plugin, and to
 * those within.
 */
const PLUGIN_PROPERTIES = {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "fastifySessions",
  [Symbol.for("plugin-meta")]: { name: "fastifySessions", fastify: "5.x" },
};

/**
 * Sessions for Fastify 5: `await sessions.from(request)` loads the session of a request, and its
 * changes are saved before the first byte of the response leaves. A failed save goes to the error
 * handler, like an error of the handler, and the original response is not sent.
 *
 * Registered at the root, it is there for all routes; registered within a scope, for that scope.
 *
 * @example
 * ```ts
 * import fastify from "fastify";
 * import { createSojourn } from "sojourn";
 * import { fastifySessions } from "sojourn/adapters/fastify";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = fastify();
 * await app.register(fastifySessions(sessions));
 * app.get("/", async (request) => {
 *   const session = await sessions.from(request);
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   return { views: session.data.views };
 * });
 * ```
 */
export function fastifySessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: FastifySessionsOptions = {},
): FastifyPlugin {
  checkSessions(sessions, "fastifySessions", "app.register(fastifySessions(sessions))");
  parseSettings(optionsSchema, options, "fastifySessions");
  const { eager = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "fastifySessions");
  const begin = (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
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
  const plugin = (instance: FastifyInstance, _options: object, done: (error?: Error) => void): void => {
    if (eager) decorateRequests(instance);
    const hooks = instance as unknown as Hooks;
    hooks.addHook("onRequest", begin);
    hooks.addHook("onSend", save);
    done();
  };
  return Object.assign(plugin, PLUGIN_PROPERTIES);
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

/** `onSend`: here an error still goes to the error handler, and Fastify has written nothing. */
function save(_request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void {
  const status = payload instanceof Response ? payload.status : reply.statusCode;
  const saving = saveEarly(responseOf(reply), status);
  if (saving === undefined) {
    done(null, payload);
    return;
  }
  saving.then(
    () => done(null, payload),
    (error: unknown) => {
      endUnsentBody(payload);
      resetReply(reply, error);
      done(asError(error));
    },
  );
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
function resetReply(reply: FastifyReply, error: unknown): void {
  for (const name of Object.keys(reply.getHeaders())) if (describesBody(name)) reply.removeHeader(name);
  reply.code(statusOf(error));
}

/** The compatibility API of HTTP/2 has the same methods. */
function responseOf(reply: FastifyReply): ServerResponse {
  return reply.raw as ServerResponse;
}

/** Fastify takes other values for payloads. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("The session has failed.", { cause: error });
}
