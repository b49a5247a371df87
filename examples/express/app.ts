import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler } from "express";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { readChange, readCredentials, type Fields } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, publicFolder, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

const app = express();
app.use(express.static(publicFolder));
app.use(expressSessions(sessions, { crossSite: "refuse" }));
app.use(express.urlencoded({ extended: false, limit: "2kb" }));

app.get("/about", (_req, res) => {
  res.send(pages.aboutPage());
});

app.get("/", async (req, res) => {
  res.send(pages.productsPage(await sessions.from(req)));
});

app.get("/cart", async (req, res) => {
  res.send(pages.cartPage(await sessions.from(req)));
});

app.post("/cart", async (req, res) => {
  const { product, by } = readChange(req.body as Fields);
  const session = await sessions.from(req);
  await session.update((data) => changeCart(data, product, by));
  res.redirect(303, "/cart");
});

app.get("/login", async (req, res) => {
  res.send(pages.loginPage(await sessions.from(req)));
});

app.post("/login", async (req, res) => {
  const { login, password } = readCredentials(req.body as Fields);
  const user = await authenticate(login, password);
  const session = await sessions.from(req);
  if (user === undefined) {
    res.status(422).send(pages.loginPage(session, { failedLogin: login }));
    return;
  }
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  res.redirect(303, "/account");
});

app.get("/account", async (req, res) => {
  const session = await sessions.from(req);
  res.send(pages.accountPage(session, await devicesOf(session, sessions)));
});

app.post("/logout", async (req, res) => {
  const session = await sessions.from(req);
  await session.logout();
  res.redirect(303, "/");
});

app.post("/logout-everywhere", async (req, res) => {
  const session = await sessions.from(req);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  res.redirect(303, "/");
});

app.use((_req, res) => {
  res.status(404).send(pages.messagePage(NOT_FOUND));
});

const errorPage: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error);
  const failure = explain(error);
  if (failure.status >= 500) console.error(error);
  res.status(failure.status).send(pages.messagePage(failure));
};
app.use(errorPage);

const server = app.listen(settings.port, () => {
  announce("Express", (server.address() as AddressInfo).port, settings);
});
