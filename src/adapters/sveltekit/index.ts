import { AsyncLocalStorage } from "node:async_hooks";
import * as v from "valibot";
import { CrossSiteError } from "../../core/errors.ts";
import { letStandFor } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { WebRequestInfo } from "../fetch/request-info.ts";
import { type ResponseGate, WebGate } from "../fetch/response-gate.ts";
import { checkSessions } from "../node/check-mount.ts";
import { describeStatus, reportError } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { setSession } from "./request-session.ts";
import type { SvelteKitEvent, SvelteKitHandle, SvelteKitSessionsOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type {
  SvelteKitCookieOptions,
  SvelteKitErrorHandler,
  SvelteKitEvent,
  SvelteKitHandle,
  SvelteKitSessionLocals,
  SvelteKitSessionsOptions,
} from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
  onError: v.optional(v.function("a function of the error and the event")),
});

/** The request that a route is working for, while it makes others by `event.fetch`. */
const CURRENT = new AsyncLocalStorage<Request>();

/**
 * Sessions for SvelteKit 2: `await sessions.from(event)` loads the session of a request in `load`,
 * form actions, endpoints and hooks, and its changes are saved before the first byte of the response
 * leaves.
 *
 * @returns A `handle` hook.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { sveltekitSessions } from "sojourn/adapters/sveltekit";
 *
 * export const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * // in src/hooks.server.ts
 * export const handle = sveltekitSessions(sessions);
 * ```
 */
export function sveltekitSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: SvelteKitSessionsOptions = {},
): SvelteKitHandle {
  checkSessions(sessions, "sveltekitSessions", "export const handle = sveltekitSessions(sessions)");
  parseSettings(optionsSchema, options, "sveltekitSessions");
  const { eager = false, crossSite, onError = answerByDefault } = options;
  const rule = new CrossSiteRule(crossSite, "sveltekitSessions");
  return async ({ event, resolve }) => {
    const { request } = event;
    const around = event.isSubRequest ? CURRENT.getStore() : undefined;
    const isApart = around !== undefined && isAnonymous(request, around);
    if (around && !isApart) {
      letStandFor(request, around);
      if (eager) setSession(event, await sessions.from(request));
      return resolve(event);
    }
    const incoming = around ? undefined : requestOfNode(event);
    if (incoming) letStandFor(request, incoming);
    const info = new WebRequestInfo(request, rule, false);
    const gate = new WebGate({ scope: sessions.scope(request, info), info, reportLate: reportError });
    const answer = async (error: unknown) => gate.pass(await onError(error, event));
    try {
      info.checkSite();
      if (eager) setSession(event, await sessions.from(request));
    } catch (error) {
      return answer(error);
    }
    let response: Response;
    try {
      response = await CURRENT.run(request, async () => resolve(event));
    } catch (error) {
      if (isRedirect(error)) await passRedirect(gate, event, error);
      throw error;
    }
    const passed = await gate.pass(response).catch(answer);
    return isApart ? withCookiesOf(response, passed) : passed;
  };
}

/** Returns whether a request was made without the cookies of the one around it. Else they share its session. */
function isAnonymous(request: Request, around: Request): boolean {
  return around.headers.has("cookie") && !request.headers.has("cookie");
}

/** SvelteKit passes the cookies of `event.fetch` on to the visitor, also without credentials. */
function withCookiesOf({ headers }: Response, passed: Response): Response {
  if (passed.headers === headers) return passed;
  passed.headers.delete("Set-Cookie");
  for (const cookie of headers.getSetCookie()) passed.headers.append("Set-Cookie", cookie);
  return passed;
}

/** Returns Node's request, whose session may have another adapter around the application. */
function requestOfNode({ platform }: SvelteKitEvent): object | undefined {
  const { req } = (platform ?? {}) as { readonly req?: unknown };
  return typeof req === "object" && req !== null ? req : undefined;
}

/** Object that `redirect()` of SvelteKit throws. */
interface Redirect {
  readonly status: number;
  readonly location: string;
}

function isRedirect(thrown: unknown): thrown is Redirect {
  const { status, location } = (thrown ?? {}) as Partial<Redirect>;
  return typeof status === "number" && typeof location === "string";
}

/**
 * Saves the session before SvelteKit answers a redirect that a hook behind has thrown. The response
 * has the cookies of the event.
 */
async function passRedirect(gate: ResponseGate, event: SvelteKitEvent, { status }: Redirect): Promise<void> {
  await gate.pass(new Response(null, { status }));
  for (const { name, value, attributes } of gate.scope.cookies?.() ?? [])
    event.cookies.set(name, value, { ...attributes, encode: String });
}

/** Answers refused requests as SvelteKit's own check does, and leaves other errors to SvelteKit. */
function answerByDefault(error: unknown): Response {
  if (!(error instanceof CrossSiteError)) throw error;
  return new Response(describeStatus(error.statusCode), { status: error.statusCode });
}
