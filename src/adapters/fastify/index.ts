import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { checkSessions } from "../node/check-mount.ts";
import { saveAsEnded } from "../node/response-hold.ts";
import type { SessionSource } from "../node/types.ts";
import { endUnsentBody } from "../node/unsent-body.ts";
import { asError, type Done, type RequestHook, requestHook, resetReply, responseOf } from "./request-hook.ts";
import { decorateRequests } from "./request-session.ts";
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

/** Fastify's instance, with the types of the hooks that the adapter adds. */
interface Hooks {
  addHook(name: "onRequest", hook: RequestHook): unknown;
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
  const begin = requestHook(sessions, new CrossSiteRule(crossSite, "fastifySessions"), eager);
  const plugin = (instance: FastifyInstance, _options: object, done: (error?: Error) => void): void => {
    if (eager) decorateRequests(instance);
    const hooks = instance as unknown as Hooks;
    hooks.addHook("onRequest", begin);
    hooks.addHook("onSend", save);
    done();
  };
  return Object.assign(plugin, PLUGIN_PROPERTIES);
}

/** `onSend`: here an error still goes to the error handler, and Fastify has written nothing. */
function save(_request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void {
  const status = payload instanceof Response ? payload.status : reply.statusCode;
  const onSaved = (): void => done(null, payload);
  const onFailed = (error: unknown): void => {
    endUnsentBody(payload);
    resetReply(reply, error);
    done(asError(error));
  };
  // An async handler may return between any two promise jobs, and Fastify then asks whether it has answered.
  if (saveAsEnded(responseOf(reply), status, onSaved, onFailed) === undefined) onSaved();
}
