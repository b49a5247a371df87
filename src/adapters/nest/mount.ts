import type { HttpAdapterHost } from "@nestjs/core";
import { ImproperlyConfigured, SojournError } from "../../core/errors.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { expressSessions } from "../express/index.ts";
import { type FastifyInstance, type FastifyPlugin, fastifySessions } from "../fastify/index.ts";
import { type RequestHook, requestHook } from "../fastify/request-hook.ts";
import { setSource } from "./request-session.ts";
import type { SessionsModuleOptions } from "./types.ts";

type HttpAdapter = HttpAdapterHost["httpAdapter"];

/** Mounts the sessions on the server of an application, before all of its middleware and routes. */
export function mount(adapter: HttpAdapter, options: SessionsModuleOptions<object>): void {
  const type = adapter.getType();
  if (type === "express") mountOnExpress(adapter, options);
  else if (type === "fastify") mountOnFastify(adapter, options);
  else
    throw new ImproperlyConfigured("SessionsModule", `expected Express or Fastify beneath, got "${type}".`);
  setSource(adapter.getInstance<object>(), options.sessions);
  passOwnErrors(adapter);
}

function mountOnExpress(adapter: HttpAdapter, { sessions, ...options }: SessionsModuleOptions<object>): void {
  adapter.use(expressSessions(sessions, options));
}

/**
 * Nest has registered the hook that runs its middleware before it makes modules: one of the plugin
 * would come after. The hook that the adapter calls first is a single one, so the plugin begins
 * requests as well: should another library replace that hook, only middleware goes without.
 */
function mountOnFastify(adapter: HttpAdapter, { sessions, ...options }: SessionsModuleOptions<object>): void {
  const { eager = false, crossSite } = options;
  const begin = requestHook(sessions, new CrossSiteRule(crossSite, "SessionsModule"), eager);
  // Private in its type: the hook that another library has set.
  const { onRequestHook: next } = adapter as { onRequestHook?: RequestHook };
  adapter.setOnRequestHook(next === undefined ? begin : inTurn(begin, next.bind(adapter)));
  const instance = adapter.getInstance<FastifyInstance & { register(plugin: FastifyPlugin): unknown }>();
  instance.register(fastifySessions(sessions, options));
}

function inTurn(first: RequestHook, second: RequestHook): RequestHook {
  return (request, reply, done) =>
    first(request, reply, (error) => (error ? done(error) : second(request, reply, done)));
}

/**
 * Nest 12 turns errors with a status, of middleware and of the server, into an `HttpException`:
 * filters for our errors would miss those. Nest 11 has no such method.
 */
function passOwnErrors(adapter: Partial<Pick<HttpAdapter, "mapException">>): void {
  const mapException = adapter.mapException?.bind(adapter);
  if (mapException === undefined) return;
  adapter.mapException = (error) => (error instanceof SojournError ? error : mapException(error));
}
