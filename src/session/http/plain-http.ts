import type { RequestInfo } from "./request-contract.ts";

/** Reaction to a session requested over plain http, where a Secure cookie is not sent. */
export type OnInsecure = "warn" | "refuse";

/** Policy for session cookies over plain http. */
export interface PlainHttpRules {
  readonly secure: boolean | "auto";
  readonly onInsecure: OnInsecure;
}

/** Refuses sessions over plain http, or warns that browsers drop their cookies. */
export class PlainHttp {
  readonly #rules: PlainHttpRules;
  #hasWarned = false;
  #hasWarnedOfProxy = false;

  constructor(rules: PlainHttpRules) {
    this.#rules = rules;
  }

  /**
   * Returns whether a request must not get a session. Without a trusted header, a proxy's https
   * counts as plain http.
   */
  isRefused(info: RequestInfo): boolean {
    return this.#rules.onInsecure === "refuse" && isInsecure(info);
  }

  /**
   * Warns once of a cookie that browsers drop, and once of one that is sent without the protection
   * it could have.
   */
  warnOfCookie(info: RequestInfo): void {
    this.#warnIfDropped(info);
    this.#warnIfUnprotected(info);
  }

  /**
   * Browsers drop a Secure cookie set over http, except from localhost, with a message in their
   * console at best.
   */
  #warnIfDropped(info: RequestInfo): void {
    if (this.#hasWarned || this.#rules.secure !== true || !isInsecure(info)) return;
    this.#hasWarned = true;
    process.emitWarning(
      "A Secure session cookie was sent over plain http, where browsers drop it. Serve https; behind a proxy, let the " +
        'adapter trust it; or set sessions.cookie.secure to "auto".',
      { type: "SojournWarning", code: "SOJOURN_SECURE_COOKIE" },
    );
  }

  /**
   * With `"auto"`, an untrusted proxy that terminates TLS leaves an https site with a cookie for
   * plain http.
   */
  #warnIfUnprotected(info: RequestInfo): void {
    if (this.#hasWarnedOfProxy || this.#rules.secure !== "auto") return;
    if (info.isSecure() || info.claimsHttps?.() !== true) return;
    this.#hasWarnedOfProxy = true;
    process.emitWarning(
      'A session cookie was sent without Secure, since sessions.cookie.secure is "auto" and the request counts as plain ' +
        "http, although X-Forwarded-Proto or Forwarded says https. Behind a proxy that sets that header, let the adapter " +
        "trust it (trustProxy, or Express's trust proxy); or set sessions.cookie.secure to true.",
      { type: "SojournWarning", code: "SOJOURN_UNTRUSTED_PROXY" },
    );
  }
}

function isInsecure(info: RequestInfo): boolean {
  return !info.isSecure() && !isLocalhost(info.host());
}

// RFC 6761 section 6.3: localhost and its subdomains. Browsers treat the loopback addresses as
// secure too.
function isLocalhost(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, "").toLowerCase() ?? "";
  return (
    name === "localhost" || name.endsWith(".localhost") || /^127(?:\.\d+){3}$/.test(name) || name === "[::1]"
  );
}
