import type { RequestFacts } from "./request-contract.ts";

/** What is done about a session that is asked for over plain http, where a Secure cookie has no business. */
export type OnInsecure = "warn" | "refuse";

/** How the session cookie stands to plain http. */
export interface PlainHttpRules {
  readonly secure: boolean | "auto";
  readonly onInsecure: OnInsecure;
}

/** Keeps sessions off plain http, or tells that browsers keep them off. */
export class PlainHttp {
  readonly #rules: PlainHttpRules;
  #hasWarned = false;
  #hasWarnedOfProxy = false;

  constructor(rules: PlainHttpRules) {
    this.#rules = rules;
  }

  /**
   * Whether a request is to get no session. Without a header that is trusted, a proxy's https is plain http
   * too.
   */
  isRefused(facts: RequestFacts): boolean {
    return this.#rules.onInsecure === "refuse" && isInsecure(facts);
  }

  /**
   * Tells once of a cookie that browsers drop, and of one that goes out without the protection that it could
   * have.
   */
  warnOfCookie(facts: RequestFacts): void {
    this.#warnIfDropped(facts);
    this.#warnIfUnprotected(facts);
  }

  /**
   * Browsers drop a Secure cookie that comes over http, but for localhost, and say so in their console at
   * best.
   */
  #warnIfDropped(facts: RequestFacts): void {
    if (this.#hasWarned || this.#rules.secure !== true || !isInsecure(facts)) return;
    this.#hasWarned = true;
    process.emitWarning(
      "A Secure session cookie was sent over plain http, where browsers drop it. Serve https; behind a proxy, let the " +
        'adapter trust it; or set sessions.cookie.secure to "auto".',
      { type: "SojournWarning", code: "SOJOURN_SECURE_COOKIE" },
    );
  }

  /**
   * With `"auto"`, a proxy that ends TLS and is not trusted leaves an https site with a cookie for plain
   * http.
   */
  #warnIfUnprotected(facts: RequestFacts): void {
    if (this.#hasWarnedOfProxy || this.#rules.secure !== "auto") return;
    if (facts.isSecure() || facts.claimsHttps?.() !== true) return;
    this.#hasWarnedOfProxy = true;
    process.emitWarning(
      'A session cookie was sent without Secure, since sessions.cookie.secure is "auto" and the request counts as plain ' +
        "http, though X-Forwarded-Proto or Forwarded says https. Behind a proxy that sets that header, let the adapter " +
        "trust it (trustProxy, or Express's trust proxy); or set sessions.cookie.secure to true.",
      { type: "SojournWarning", code: "SOJOURN_UNTRUSTED_PROXY" },
    );
  }
}

function isInsecure(facts: RequestFacts): boolean {
  return !facts.isSecure() && !isLocalhost(facts.host());
}

// RFC 6761 section 6.3: localhost and the names under it. Browsers count the loopback addresses as secure too.
function isLocalhost(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, "").toLowerCase() ?? "";
  return name === "localhost" || name.endsWith(".localhost") || /^127(?:\.\d+){3}$/.test(name) || name === "[::1]";
}
