import * as v from "valibot";
import { checkFunction } from "../../core/calls.ts";
import { describeValue } from "../../core/descriptions.ts";
import { ImproperlyConfigured, SessionUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { fetchSessions } from "../fetch/index.ts";
import { checkSessions } from "../node/check-mount.ts";
import type { SessionSource } from "../node/types.ts";
import { navigationOf } from "./navigation.ts";
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
  WithSessionOptions,
} from "./types.ts";

const optionsSchema = settingsObject({
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error and the request")),
});

const wrapSchema = settingsObject({ eager: v.optional(v.boolean("true or false")) });

const ON_EDGE =
  'the Edge runtime has none of the modules of Node.js that sessions need. Remove `runtime = "edge"` from the route.';

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
  if (process.env["NEXT_RUNTIME"] === "edge") throw new ImproperlyConfigured("nextSessions", ON_EDGE);
  checkSessions(sessions, "nextSessions", "nextSessions(sessions)");
  parseSettings(optionsSchema, options, "nextSessions");
  const { crossSite, onError } = options;
  const requests = new RequestSessions(sessions, new CrossSiteRule(crossSite, "nextSessions"));
  const answerError =
    onError ??
    ((error: unknown, request: Request) =>
      answerAsNext(error, sessions.scope(request, requests.infoOf(request))));

  return {
    getSession: async () => readonlySession(await sessions.from(await requests.current())),

    withSession: (handler: AnyRouteHandler, given: WithSessionOptions = {}) => {
      checkFunction(handler, "The handler of withSession()", SessionUsageError);
      const { eager = true } = parseSettings(wrapSchema, given, "withSession");
      const handle = async (request: Request, ...rest: readonly unknown[]): Promise<Response> => {
        await requests.link(request);
        const args = eager ? [await sessions.from(request), ...rest] : rest;
        try {
          return await handler(request as never, ...(args as never[]));
        } catch (error) {
          const navigation = navigationOf(error);
          if (navigation === undefined) throw error;
          const { status, location } = navigation;
          return new Response(null, { status, ...(location && { headers: { Location: location } }) });
        }
      };
      return fetchSessions(sessions, handle, {
        trustProxy: true,
        onError: answerError,
        ...(crossSite && { crossSite }),
      });
    },

    sessionAction: (action) => {
      checkFunction(action, "The action of sessionAction()", SessionUsageError);
      return async (...args) => {
        const entered = await requests.enterAction();
        const session = await sessions.from(entered.request);
        let result: Awaited<ReturnType<typeof action>>;
        try {
          result = await action(session, ...args);
        } catch (error) {
          await commit(entered, navigationOf(error)?.status ?? 500);
          throw error;
        }
        await commit(entered, 200);
        return result;
      };
    },

    refreshSession: async (request, response) => {
      checkProxy(request, response);
      const passed = (response ?? (await passOn())) as NonNullable<typeof response>;
      // An action whose response sets a cookie empties the browser's cache of pages.
      if (request.headers.has("next-action")) return passed;
      await requests.link(request);
      const scope = sessions.scope(request, requests.infoOf(request));
      await sessions.from(request);
      await scope.finish({ status: 200, headersSent: false });
      for (const cookie of scope.headers().setCookie) passed.headers.append("set-cookie", cookie);
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

/** Next's own error response has no cookies: that of a login before the error goes out with this one. */
function answerAsNext(error: unknown, scope: SessionScope): Response {
  if (scope.headers().setCookie.length === 0) throw error;
  // oxlint-disable-next-line no-console
  console.error(error);
  return new Response(null, { status: 500 });
}

async function passOn(): Promise<Response> {
  const { NextResponse } = await import("next/server.js");
  return NextResponse.next();
}

function checkProxy(request: unknown, response: unknown): void {
  if (!(request instanceof Request))
    throw new SessionUsageError(
      `refreshSession() expected the request of proxy.ts, got ${describeValue(request)}. Write ${PROXY}.`,
    );
  if (response !== undefined && !(response instanceof Response))
    throw new SessionUsageError(
      `refreshSession() expected the response of proxy.ts, got ${describeValue(response)}. Write ${PROXY}.`,
    );
}

const PROXY = "export const proxy = (request: NextRequest) => refreshSession(request)";
