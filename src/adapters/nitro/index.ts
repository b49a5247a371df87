import * as v from "valibot";
import { isSojournError } from "../../core/errors.ts";
import { letStandFor } from "../../core/object-links.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { checkSessions } from "../node/check-mount.ts";
import { NodeRequestInfo } from "../node/request-info.ts";
import { resetHead, statusOf } from "../node/response-head.ts";
import { holdResponse, noteHandlerDone, saveEarly } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import { answerWithStatus } from "../node/status-answer.ts";
import type { SessionSource } from "../node/types.ts";
import { endUnsentBody } from "../node/unsent-body.ts";
import { answerInternally, isOfNode } from "./internal-response.ts";
import { toNitroError } from "./nitro-error.ts";
import { keepSession, setSession } from "./request-session.ts";
import type { NitroApplication, NitroEvent, NitroPlugin, NitroSessionsOptions } from "./types.ts";

export type { SessionSource } from "../node/types.ts";
export type {
  NitroApplication,
  NitroError,
  NitroEvent,
  NitroPlugin,
  NitroSessionsOptions,
  WithSession,
} from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  trustProxy: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/**
 * Sessions for Nitro 2, and so for Nuxt 3 and 4: a plugin. `await sessions.from(event)` loads the
 * session of a request, and its changes are saved before the first byte of the response leaves. A
 * failed save goes to the error handler of Nitro, and the original response is not sent.
 *
 * @example
 * ```ts
 * // server/plugins/sessions.ts
 * import { createSojourn } from "sojourn";
 * import { nitroSessions } from "sojourn/adapters/nitro";
 *
 * export const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * export default nitroSessions(sessions);
 * ```
 */
export function nitroSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: NitroSessionsOptions = {},
): NitroPlugin {
  checkSessions(sessions, "nitroSessions", "export default nitroSessions(sessions)");
  parseSettings(optionsSchema, options, "nitroSessions");
  const { eager = false, trustProxy = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "nitroSessions");
  return (application) => {
    const { h3App } = application;
    const handle = h3App.handler.bind(h3App);
    h3App.handler = async (event) => {
      const { req, res } = event.node;
      const info = new NodeRequestInfo(req, res, rule, trustProxy);
      info.checkSite();
      const scope = sessions.scope(req, info);
      letStandFor(event, req);
      const run = async (): Promise<unknown> => {
        try {
          if (eager) setSession(event, await sessions.from(event));
          return await handle(event);
        } catch (error) {
          throw isSojournError(error) ? toNitroError(error) : error;
        }
      };
      if (!isOfNode(res)) return answerInternally(event, scope, run);
      holdResponse(res, new NitroHook(scope, event, application));
      await run();
      noteHandlerDone(res);
    };
    if (eager) keepSessions(application);
    saveBeforeResponses(application);
  };
}

/** Keeps `event.context.session` as it is when Nitro gives an event another context. */
function keepSessions({ h3App: { options } }: NitroApplication): void {
  const onRequest = options.onRequest?.bind(options);
  options.onRequest = async (event) => {
    await onRequest?.(event);
    keepSession(event);
  };
}

/** Saves sessions while an error still goes to the error handler of Nitro, as one of a handler does. */
function saveBeforeResponses({ h3App: { options } }: NitroApplication): void {
  const before = options.onBeforeResponse?.bind(options);
  options.onBeforeResponse = async (event, response) => {
    await before?.(event, response);
    const { body } = response;
    const { res } = event.node;
    try {
      await saveEarly(res, statusFor(res.statusCode, body));
    } catch (error) {
      response.body = undefined;
      endUnsentBody(body);
      resetHead(res, error);
      throw toNitroError(error);
    }
  };
}

/** Returns the status of the response to the value of a handler. */
function statusFor(status: number, body: unknown): number {
  if (body instanceof Error) return statusOf(body);
  return body instanceof Response ? body.status : status;
}

class NitroHook implements ResponseHook {
  readonly scope: SessionScope;
  readonly #event: NitroEvent;
  readonly #application: NitroApplication;

  constructor(scope: SessionScope, event: NitroEvent, application: NitroApplication) {
    this.scope = scope;
    this.#event = event;
    this.#application = application;
  }

  /** A response past h3, such as that of `sendRedirect`, or a late change. */
  onError(error: unknown): void {
    void this.#answer(error);
  }

  async #answer(error: unknown): Promise<void> {
    const { options } = this.#application.h3App;
    const { res } = this.#event.node;
    try {
      if (!res.headersSent) await options.onError?.(toNitroError(error), this.#event);
    } catch (failure) {
      answerWithStatus(failure, res);
    }
    if (!res.headersSent && !res.writableEnded) answerWithStatus(error, res);
  }
}
