import * as v from "valibot";
import { checkFunction } from "../../core/calls.ts";
import { describeValue } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { makeObjectLinks, type ObjectLinks } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { type FetchErrorHandler, fetchSessions } from "../fetch/index.ts";
import { checkSessions } from "../node/check-mount.ts";
import { statusOf } from "../node/response-head.ts";
import { reportError } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { navigationOf, navigationResponse } from "./navigation.ts";
import { readonlySession } from "./readonly-session.ts";
import { type ActionSession, RequestSessions } from "./request-session.ts";
import type { NextSessions, NextSessionsOptions, WithSessionOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type {
  LazyRouteHandler,
  NextCookies,
  NextRouteHandler,
  NextSessions,
  NextSessionsOptions,
  ReadonlyData,
  ReadonlySession,
  SessionRouteHandler,
  WithSession,
  WithSessionOptions,
} from "./types.ts";

const optionsSchema = settingsObject({
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error and the request")),
});

const wrapSchema = settingsObject({ eager: v.optional(v.boolean("true or false")) });

/**
 * `Cache-Control` of a page that reads cookies, as Next sends it. That of the proxy replaces the
 * page's, which may be the same for all visitors.
 */
const NOT_CACHED = "private, no-cache, no-store, max-age=0, must-revalidate";

/** A handler with or without the session. */
type AnyRouteHandler = (request: never, ...args: never[]) => Response | Promise<Response>;

/**
 * Sessions for the App Router of Next 16: `getSession` reads the session in server components,
 * `withSession` and `sessionAction` give it to route handlers and server actions, and
 * `refreshSession` extends it in `proxy.ts`.
 *
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { nextSessions } from "sojourn/adapters/next";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * export const { getSession, withSession, sessionAction, refreshSession } = nextSessions(sessions);
 *
 * export const GET = withSession(async (_request, session) => {
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   return Response.json({ views: session.data.views });
 * });
 * ```
 */
export function nextSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: NextSessionsOptions = {},
): NextSessions<Data> {
  checkSessions(sessions, "nextSessions", "nextSessions(sessions)");
  parseSettings(optionsSchema, options, "nextSessions");
  const { crossSite = "interrupt", onError } = options;
  const requests = new RequestSessions(sessions, new CrossSiteRule(crossSite, "nextSessions"));

  return {
    getSession: async () => {
      const { request } = await requests.current();
      return readonlySession(await sessions.from(request));
    },

    withSession: (handler: AnyRouteHandler, given: WithSessionOptions = {}) => {
      checkFunction(handler, "The handler of withSession()", SessionUsageError);
      const { eager = true } = parseSettings(wrapSchema, given, "withSession");
      const handle = async (request: Request, ...rest: readonly unknown[]): Promise<Response> => {
        await requests.link(request);
        const args = eager ? [await sessions.from(request), ...rest] : rest;
        try {
          return await handler(request as never, ...(args as never[]));
        } catch (error) {
          return navigationResponse(error);
        }
      };
      const respond = (answerError: FetchErrorHandler) =>
        fetchSessions(sessions, handle, { trustProxy: true, crossSite, onError: answerError });
      return onError === undefined ? answeringAsNext(respond) : respond(onError);
    },

    sessionAction: (action) => {
      checkFunction(action, "The action of sessionAction()", SessionUsageError);
      return async (...args) => {
        const entered = await requests.enterAction();
        try {
          const session = await sessions.from(entered.request);
          const result = await action(session, ...args);
          await commit(entered, 200);
          return result;
        } catch (error) {
          await commit(entered, navigationOf(error)?.status ?? 500);
          throw error;
        } finally {
          requests.leaveAction(entered);
        }
      };
    },

    refreshSession: async (request, response) => {
      checkProxy(request, response);
      const passed = (response ?? (await passOn())) as NonNullable<typeof response>;
      // A cookie in the response to an action empties the browser's cache of pages.
      if (request.headers.has("next-action")) return passed;
      const { request: current, scope } = await requests.current();
      // A page that uses the session meets the same error, and others need no session.
      const isLoaded = await sessions.from(current).then(
        () => true,
        () => false,
      );
      if (!isLoaded) return passed;
      await scope.finish({ status: 200, headersSent: false });
      const { setCookie } = scope.headers();
      if (setCookie.length > 0) passed.headers.set("Cache-Control", NOT_CACHED);
      for (const cookie of setCookie) passed.headers.append("Set-Cookie", cookie);
      return passed;
    },
  };
}

/**
 * Saves the session of an action, and sets its cookie. The session is not extended: a cookie that is
 * set in an action empties the browser's cache of pages, even if its value stays the same.
 */
async function commit({ scope, cookies }: ActionSession, status: number): Promise<void> {
  try {
    await scope.finish({ status, headersSent: false, isExtending: false });
  } finally {
    for (const { name, value, attributes } of scope.cookies?.() ?? []) cookies.set(name, value, attributes);
  }
}

/**
 * Leaves errors to Next, but for those that the request is to blame for, by their `statusCode`. The
 * response of Next has no cookies: that of a login before the error goes out with a response of the
 * same form.
 */
function answeringAsNext(
  respond: (onError: FetchErrorHandler) => (request: Request, ...rest: unknown[]) => Promise<Response>,
): (request: Request, ...rest: unknown[]) => Promise<Response> {
  const failures: ObjectLinks<{ readonly error: unknown }> = makeObjectLinks();
  const answer = respond((error, request) => {
    const status = statusOf(error);
    if (status >= 500) failures.set(request, { error });
    return new Response(null, { status });
  });
  return async (request, ...rest) => {
    const response = await answer(request, ...rest);
    const failure = failures.get(request);
    if (failure === undefined) return response;
    if (response.headers.getSetCookie().length === 0) throw failure.error;
    reportError(failure.error);
    return response;
  };
}

async function passOn(): Promise<Response> {
  const { NextResponse } = await import("next/server.js");
  return NextResponse.next();
}

function checkProxy(request: unknown, response: unknown): void {
  if (!(request instanceof Request)) refuseArgument("request", request);
  if (response !== undefined && !(response instanceof Response)) refuseArgument("response", response);
}

function refuseArgument(name: string, got: unknown): never {
  throw new SessionUsageError(
    `refreshSession() expected the ${name} of proxy.ts, got ${describeValue(got)}. Write ` +
      "export const proxy = (request: NextRequest) => refreshSession(request).",
  );
}
