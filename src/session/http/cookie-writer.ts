import {
  clearCookie,
  clearPreviousCookies,
  type CookieAttributes,
  type SetCookie,
  setCookie,
} from "./cookie.ts";
import type { PlainHttp } from "./plain-http.ts";
import type { RequestInfo } from "./request-contract.ts";
import type { SessionServices } from "../session-services.ts";
import type { Session } from "../session.ts";
import { endsWithBrowser, timeToLive } from "../record/timeouts.ts";

/** Makes the cookies of responses. */
export class CookieWriter {
  readonly #cookie: CookieAttributes;
  readonly #plainHttp: PlainHttp;
  readonly #services: Pick<SessionServices, "clock" | "timeouts">;

  constructor(
    cookie: CookieAttributes,
    plainHttp: PlainHttp,
    services: Pick<SessionServices, "clock" | "timeouts">,
  ) {
    this.#cookie = cookie;
    this.#plainHttp = plainHttp;
    this.#services = services;
  }

  /** Returns the cookies that a response sets for its session. */
  cookiesFor(session: Session<object>, info: RequestInfo): readonly SetCookie[] {
    const { cookieChange, cookieValue, record, hasDuplicateCookies, homeCookies } = session;
    const isSecure = info.isSecure();
    if (cookieChange === "clear" && homeCookies !== undefined) return homeCookies.clear(isSecure);
    // A request that is logged out may have sent an old cookie only.
    const others =
      hasDuplicateCookies || cookieChange === "clear" ? clearPreviousCookies(this.#cookie, isSecure) : [];
    const earlier = session.earlierCookies?.clear(isSecure) ?? [];
    if (cookieChange === "clear") return [...others, ...earlier, clearCookie(this.#cookie, isSecure)];
    if (cookieChange !== "set" || cookieValue === undefined) return [];
    this.#plainHttp.warnOfCookie(info);
    const { clock, timeouts } = this.#services;
    const now = clock.now();
    const maxAge = endsWithBrowser(record, timeouts) ? undefined : timeToLive(record, timeouts, now);
    if (homeCookies !== undefined) return homeCookies.set(cookieValue, { maxAge, now, isSecure });
    return [...others, ...earlier, setCookie(this.#cookie, cookieValue, { maxAge, now, isSecure })];
  }
}
