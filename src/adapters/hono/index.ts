import * as v from "valibot";
import { letStandFor } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { openGate } from "../fetch/open-gate.ts";
import { WebRequestInfo } from "../fetch/request-info.ts";
import type { ResponseGate } from "../fetch/response-gate.ts";
import { checkSessions } from "../node/check-mount.ts";
import { describesBody, statusOf } from "../node/response-head.ts";
import { warnOfFailure } from "../node/response-hooks.ts";
import { answerWithStatus, reportError } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { setSession } from "./request-session.ts";
import type { HonoContext, HonoMiddleware, HonoSessionsOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type { HonoContext, HonoMiddleware, HonoSessionsOptions, SessionVariables } from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/**
 * Sessions for Hono 4: `await sessions.from(c)` loads the session of a request, and its changes are
 * saved before the first byte of the response leaves. A failed save goes to `app.onError`, like an
 * error of the handler, and the original response is not sent.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { createSojourn } from "sojourn";
 * import { honoSessions } from "sojourn/adapters/hono";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = new Hono();
 * app.use(honoSessions(sessions));
 * app.get("/", async (c) => {
 *   const session = await sessions.from(c);
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   return c.text(`${session.data.views} views`);
 * });
 * ```
 */
export function honoSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: HonoSessionsOptions = {},
): HonoMiddleware {
  checkSessions(sessions, "honoSessions", "app.use(honoSessions(sessions))");
  parseSettings(optionsSchema, options, "honoSessions");
  const { eager = false, trustProxy = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "honoSessions");
  return async (context, next) => {
    const request = context.req.raw;
    const info = new WebRequestInfo(request, rule, trustProxy);
    info.checkSite();
    const gate = openGate(sessions, {
      request,
      context: context.env,
      info,
      reportLate: reportError,
      answerByNode: answerWithStatus,
    });
    letStandFor(context, request);
    if (eager) setSession(context, await sessions.from(context));
    await next();
    // An error of a handler is a response by now. Without one, Hono throws an error of its own.
    if (context.finalized) await save(context, gate);
  };
}

async function save(context: HonoContext, gate: ResponseGate): Promise<void> {
  const { res } = context;
  try {
    const passed = await gate.pass(res);
    if (passed !== res) replaceResponse(context, passed);
  } catch (error) {
    replaceResponse(context, await passError(gate, res.headers, error));
    throw error;
  }
}

/**
 * Returns the response that `app.onError` adds to: the headers that do not describe the body, and
 * the cookie of a login before the error.
 */
async function passError(gate: ResponseGate, headers: Headers, error: unknown): Promise<Response> {
  const kept = new Headers(headers);
  for (const name of headers.keys()) if (describesBody(name)) kept.delete(name);
  const response = new Response(null, { status: statusOf(error), headers: kept });
  try {
    return await gate.pass(response);
  } catch (failure) {
    warnOfFailure(failure);
    return response;
  }
}

/** Hono copies the headers of the response before, unless that is removed first. */
function replaceResponse(context: HonoContext, response: Response): void {
  (context as { res: Response | undefined }).res = undefined;
  context.res = response;
}
