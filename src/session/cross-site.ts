import type { IncomingHttpHeaders } from "node:http";
import * as v from "valibot";
import { CrossSiteError } from "../core/errors.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";

/**
 * What an adapter does with requests that change something and come from a page of another origin (cross-site request
 * forgery).
 *
 * - `"allow"`: nothing; the application has its own protection, such as tokens, or relies on `SameSite` alone.
 * - `"refuse"`: they fail with a {@link CrossSiteError} (403).
 * - `{ trustedOrigins }`: the same, but for pages of these origins, such as `https://admin.example.com`.
 */
export type CrossSite = "allow" | "refuse" | { readonly trustedOrigins: readonly string[] };

/** The part of a request that tells where it comes from. */
export interface RequestSource {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Throws for a request that is to be refused. @param host The host that the visitor has asked for, with its port. */
export type CrossSiteGuard = (request: RequestSource, host: string | undefined) => void;

const crossSiteSchema = settingsObject({
  crossSite: v.optional(
    v.union(
      [
        v.picklist(["allow", "refuse"]),
        v.strictObject({
          trustedOrigins: v.array(
            v.pipe(v.string(), v.check(isOrigin, 'an origin such as "https://admin.example.com"')),
          ),
        }),
      ],
      '"allow", "refuse" or { trustedOrigins } with origins such as "https://admin.example.com"',
    ),
    "allow",
  ),
});

/**
 * @param setting What the options are called, for messages.
 * @returns `undefined` when everything is allowed.
 * @throws {ImproperlyConfigured} When the option has another form.
 */
export function crossSiteGuard(crossSite: CrossSite | undefined, setting: string): CrossSiteGuard | undefined {
  const { crossSite: rule } = parseSettings(crossSiteSchema, { crossSite }, setting);
  if (rule === "allow") return undefined;
  const trustedOrigins = new Set(rule === "refuse" ? [] : rule.trustedOrigins);
  return (request, host) => {
    if (isCrossSite(request, host, trustedOrigins)) throw new CrossSiteError();
  };
}

// RFC 9110 section 9.2.1: the safe methods.
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Browsers since 2023 say in Sec-Fetch-Site where a request comes from, and no page can change it (W3C Fetch Metadata);
 * older ones send Origin with what is not safe. A client that sends neither is no browser, and has no cookies that
 * another page could make it send.
 */
function isCrossSite(
  { method, headers }: RequestSource,
  host: string | undefined,
  trusted: ReadonlySet<string>,
): boolean {
  if (SAFE_METHODS.has(method ?? "")) return false;
  const { origin } = headers;
  if (origin !== undefined && trusted.has(origin)) return false;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return origin !== undefined && hostOf(origin) !== host?.toLowerCase();
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
