import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { checkSessions } from "../node/check-mount.ts";
import { firstOf, HttpRequestInfo } from "../node/request-info.ts";
import { holdResponse } from "../node/response-hold.ts";
import type { ResponseHook } from "../node/response-hooks.ts";
import type { SessionSource } from "../node/types.ts";
import { explainSession, setSession } from "./request-session.ts";
import type { ExpressMiddleware, ExpressNext, ExpressRequest, ExpressSessionsOptions } from "./types.ts";

export type { SessionSource, WithSession } from "../node/types.ts";
export type { ExpressMiddleware, ExpressNext, ExpressRequest, ExpressSessionsOptions } from "./types.ts";

const optionsSchema = settingsObject({
  eager: v.optional(v.boolean("true or false")),
  crossSite: v.optional(v.unknown()),
});

/**
 * Sessions for Express 5 and 4: `await sessions.from(req)` loads the session of a request, and its
 * changes are saved before the first byte of the response leaves. A failed save goes to the error
 * handlers, like an error of the handler, and the original response is not sent.
 *
 * @example
 * ```ts
 * import express from "express";
 * import { createSojourn } from "sojourn";
 * import { expressSessions } from "sojourn/adapters/express";
 *
 * const { sessions } = createSojourn<{ views?: number }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const app = express();
 * app.use(expressSessions(sessions));
 * app.get("/", async (req, res) => {
 *   const session = await sessions.from(req);
 *   session.data.views = (session.data.views ?? 0) + 1;
 *   res.send(`${session.data.views} views`);
 * });
 * ```
 */
export function expressSessions<Data extends object>(
  sessions: SessionSource<Data>,
  options: ExpressSessionsOptions = {},
): ExpressMiddleware {
  checkSessions(sessions, "expressSessions", "app.use(expressSessions(sessions))");
  parseSettings(optionsSchema, options, "expressSessions");
  const { eager = false, crossSite } = options;
  const rule = new CrossSiteRule(crossSite, "expressSessions");
  return (request, response, next) => {
    const info = new ExpressRequestInfo(request, response, rule);
    try {
      info.checkSite();
    } catch (error) {
      next(error);
      return;
    }
    holdResponse(response, new ExpressHook(sessions.scope(request, info), request, next));
    if (eager) {
      void load(request, sessions, next);
      return;
    }
    explainSession(request);
    next();
  };
}

/** {@link RequestInfo} of Express requests. Express knows its proxies by the setting `trust proxy`. */
class ExpressRequestInfo extends HttpRequestInfo<ExpressRequest> {
  isSecure(): boolean {
    return this.request.secure;
  }

  host(): string | undefined {
    return this.request.hostname;
  }

  /**
   * The host with its port. In Express 5 it is `req.host`, which lacks the port in Express 4. In
   * both, `req.hostname` follows `trust proxy`, and so shows which of the two headers to trust.
   */
  authority(): string | undefined {
    const { headers, hostname } = this.request;
    const candidates = [headers.host, firstOf(headers["x-forwarded-host"])].filter(
      (host) => host !== undefined,
    );
    return candidates.find((host) => host.replace(/:\d+$/, "") === hostname) ?? hostname;
  }
}

class ExpressHook implements ResponseHook {
  readonly scope: SessionScope;
  readonly #request: ExpressRequest;
  readonly #next: ExpressNext;

  constructor(scope: SessionScope, request: ExpressRequest, next: ExpressNext) {
    this.scope = scope;
    this.#request = request;
    this.#next = next;
  }

  onError(error: unknown): void {
    // Express keeps the `next` of the current router in `req.next`: its error handlers come before
    // ours.
    const next = (this.#request as { next?: ExpressNext }).next ?? this.#next;
    next(error);
  }
}

async function load<Data extends object>(
  request: ExpressRequest,
  sessions: SessionSource<Data>,
  next: ExpressNext,
): Promise<void> {
  try {
    setSession(request, await sessions.from(request));
  } catch (error) {
    next(error);
    return;
  }
  next();
}
