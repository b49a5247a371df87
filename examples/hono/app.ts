import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createSojourn } from "sojourn";
import { honoSessions } from "sojourn/adapters/hono";
import { findAsset } from "../shared/assets.ts";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { readChange, readCredentials } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

const app = new Hono();

app.use(async (c, next) => {
  const asset = findAsset(c.req.path);
  if (asset === undefined) return next();
  return c.body(new Uint8Array(asset.body), 200, { "Content-Type": asset.type });
});

app.use(honoSessions(sessions, { crossSite: "refuse" }));

app.get("/about", (c) => c.html(pages.aboutPage()));

app.get("/", async (c) => c.html(pages.productsPage(await sessions.from(c))));

app.get("/cart", async (c) => c.html(pages.cartPage(await sessions.from(c))));

app.post("/cart", async (c) => {
  const { product, by } = readChange(await c.req.parseBody());
  const session = await sessions.from(c);
  await session.update((data) => changeCart(data, product, by));
  return c.redirect("/cart", 303);
});

app.get("/login", async (c) => c.html(pages.loginPage(await sessions.from(c))));

app.post("/login", async (c) => {
  const { login, password } = readCredentials(await c.req.parseBody());
  const user = await authenticate(login, password);
  const session = await sessions.from(c);
  if (user === undefined) return c.html(pages.loginPage(session, { failedLogin: login }), 422);
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  return c.redirect("/account", 303);
});

app.get("/account", async (c) => {
  const session = await sessions.from(c);
  return c.html(pages.accountPage(session, await devicesOf(session, sessions)));
});

app.post("/logout", async (c) => {
  const session = await sessions.from(c);
  await session.logout();
  return c.redirect("/", 303);
});

app.post("/logout-everywhere", async (c) => {
  const session = await sessions.from(c);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  return c.redirect("/", 303);
});

app.notFound((c) => c.html(pages.messagePage(NOT_FOUND), 404));

app.onError((error, c) => {
  const failure = explain(error);
  if (failure.status >= 500) console.error(error);
  return c.html(pages.messagePage(failure), failure.status as 500);
});

serve({ fetch: app.fetch, port: settings.port }, ({ port }) => announce("Hono", port, settings));
