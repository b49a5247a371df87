import { Router } from "express";
import type { Session, Sessions, UserSession } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { authenticate } from "../users.ts";
import { accountPage } from "../views/account.ts";
import { loginPage } from "../views/login.ts";
import { visitOf } from "../views/visitor.ts";

export function accountPages(sessions: Sessions<ShopData>): Router {
  const router = Router();

  router.get("/account", async (req, res) => {
    const { visitor, session } = await visitOf(req, sessions);
    res.send(accountPage(visitor, session, await devicesOf(session, sessions)));
  });

  router.get("/login", async (req, res) => {
    const { visitor } = await visitOf(req, sessions);
    res.send(loginPage(visitor));
  });

  router.post("/login", async (req, res) => {
    const { login, password } = credentialsOf(req.body);
    const user = await authenticate(login, password);
    const { visitor, session } = await visitOf(req, sessions);
    if (user === undefined) {
      res.status(422).send(loginPage(visitor, { failedLogin: login }));
      return;
    }
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    session.flash("success", `Welcome, ${user.name}. You are logged in.`);
    res.redirect(303, "/account");
  });

  router.post("/logout", async (req, res) => {
    const session = await sessions.from(req);
    await session.logout();
    session.flash("success", "You are logged out."); // starts a new, anonymous session
    res.redirect(303, "/");
  });

  return router;
}

/**
 * Returns the sessions of the visitor's user, the most recently used first; none for an anonymous
 * visitor.
 */
async function devicesOf(session: Session<ShopData>, sessions: Sessions<ShopData>): Promise<UserSession[]> {
  const devices: UserSession[] = [];
  if (session.userId === undefined) return devices;
  for await (const device of sessions.ofUser(session.userId, { current: session })) devices.push(device);
  return devices;
}

function credentialsOf(body: unknown): { login: string; password: string } {
  const { login, password } = (body ?? {}) as { login?: unknown; password?: unknown };
  return {
    login: typeof login === "string" ? login : "",
    password: typeof password === "string" ? password : "",
  };
}
