import * as v from "valibot";
import { CrossSiteError } from "../../core/errors.ts";
import { letStandFor } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { WebRequestInfo } from "../fetch/request-info.ts";
import { WebGate } from "../fetch/response-gate.ts";
import { checkSessions } from "../node/check-mount.ts";
import { describeStatus, reportError } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { setSession } from "./request-session.ts";
import type { ReactRouterMiddleware, ReactRouterSessionsOptions } from "./types.ts";

export { reactRouterSessionStorage } from "./session-storage.ts";
export type { SessionSource } from "../node/types.ts";
export type {
  FlashSessionData,
  ReactRouterCommitOptions,
  ReactRouterPlainSession,
  ReactRouterSession,
  ReactRouterSessionStorage,
  ReactRouterSessionStorageOptions,
} from "./storage-types.ts";
export type {
  ReactRouterArgs,
  ReactRouterContext,
  ReactRouterContextProvider,
  ReactRouterErrorHandler,
  ReactRouterMiddleware,
  ReactRouterSessionsOptions,
} from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.object({}, "a context of createContext()")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error and the arguments")),
});

/**
 * Sessions for React Router 7 in framework mode: `await sessions.from(context)` loads the session of
 * a request in loaders, actions and middleware, and its changes are saved before the first byte of
 * the response leaves. Loaders that run at the same time share one session.
 *
 * @returns Middleware for the root route.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { reactRouterSessions } from "sojourn/adapters/react-router";
 *
 * export const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * // in app/root.tsx
 * export const middleware = [reactRouterSessions(sessions)];
 * ```
 */
export function reactRouterSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: ReactRouterSessionsOptions<Data> = {},
): ReactRouterMiddleware {
  checkSessions(sessions, "reactRouterSessions", "export const middleware = [reactRouterSessions(sessions)]");
  parseSettings(optionsSchema, options, "reactRouterSessions");
  const { eager, trustProxy = false, crossSite, onError = throwError } = options;
  const rule = new CrossSiteRule(crossSite, "reactRouterSessions");
  return async (args, next) => {
    const { request, context } = args;
    letStandFor(context, request);
    const info = new WebRequestInfo(request, rule, trustProxy);
    const gate = new WebGate({ scope: sessions.scope(request, info), info, reportLate: reportError });
    const answer = async (error: unknown) => gate.pass(await onError(error, args));
    try {
      info.checkSite();
      if (eager) setSession(args, eager, await sessions.from(request));
    } catch (error) {
      return answer(error);
    }
    // Errors of loaders and actions are responses by now.
    const response = (await next()) as Response;
    return gate.pass(response).catch(answer);
  };
}

/** React Router takes the status of an error only from a response. */
function throwError(error: unknown): never {
  if (!(error instanceof CrossSiteError)) throw error;
  // oxlint-disable-next-line typescript/only-throw-error -- as React Router has it
  throw new Response(describeStatus(error.statusCode), { status: error.statusCode });
}
