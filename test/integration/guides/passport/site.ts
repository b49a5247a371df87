import express, { type Express, type RequestHandler } from "express";
import { Passport } from "passport";
import { Strategy } from "passport-local";
import type { Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";

export interface User {
  id: number;
  name: string;
}

/** The application's users. */
export interface Users {
  byPassword(name: string, password: string): Promise<User | undefined>;
  byId(id: string): Promise<User | undefined>;
}

export interface SiteData {
  cart?: Record<string, number>;
  returnTo?: string;
}

/** The part of Passport that answers with a user. */
export type Authenticator = Pick<InstanceType<typeof Passport>, "authenticate">;

/** Logs in the user whom a strategy of Passport finds. */
export function logInBy(
  passport: Authenticator,
  strategy: string,
  sessions: Sessions<SiteData>,
): RequestHandler {
  return (req, res, next) => {
    const finish = async (
      error: unknown,
      user?: User | false,
      info?: { message?: string },
    ): Promise<void> => {
      if (error) {
        next(error);
        return;
      }
      const session = await sessions.from(req);
      if (!user) {
        session.flash("error", info?.message ?? "No such user, or another password.");
        res.redirect("/login");
        return;
      }
      const { returnTo = "/" } = session.data;
      delete session.data.returnTo;
      await session.login(user.id); // a new key; the cart of the anonymous visitor is kept
      res.redirect(returnTo);
    };
    const answer = (...found: Parameters<typeof finish>): void => void finish(...found).catch(next);
    const authenticate = passport.authenticate(strategy, { session: false }, answer) as RequestHandler;
    void authenticate(req, res, next);
  };
}

/** Sets `req.user`, where Passport's own session would. */
export function loadUser(sessions: Sessions<SiteData>, users: Users): RequestHandler {
  return async (req, _res, next) => {
    const { userId } = await sessions.from(req);
    const user = userId === undefined ? undefined : await users.byId(userId);
    if (user) req.user = user;
    next();
  };
}

export function makeSite(sessions: Sessions<SiteData>, users: Users): Express {
  const passport = new Passport();
  passport.use(
    new Strategy((name, password, done) => {
      users.byPassword(name, password).then((user) => done(null, user ?? false), done);
    }),
  );

  const app = express();
  app.use(express.urlencoded({ extended: false }));
  app.use(expressSessions(sessions));

  app.get("/login", async (req, res) => {
    const session = await sessions.from(req);
    res.json(session.takeFlash("error"));
  });
  app.post("/login", logInBy(passport, "local", sessions));
  app.post("/logout", async (req, res) => {
    const session = await sessions.from(req);
    await session.logout();
    res.redirect("/");
  });
  app.post("/cart/:item", async (req, res) => {
    const session = await sessions.from(req);
    session.data.cart = { ...session.data.cart, [req.params.item]: 1 };
    res.redirect("/");
  });
  app.get("/", loadUser(sessions, users), async (req, res) => {
    const { data } = await sessions.from(req);
    res.json({ name: (req.user as User | undefined)?.name, cart: data.cart ?? {} });
  });
  app.get("/account", loadUser(sessions, users), async (req, res) => {
    if (!req.user) {
      const session = await sessions.from(req);
      session.data.returnTo = "/account";
      res.redirect("/login");
      return;
    }
    res.json(req.user);
  });
  return app;
}
