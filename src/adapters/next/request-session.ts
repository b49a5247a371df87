import { SessionUsageError } from "../../core/errors.ts";
import { makeObjectLinks, type ObjectLinks } from "../../core/object-links.ts";
import type { CrossSiteRule } from "../../session/http/cross-site.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { WebRequestInfo } from "../fetch/request-info.ts";
import type { SessionSource } from "../node/types.ts";
import type { NextCookies } from "./types.ts";

/** The session of the request that Next is answering. */
export interface CurrentSession {
  /** Object that stands for the request in `sessions.from()`. */
  readonly request: object;
  readonly scope: SessionScope;
}

/** The same in a server action. */
export interface ActionSession extends CurrentSession {
  /** Cookies of the response. */
  readonly cookies: NextCookies;
  /** Whether no other action or route handler has called this one: the response follows. */
  readonly isOuter: boolean;
}

/**
 * Finds the session of the request that Next is answering.
 *
 * Components and actions get no request. The object that `headers()` returns is the same in all of
 * them, and in the render after an action, so it stands for the request.
 */
export class RequestSessions<Data extends object> {
  readonly #sessions: SessionSource<Data>;
  readonly #rule: CrossSiteRule;
  /** Requests of route handlers, by the headers that Next gives for them. */
  readonly #requests: ObjectLinks<Request> = makeObjectLinks();
  /** Requests of which an action is running. */
  readonly #acting = new WeakSet<object>();

  constructor(sessions: SessionSource<Data>, rule: CrossSiteRule) {
    this.#sessions = sessions;
    this.#rule = rule;
  }

  /** Lets functions that get no request find the session of this one. */
  async link(request: Request): Promise<void> {
    this.#requests.set(await currentHeaders(), request);
  }

  async current(): Promise<CurrentSession> {
    const headers = await currentHeaders();
    return this.#find(headers, this.#infoOf("GET", headers));
  }

  /** @throws {SessionUsageError} Where Next can set no cookie. */
  async enterAction(): Promise<ActionSession> {
    const headers = await currentHeaders();
    const { cookies: currentCookies } = await import("next/headers.js");
    const cookies = await currentCookies();
    // In the cookies of a component, all methods that change them are one function, which throws.
    if (cookies.set === cookies.delete) throw new SessionUsageError(NOT_IN_ACTION);
    const info = this.#infoOf("POST", headers);
    info.checkSite();
    const isOuter = !this.#acting.has(headers) && this.#requests.get(headers) === undefined;
    this.#acting.add(headers);
    return { ...this.#find(headers, info), cookies, isOuter };
  }

  /** Has changes reported that come after the action. */
  leaveAction({ request, scope, isOuter }: ActionSession): void {
    if (!isOuter) return;
    this.#acting.delete(request);
    scope.noteResponseOver?.();
  }

  #find(headers: Headers, info: WebRequestInfo): CurrentSession {
    const request = this.#requests.get(headers) ?? headers;
    return { request, scope: this.#sessions.scope(request, info) };
  }

  /** Next sets `X-Forwarded-Proto` and `X-Forwarded-Host` where no proxy has, and trusts them. */
  #infoOf(method: string, headers: Headers): WebRequestInfo {
    return new WebRequestInfo({ method, url: "", headers }, this.#rule, true);
  }
}

const NOT_IN_ACTION =
  "A function of sessionAction() was called in a server component or in after(), where Next can send no cookie. Call it as " +
  "a server action.";

async function currentHeaders(): Promise<Headers> {
  const { headers } = await import("next/headers.js");
  return headers();
}
