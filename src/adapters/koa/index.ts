import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { checkSessions } from "../node/check-mount.ts";
import { HttpRequestInfo } from "../node/request-info.ts";
import { resetHead } from "../node/response-head.ts";
import { holdResponse, saveEarly } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import type { SessionSource } from "../node/types.ts";
import { endUnsentBody } from "../node/unsent-body.ts";
import { provideSession, setSession } from "./request-session.ts";
import type { KoaContext, KoaMiddleware, KoaSessionsOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type {
  KoaContext,
  KoaMiddleware,
  KoaSessionContext,
  KoaSessionsOptions,
  KoaSessionState,
} from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/**
 * Sessions for Koa 3: `await ctx.session()` loads the session of a request, and its changes
 * are saved before the first byte of the response leaves. A failed save is an error of this
 * middleware, which middleware before it can catch, and the original response is not sent.
 *
 * @example
 * ```ts
 * import Koa from "koa";
 * import { createSojourn } from "sojourn";
 * import { koaSessions } from "sojourn/adapters/koa";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = new Koa();
 * app.use(koaSessions(sessions));
 * app.use(async (ctx) => {
 *   const session = await sessions.from(ctx);
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   ctx.body = `${session.data.views} views`;
 * });
 * ```
 */
export function koaSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: KoaSessionsOptions = {},
): KoaMiddleware<Data> {
  checkSessions(sessions, "koaSessions", "app.use(koaSessions(sessions))");
  parseSettings(optionsSchema, options, "koaSessions");
  const { eager = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "koaSessions");
  return async (ctx, next) => {
    const info = new KoaRequestInfo(ctx, rule);
    info.checkSite();
    holdResponse(ctx.res, new KoaHook(sessions.scope(ctx, info), ctx));
    provideSession(ctx, sessions);
    if (eager) setSession(ctx, await sessions.from(ctx));
    await next();
    if (ctx.respond === false) return;
    // Here an error still goes to the middleware before this one.
    const saving = saveEarly(ctx.res, ctx.res.statusCode);
    if (saving === undefined) return;
    try {
      await saving;
    } catch (error) {
      refuse(ctx, error);
    }
  };
}

/** {@link RequestInfo} of Koa requests. Koa knows its proxies by the setting `proxy`. */
class KoaRequestInfo extends HttpRequestInfo<IncomingMessage> {
  readonly #ctx: KoaContext;

  constructor(ctx: KoaContext, crossSite: CrossSiteRule) {
    super(ctx.req, ctx.res, crossSite);
    this.#ctx = ctx;
  }

  isSecure(): boolean {
    return this.#ctx.secure;
  }

  host(): string | undefined {
    return this.authority();
  }

  authority(): string | undefined {
    const { host } = this.#ctx;
    return host === "" ? undefined : host;
  }
}

class KoaHook implements ResponseHook {
  readonly scope: SessionScope;
  readonly #ctx: KoaContext;

  constructor(scope: SessionScope, ctx: KoaContext) {
    this.scope = scope;
    this.#ctx = ctx;
  }

  /** A response past Koa, or a late change: all middleware is done. */
  onError(error: unknown): void {
    this.#ctx.onerror(error as Error);
  }
}

/** Takes back the response that could not be saved. */
function refuse(ctx: KoaContext, error: unknown): never {
  const { body } = ctx;
  ctx.body = undefined;
  endUnsentBody(body);
  resetHead(ctx.res, error);
  throw error;
}
