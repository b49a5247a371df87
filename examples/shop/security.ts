import type { Request, RequestHandler } from "express";

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const securityHeaders: RequestHandler = (_req, res, next) => {
  res.set({
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
  });
  next();
};

/**
 * Pages are about one visitor, so no cache keeps them, and the button "back" does not show them
 * after a logout.
 */
export const noStore: RequestHandler = (_req, res, next) => {
  res.set("Cache-Control", "no-store");
  next();
};

/**
 * Refuses forms from other sites. SameSite=Lax already withholds the cookie, but a login needs no
 * cookie: without this, another site could log a visitor in as another user.
 */
export const sameOriginOnly: RequestHandler = (req, _res, next) => {
  if (req.method === "GET" || req.method === "HEAD" || isFromThisSite(req)) return next();
  next(Object.assign(new Error("The form came from another site."), { statusCode: 403 }));
};

/** Browsers without Sec-Fetch-Site, or over plain http, still send the origin of a form. */
function isFromThisSite(req: Request): boolean {
  const site = req.get("Sec-Fetch-Site");
  const origin = req.get("Origin");
  if (site !== undefined) return site === "same-origin" || site === "none";
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === req.host);
}
