import * as v from "valibot";
import { letEventStandForRequest } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { openGate } from "../fetch/open-gate.ts";
import { WebRequestInfo } from "../fetch/request-info.ts";
import type { ResponseGate } from "../fetch/response-gate.ts";
import { checkSessions } from "../node/check-mount.ts";
import { describesBody } from "../node/response-head.ts";
import { answerWithStatus, reportError } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { type H3Module, isEarly, renewHeaders, toValue, withOwnProtocol } from "./early-h3.ts";
import { setSession } from "./request-session.ts";
import type { H3Event, H3Middleware, H3SessionsOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type { H3Event, H3Middleware, H3SessionsOptions, WithSession } from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/** A handler's value for "no such page", which h3 does not export. */
const NOT_FOUND = Symbol.for("h3.notFound");

/**
 * Sessions for h3 2: `await sessions.from(event)` loads the session of a request, and its
 * changes are saved before the first byte of the response leaves. A failed save goes to `onError` of
 * the application, like an error of the handler, and the original response is not sent.
 *
 * @example
 * ```ts
 * import { H3, serve } from "h3";
 * import { createSojourn } from "sojourn";
 * import { h3Sessions } from "sojourn/adapters/h3";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = new H3();
 * app.use(h3Sessions(sessions));
 * app.get("/", async (event) => {
 *   const session = await sessions.from(event);
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   return `${session.data.views} views`;
 * });
 * serve(app, { port: 3000 });
 * ```
 */
export function h3Sessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: H3SessionsOptions = {},
): H3Middleware {
  checkSessions(sessions, "h3Sessions", "app.use(h3Sessions(sessions))");
  parseSettings(optionsSchema, options, "h3Sessions");
  const { eager = false, trustProxy = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "h3Sessions");
  return async (event, next) => {
    const { req: request } = event;
    const info = new WebRequestInfo(isEarly(event) ? withOwnProtocol(request) : request, rule, trustProxy);
    info.checkSite();
    const gate = openGate(sessions, {
      request,
      context: undefined,
      info,
      reportLate: reportError,
      answerByNode: answerWithStatus,
    });
    letEventStandForRequest(event);
    if (eager) setSession(event, await sessions.from(event));
    return pass(gate, event, next);
  };
}

/**
 * Makes the response of a handler's value or error as h3 does, with the application's `onError`. h3 itself calls
 * `onResponse`, with the response that the middleware returns.
 */
async function pass(gate: ResponseGate, event: H3Event, next: () => unknown): Promise<unknown> {
  loadedH3 ??= import("h3") as Promise<unknown> as Promise<H3Module>;
  const h3 = await loadedH3;
  const value = call(next);
  // Another application may have the page.
  if (!gate.scope.isUsed && (await value.catch(() => {})) === NOT_FOUND) return NOT_FOUND;
  const config = { ...event.app?.config, onResponse() {} };
  const early = isEarly(event);
  const { res } = event;
  const answer = async (given: Promise<unknown>): Promise<unknown> => {
    const response = await h3.toResponse(given, event, config);
    if (early) renewHeaders(event);
    const passed = await gate.pass(response);
    return early ? toValue(passed, h3) : passed;
  };
  try {
    return await answer(value);
  } catch (error) {
    keepHeaders(res, event.res);
    return answer(call(() => throwAgain(error)));
  }
}

async function call(next: () => unknown): Promise<unknown> {
  return next();
}

function throwAgain(error: unknown): never {
  throw error;
}

/** The framework is an optional peer. An import of a module that is there takes longer than this. */
let loadedH3: Promise<H3Module> | undefined;

/** h3 gives an event new headers once it has made a response. The response to an error needs the old ones too. */
function keepHeaders(old: H3Event["res"], current: H3Event["res"]): void {
  if (old === current) return;
  for (const [name, value] of old.errHeaders ?? []) current.errHeaders?.append(name, value);
  for (const [name, value] of old.headers) if (!describesBody(name)) current.headers.append(name, value);
}
