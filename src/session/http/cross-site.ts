import type { IncomingHttpHeaders } from "node:http";
import * as v from "valibot";
import { CrossSiteError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";

/**
 * Handling, by an adapter, of requests that change something and come from a page of another site (cross-site
 * request forgery).
 *
 * - `"interrupt"`: they are let through, but without the session's cookie they begin no session: the browser
 *   may have kept the cookie of a login to itself (`SameSite`), which the new one would replace. Such a write
 *   is a {@link SessionInterrupted} (400).
 * - `"refuse"`: those from another origin fail with a {@link CrossSiteError} (403). With
 *   `sameSite: "strict"`, a page that a link of another site has led to begins no session either.
 * - `{ trustedOrigins }`: the same, but for pages of these origins, such as `https://admin.example.com`.
 * - `"allow"`: nothing.
 */
export type CrossSite = "interrupt" | "allow" | "refuse" | { readonly trustedOrigins: readonly string[] };

/** The part of a request that tells where it comes from. */
export interface RequestSource {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Where a request was sent, as far as the application trusts what it is told. */
export interface RequestTarget {
  isSecure(): boolean;
  /** The host that the visitor has asked for, with its port. */
  authority(): string | undefined;
}

/** Values of `sessions.cookie.sameSite`. */
export type SameSite = "lax" | "strict" | "none";

/** Where a request comes from. `unknown`: from no browser, or from an old one without need to say it. */
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
   * @param setting What the options are called, for messages.
   * @throws {ImproperlyConfigured} When the option has another form.
   */
  constructor(crossSite: CrossSite | undefined, setting: string) {
    const { crossSite: rule } = parseSettings(crossSiteSchema, { crossSite }, setting);
    this.#mode = typeof rule === "string" ? rule : "refuse";
    this.#trustedOrigins = new Set(typeof rule === "string" ? [] : rule.trustedOrigins);
  }

  /** @throws {CrossSiteError} For a request that is to be refused. */
  check(request: RequestSource, target: RequestTarget): void {
    if (this.#mode !== "refuse" || isSafe(request) || this.#trusts(request)) return;
    const site = siteOf(request, target);
    if (site === "cross-site" || site === "same-site") throw new CrossSiteError();
  }

  /**
   * Whether a request that came without the session's cookie may begin a session. A sibling host gets the
   * cookie with `SameSite`, so one that does not send it has none.
   */
  mayBegin(request: RequestSource, target: RequestTarget, sameSite: SameSite): boolean {
    if (this.#mode === "allow" || sameSite === "none" || this.#trusts(request)) return true;
    // Lax lets the cookie come with links. With Strict nothing tells a new visitor from one whose login is
    // hidden.
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
 * Browsers since 2023 say in Sec-Fetch-Site where a request comes from, and no page can change it (W3C Fetch
 * Metadata); older ones send Origin with what is not safe. A client that sends neither is no browser, and has
 * no cookies that another page could make it send.
 */
function siteOf({ headers }: RequestSource, target: RequestTarget): Site {
  const site = headers["sec-fetch-site"];
  if (site === "none" || site === "same-origin" || site === "same-site") return site;
  if (site !== undefined) return "cross-site";
  if (headers.origin === undefined) return "unknown";
  return headers.origin === ownOrigin(target) ? "same-origin" : "cross-site";
}

/** RFC 6454: scheme, host and port, the port of the scheme left out. */
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
