import { describe, expect, test } from "vitest";
import { CrossSiteError } from "../../core/errors.ts";
import {
  type CrossSite,
  CrossSiteRule,
  type RequestSource,
  type RequestTarget,
  type SameSite,
} from "./cross-site.ts";

/** A URL as the visitor sees it. */
const at = (url: string): RequestTarget => ({
  isSecure: () => url.startsWith("https:"),
  authority: () => url.split("://")[1],
});

const SHOP = "https://shop.example:8443";

function isRefused(request: RequestSource, crossSite: CrossSite | undefined = "refuse", url = SHOP): boolean {
  try {
    new CrossSiteRule(crossSite, "expressSessions").check(request, at(url));
    return false;
  } catch (error) {
    return error instanceof CrossSiteError && error.statusCode === 403;
  }
}

const post = (headers: RequestSource["headers"]): RequestSource => ({ method: "POST", headers });

describe("crossSite", () => {
  test.each([
    ["from the same origin", post({ "sec-fetch-site": "same-origin" }), false],
    ["typed by the user", post({ "sec-fetch-site": "none" }), false],
    ["from another site", post({ "sec-fetch-site": "cross-site" }), true],
    ["from another host of the site", post({ "sec-fetch-site": "same-site" }), true],
    ["of an older browser, from the same origin", post({ origin: "https://shop.example:8443" }), false],
    ["of an older browser, from another port", post({ origin: "https://shop.example" }), true],
    ["of an older browser, from another site", post({ origin: "https://evil.example" }), true],
    ["of a sandboxed page", post({ origin: "null" }), true],
    ["of a client that is no browser", post({}), false],
    [
      "with different Origin and Sec-Fetch-Site",
      post({ origin: "https://shop.example:8443", "sec-fetch-site": "cross-site" }),
      true,
    ],
  ])("a POST %s", (_name, request, refused) => {
    expect(isRefused(request)).toBe(refused);
  });

  test.each(["GET", "HEAD", "OPTIONS", "TRACE"])("%s changes nothing, and passes", (method) => {
    expect(isRefused({ method, headers: { "sec-fetch-site": "cross-site" } })).toBe(false);
  });

  test.each(["POST", "PUT", "PATCH", "DELETE", "PURGE", undefined])("%s does not pass", (method) => {
    expect(isRefused({ method, headers: { "sec-fetch-site": "cross-site" } })).toBe(true);
  });

  test("only trusted origins pass", () => {
    const rule = { trustedOrigins: ["https://admin.example"] };
    const headers = { origin: "https://admin.example", "sec-fetch-site": "cross-site" };
    expect(isRefused(post(headers), rule)).toBe(false);
    expect(isRefused(post({ ...headers, origin: "https://evil.example" }), rule)).toBe(true);
  });

  test("by default every request passes", () => {
    const forged = post({ "sec-fetch-site": "cross-site" });
    expect(() => new CrossSiteRule(undefined, "expressSessions").check(forged, at(SHOP))).not.toThrow();
    for (const rule of ["interrupt", "allow"] as const) expect(isRefused(forged, rule)).toBe(false);
  });

  // RFC 6454 section 4: an origin is scheme, host and port, which may be the scheme's default.
  test.each([
    ["https://shop.example", "https://shop.example", false],
    ["http://shop.example", "http://shop.example", false],
    ["https://shop.example:443", "https://shop.example", false],
    ["http://shop.example:80", "http://shop.example", false],
    ["https://SHOP.example", "https://shop.example", false],
    ["https://[::1]:8443", "https://[::1]:8443", false],
    ["https://shop.example", "http://shop.example", true],
    ["http://shop.example", "https://shop.example", true],
    ["https://shop.example", "https://shop.example:8443", true],
    ["https://shop.example:80", "http://shop.example", true],
    ["https://shop.example", "https://shop.example.evil.example", true],
    ["https://shop.example", "https://evil.example@shop.example", true],
    ["https://shop.example", "https://www.shop.example", true],
    ["https://shop.example", "null", true],
    ["https://shop.example", "", true],
    ["https://not a host", "null", true],
    ["https://", "null", true],
  ])("an older browser's POST to %s with Origin %s is refused: %s", (url, origin, refused) => {
    expect(isRefused(post({ origin }), "refuse", url)).toBe(refused);
  });

  test("a header that is repeated, or not in the form of browsers, counts as another site", () => {
    for (const site of ["", "none, cross-site", "Same-Origin", "other"]) {
      expect(isRefused(post({ "sec-fetch-site": site, origin: SHOP }))).toBe(true);
    }
  });

  test.each([
    "deny",
    { trustedOrigins: ["https://a.example/"] },
    { trustedOrigins: "https://a.example" },
    {},
    null,
  ])("%o is no rule", (crossSite) => {
    expect(() => new CrossSiteRule(crossSite as CrossSite, "expressSessions")).toThrow(
      /^expressSessions\.crossSite.*: expected ("interrupt", "allow", "refuse" or \{ trustedOrigins \}|an origin such as)/,
    );
  });
});

