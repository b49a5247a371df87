import type { Express, RequestHandler } from "express";
import type { Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";

/** For development alone: lets pages of the front end's own port call this server with their cookies (CORS). */
export function allowPagesOf(origin: string): RequestHandler {
  return (req, res, next) => {
    res.vary("Origin");
    if (req.get("Origin") !== origin) return next();
    res.set({ "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true" });
    if (req.method !== "OPTIONS") return next();
    res.set({
      "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
      "Access-Control-Allow-Headers": "Content-Type",
    });
    res.sendStatus(204);
  };
}

export function mountFor<Data extends object>(
  app: Express,
  sessions: Sessions<Data>,
  frontEnd: string,
): void {
  app.use(allowPagesOf(frontEnd));
  app.use(expressSessions(sessions, { crossSite: { trustedOrigins: [frontEnd] } }));
}
