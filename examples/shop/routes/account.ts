import { Router } from "express";
import type { Sessions } from "sojourn";
import { devicesOf } from "../../shared/devices.ts";
import { type Fields, readCredentials } from "../../shared/forms.ts";
import type { ShopData } from "../session-data.ts";
import { authenticate } from "../../shared/users.ts";
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
    const { login, password } = readCredentials((req.body ?? {}) as Fields);
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
