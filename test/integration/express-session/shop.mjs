// @ts-check
// An application as users of express-session have it: sessions in Redis by connect-redis, logins by
// Passport, messages by connect-flash. Only the import of the middleware can be chosen.
import flash from "connect-flash";
import express from "express";
import passport from "passport";
import { Strategy } from "passport-local";
import { setTimeout as pause } from "node:timers/promises";

/**
 * @param {any} session What `import session from …` has imported.
 * @param {any} store
 * @param {object} [options]
 */
export function makeShop(session, store, options) {
  const app = express();
  app.set("env", "test");
  const authentication = new passport.Passport();
  authentication.use(new Strategy((name, _password, done) => done(null, name === "eve" ? false : { name })));
  authentication.serializeUser((/** @type {any} */ user, done) => done(null, user.name));
  authentication.deserializeUser((name, done) => done(null, { name }));

  app.use(express.urlencoded({ extended: false }));
  app.use(session({ secret: "keyboard cat", store, resave: false, saveUninitialized: false, ...options }));
  app.use(flash());
  app.use(authentication.initialize());
  app.use(authentication.session());

  app.get("/", (/** @type {any} */ req, res) => {
    res.json({
      user: req.user?.name,
      cart: req.session.cart ?? {},
      views: req.session.views,
      flash: req.flash("error"),
    });
  });
  app.post(
    "/login",
    authentication.authenticate("local", {
      failureRedirect: "/",
      failureFlash: "No such user.",
      keepSessionInfo: true,
    }),
    (_req, res) => void res.send("in"),
  );
  app.post("/logout", (/** @type {any} */ req, res, next) =>
    req.logout((/** @type {unknown} */ error) => (error ? next(error) : res.send("out"))),
  );
  app.post("/forget", (/** @type {any} */ req, res, next) =>
    req.session.destroy((/** @type {unknown} */ error) => (error ? next(error) : res.send("gone"))),
  );
  app.post("/cart/:item", (/** @type {any} */ req, res) => {
    req.session.cart = { ...req.session.cart, [req.params.item]: 1 };
    res.send("added");
  });
  app.post("/view", (/** @type {any} */ req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.send("seen");
  });
  // All of them have read their session before any of them writes it.
  app.post("/slow/:item", async (/** @type {any} */ req, res) => {
    await pause(Number(req.query.ms ?? 50));
    req.session.cart = { ...req.session.cart, [req.params.item]: 1 };
    res.send("added");
  });
  app.use(
    (/** @type {any} */ error, /** @type {any} */ _req, /** @type {any} */ res, /** @type {any} */ _next) => {
      res.status(error.statusCode ?? 500).send(error.code ?? error.message);
    },
  );
  return app;
}
