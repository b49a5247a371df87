import { Router } from "express";
import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { authenticate } from "../users.ts";
import { accountPage } from "../views/account.ts";
import { loginPage } from "../views/login.ts";
import { visitorOf } from "../views/visitor.ts";

export function accountPages(sessions: Sessions<ShopData>): Router {
  const router = Router();

  router.get("/account", async (req, res) => {
    const session = await sessions.from(req);
    res.send(accountPage(visitorOf(session, sessions), session));
  });

  router.get("/login", async (req, res) => {
    const session = await sessions.from(req);
    res.send(loginPage(visitorOf(session, sessions)));
  });

  router.post("/login", async (req, res) => {
    const { login, password } = credentialsOf(req.body);
    const user = await authenticate(login, password);
    const session = await sessions.from(req);
    if (user === undefined) {
      res.status(422).send(loginPage(visitorOf(session, sessions), { failedLogin: login }));
      return;
    }
    await session.login(user.id); // a new key for the same cart; the old key is dead
    res.redirect(303, "/account");
  });

  router.post("/logout", async (req, res) => {
    const session = await sessions.from(req);
    await session.logout();
    res.redirect(303, "/");
  });

  return router;
}

function credentialsOf(body: unknown): { login: string; password: string } {
  const { login, password } = (body ?? {}) as { login?: unknown; password?: unknown };
  return { login: typeof login === "string" ? login : "", password: typeof password === "string" ? password : "" };
}
