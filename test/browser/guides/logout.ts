import type { Express, RequestHandler } from "express";
import type { Sessions } from "sojourn";

/** For pages about one visitor: no cache keeps them, and after a logout the button "back" shows none of them. */
export const noStore: RequestHandler = (_req, res, next) => {
  res.set("Cache-Control", "no-store");
  next();
};

export function mountLogout<Data extends object>(app: Express, sessions: Sessions<Data>): void {
  app.post("/logout", noStore, async (req, res) => {
    const session = await sessions.from(req);
    await session.logout(); // clears the cookie, which is what makes Chromium drop the pages that it holds for "back"
    session.flash("success", "You are logged out.");
    res.set("Clear-Site-Data", '"cache"').redirect(303, "/");
  });
}
