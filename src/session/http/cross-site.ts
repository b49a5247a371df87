import type { IncomingHttpHeaders } from "node:http";
import * as v from "valibot";
import { CrossSiteError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";

/**
 * An adapter's handling of unsafe requests from pages of other sites (cross-site request forgery).
 *
 * - `"interrupt"`: they pass, but without the session's cookie they begin no session: the browser
 *   may have withheld the cookie of a login (`SameSite`), which the new one would replace. Such a
 *   write throws {@link SessionInterrupted} (400).
 * - `"refuse"`: those from another origin fail with a {@link CrossSiteError} (403). With
 *   `sameSite: "strict"`, a page reached by a link from another site begins no session either.
 * - `{ trustedOrigins }`: as `"refuse"`, except for pages of these origins, such as
 *   `https://admin.example.com`.
 * - `"allow"`: no restriction.
 */
export type CrossSite = "interrupt" | "allow" | "refuse" | { readonly trustedOrigins: readonly string[] };

/** Part of a request that shows its origin. */
export interface RequestSource {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Target of a request, from sources that the application trusts. */
export interface RequestTarget {
  isSecure(): boolean;
  /** Returns the requested host, with its port. */
  authority(): string | undefined;
}

/** Values of `sessions.cookie.sameSite`. */
export type SameSite = "lax" | "strict" | "none";

/**
 * Origin of a request. `unknown`: not from a browser, or from an old one that need not state it.
 */
type Site = "none" | "same-origin" | "same-site" | "cross-site" | "unknown";

const crossSiteSchema = settingsObject({
  crossSite: v.optional(
    v.union(
      [
        v.picklist(["interrupt", "allow", "refuse"]),
        v.strictObject({
          trustedOrigins: v.array(
            v.pipe(v.string(), v.check(isOrigin, 'an origin such as "https://admin.example.com"')),
          ),
        }),
      ],
      '"interrupt", "allow", "refuse" or { trustedOrigins } with origins such as "https://admin.example.com"',
    ),
    "interrupt",
  ),
});

// RFC 9110 section 9.2.1: the safe methods.
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** The option `crossSite` of an adapter. */
export class CrossSiteRule {
  readonly #mode: "interrupt" | "allow" | "refuse";
  readonly #trustedOrigins: ReadonlySet<string>;

  /**
   * @param setting Name of the options, for messages.
   * @throws {ImproperlyConfigured} For an invalid option.
   */
  constructor(crossSite: CrossSite | undefined, setting: string) {
    const { crossSite: rule } = parseSettings(crossSiteSchema, { crossSite }, setting);
    this.#mode = typeof rule === "string" ? rule : "refuse";
    this.#trustedOrigins = new Set(typeof rule === "string" ? [] : rule.trustedOrigins);
  }

  /** @throws {CrossSiteError} For a request that has to be refused. */
  check(request: RequestSource, target: RequestTarget): void {
    if (this.#mode !== "refuse" || isSafe(request) || this.#trusts(request)) return;
    const site = siteOf(request, target);
    if (site === "cross-site" || site === "same-site") throw new CrossSiteError();
  }

  /**
   * Returns whether a request without the session's cookie may begin a session. `SameSite` does not
   * withhold the cookie from requests of sibling hosts, so one without it has none.
   */
  mayBegin(request: RequestSource, target: RequestTarget, sameSite: SameSite): boolean {
    if (this.#mode === "allow" || sameSite === "none" || this.#trusts(request)) return true;
    // Lax sends the cookie with links. With Strict, a new visitor cannot be told from one whose
    // login is withheld.
    if (isSafe(request) && !(sameSite === "strict" && this.#mode === "refuse")) return true;
    return siteOf(request, target) !== "cross-site";
  }

  #trusts({ headers: { origin, referer } }: RequestSource): boolean {
    if (this.#trustedOrigins.size === 0) return false;
    const from = origin ?? (referer === undefined ? undefined : originOf(referer));
    return from !== undefined && this.#trustedOrigins.has(from);
  }
}

function isSafe({ method }: RequestSource): boolean {
  return SAFE_METHODS.has(method ?? "");
}

/**
 * Returns the site that a request comes from. Browsers since 2023 send it in Sec-Fetch-Site, which
 * no page can change (W3C Fetch Metadata); older ones send Origin with unsafe requests. A client
 * that sends neither is not a browser, and no page can make it send cookies.
 */
function siteOf({ headers }: RequestSource, target: RequestTarget): Site {
  const site = headers["sec-fetch-site"];
  if (site === "none" || site === "same-origin" || site === "same-site") return site;
  if (site !== undefined) return "cross-site";
  if (headers.origin === undefined) return "unknown";
  return headers.origin === ownOrigin(target) ? "same-origin" : "cross-site";
}

/** RFC 6454: scheme, host and port, without the scheme's default port. */
function ownOrigin(target: RequestTarget): string | undefined {
  const authority = target.authority();
  return authority && originOf(`${target.isSecure() ? "https" : "http"}://${authority}`);
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function isOrigin(text: string): boolean {
  return originOf(text) === text;
}
