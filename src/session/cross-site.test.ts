import { describe, expect, test } from "vitest";
import { CrossSiteError } from "../core/errors.ts";
import { type CrossSite, crossSiteGuard, type RequestSource } from "./cross-site.ts";

function isRefused(request: RequestSource, crossSite: CrossSite = "refuse", host = "shop.example:8443"): boolean {
  try {
    crossSiteGuard(crossSite, "expressSessions")?.(request, host);
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
      "where Origin and Sec-Fetch-Site differ",
      post({ origin: "https://shop.example:8443", "sec-fetch-site": "cross-site" }),
      true,
    ],
  ])("a POST %s", (_name, request, refused) => {
    expect(isRefused(request)).toBe(refused);
  });

  test.each(["GET", "HEAD", "OPTIONS", "TRACE"])("%s changes nothing, and is let through", (method) => {
    expect(isRefused({ method, headers: { "sec-fetch-site": "cross-site" } })).toBe(false);
  });

  test.each(["POST", "PUT", "PATCH", "DELETE", "PURGE", undefined])("%s is not", (method) => {
    expect(isRefused({ method, headers: { "sec-fetch-site": "cross-site" } })).toBe(true);
  });

  test("trusted origins are let through, and no others", () => {
    const rule = { trustedOrigins: ["https://admin.example"] };
    const headers = { origin: "https://admin.example", "sec-fetch-site": "cross-site" };
    expect(isRefused(post(headers), rule)).toBe(false);
    expect(isRefused(post({ ...headers, origin: "https://evil.example" }), rule)).toBe(true);
  });

  test("by default everything is let through", () => {
    expect(crossSiteGuard(undefined, "expressSessions")).toBeUndefined();
  });

  test.each(["deny", { trustedOrigins: ["https://a.example/"] }, { trustedOrigins: "https://a.example" }, {}, null])(
    "%o is no rule",
    (crossSite) => {
      expect(() => crossSiteGuard(crossSite as CrossSite, "expressSessions")).toThrow(
        /^expressSessions\.crossSite.*: expected ("allow", "refuse" or \{ trustedOrigins \}|an origin such as)/,
      );
    },
  );
});
