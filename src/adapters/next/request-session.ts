import { SessionUsageError } from "../../core/errors.ts";
import { makeObjectLinks, type ObjectLinks } from "../../core/object-links.ts";
import type { CrossSiteRule, RequestTarget, SameSite } from "../../session/http/cross-site.ts";
import type { RequestInfo, SessionScope } from "../../session/http/request-contract.ts";
import { firstOf } from "../node/request-info.ts";
import type { SessionSource } from "../node/types.ts";
import type { NextCookies } from "./types.ts";

/** The session of a server action, and the cookies of its response. */
export interface ActionSession {
  /** Object that stands for the request in `sessions.from()`. */
  readonly request: object;
  readonly scope: SessionScope;
  readonly cookies: NextCookies;
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
  /** Requests of route handlers and of the proxy. */
  readonly #requests: ObjectLinks<Request> = makeObjectLinks();

  constructor(sessions: SessionSource<Data>, rule: CrossSiteRule) {
    this.#sessions = sessions;
    this.#rule = rule;
  }

  /** Has functions that are called without the request find its session. */
  async link(request: Request): Promise<void> {
    this.#requests.set(await currentHeaders(), request);
  }

  /** Returns the object that stands for the current request. */
  async current(): Promise<object> {
    const headers = await currentHeaders();
    const request = this.#requests.get(headers);
    if (request !== undefined) return request;
    this.#sessions.scope(headers, new NextRequestInfo("GET", headers, this.#rule));
    return headers;
  }

  infoOf(request: Request): RequestInfo {
    return new NextRequestInfo(request.method, request.headers, this.#rule);
  }

  /** @throws {SessionUsageError} Where Next can set no cookie. */
  async enterAction(): Promise<ActionSession> {
    const headers = await currentHeaders();
    const { cookies: currentCookies } = await import("next/headers.js");
    const cookies = await currentCookies();
    // In the cookies of a component, all methods that change them are one function, which throws.
    if (cookies.set === cookies.delete) throw new SessionUsageError(NOT_IN_ACTION);
    const info = new NextRequestInfo("POST", headers, this.#rule);
    info.checkSite();
    const request = this.#requests.get(headers) ?? headers;
    return { request, scope: this.#sessions.scope(request, info), cookies };
  }
}

const NOT_IN_ACTION =
  "A function of sessionAction() was called in a server component or in after(), where Next can send no cookie. Call it as " +
  "a server action.";

async function currentHeaders(): Promise<Headers> {
  const { headers } = await import("next/headers.js");
  return headers();
}

/**
 * {@link RequestInfo} of Next's requests. Next sets `X-Forwarded-Proto` and `X-Forwarded-Host` where
 * no proxy has, and trusts them.
 */
export class NextRequestInfo implements RequestInfo, RequestTarget {
  readonly #method: string;
  readonly #headers: Headers;
  readonly #rule: CrossSiteRule;

  constructor(method: string, headers: Headers, rule: CrossSiteRule) {
    this.#method = method;
    this.#headers = headers;
    this.#rule = rule;
  }

  /** Next encodes the colons of the cookies that it sets. */
  get cookieHeader(): string | undefined {
    return this.#headers.get("cookie")?.replaceAll("%3A", ":");
  }

  get userAgent(): string | undefined {
    return this.#headers.get("user-agent") ?? undefined;
  }

  isSecure(): boolean {
    return this.#first("x-forwarded-proto")?.toLowerCase() === "https";
  }

  host(): string | undefined {
    return this.authority();
  }

  authority(): string | undefined {
    return this.#first("x-forwarded-host") ?? this.#first("host");
  }

  mayBeginSession(sameSite: SameSite): boolean {
    return this.#rule.mayBegin(this.#source, this, sameSite);
  }

  /** @throws {CrossSiteError} For a request that must be refused. */
  checkSite(): void {
    this.#rule.check(this.#source, this);
  }

  get #source() {
    return { method: this.#method, headers: Object.fromEntries(this.#headers) };
  }

  #first(name: string): string | undefined {
    return firstOf(this.#headers.get(name) ?? undefined);
  }
}