describe("a request that came without the session's cookie may begin a session", () => {
  const TRUSTING = { trustedOrigins: ["https://login.example"] };
  const cross = (method: string, headers: RequestSource["headers"] = {}): RequestSource => ({
    method,
    headers: { "sec-fetch-site": "cross-site", ...headers },
  });
  const form = cross("POST", { origin: "https://evil.example" });
  const link = cross("GET", { referer: "https://search.example/" });

  test.each<[string, RequestSource, SameSite, [CrossSite | undefined, boolean][]]>([
    [
      "a form of another site",
      form,
      "lax",
      [
        [undefined, false],
        ["interrupt", false],
        ["refuse", false],
        [TRUSTING, false],
        ["allow", true],
      ],
    ],
    [
      "the same, when the cookie is sent from any site",
      form,
      "none",
      [
        [undefined, true],
        ["refuse", true],
      ],
    ],
    [
      "the same, from an older browser",
      post({ origin: "https://evil.example" }),
      "lax",
      [
        [undefined, false],
        ["allow", true],
      ],
    ],
    [
      "a callback by POST: a login or payment elsewhere",
      cross("POST", { origin: "https://login.example" }),
      "lax",
      [
        [undefined, false],
        [TRUSTING, true],
        ["allow", true],
      ],
    ],
    ["a callback whose origin is hidden", cross("POST", { origin: "null" }), "lax", [[TRUSTING, false]]],
    [
      "a link from another site, with which Lax sends the cookie",
      link,
      "lax",
      [
        [undefined, true],
        ["refuse", true],
      ],
    ],
    [
      "a link from another site, where Strict withholds a login",
      link,
      "strict",
      [
        [undefined, true],
        ["refuse", false],
        [TRUSTING, false],
        ["allow", true],
      ],
    ],
    [
      "a link from a trusted site",
      cross("GET", { referer: "https://login.example/done?code=1" }),
      "strict",
      [[TRUSTING, true]],
    ],
    [
      "a form of a sibling host, with which the cookie is sent",
      post({ "sec-fetch-site": "same-site" }),
      "lax",
      [[undefined, true]],
    ],
    [
      "a form of its own",
      post({ "sec-fetch-site": "same-origin", origin: SHOP }),
      "strict",
      [[undefined, true]],
    ],
    [
      "a typed address",
      { method: "GET", headers: { "sec-fetch-site": "none" } },
      "strict",
      [["refuse", true]],
    ],
    ["a client that is no browser", post({}), "lax", [[undefined, true]]],
  ])("%s", (_name, request, sameSite, cases) => {
    for (const [crossSite, expected] of cases) {
      const rule = new CrossSiteRule(crossSite, "expressSessions");
      expect([crossSite, rule.mayBegin(request, at(SHOP), sameSite)]).toStrictEqual([crossSite, expected]);
    }
  });
});
