import { createServer } from "node:http";
import { H3, html, raw, readBody, redirect } from "h3";
import { toNodeHandler } from "h3/node";
import { createSojourn } from "sojourn";
import { h3Sessions } from "sojourn/adapters/h3";
import { findAsset } from "../shared/assets.ts";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { type Fields, readChange, readCredentials } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

const app = new H3({
  onError({ cause, status }, event) {
    const failure = status === 404 ? NOT_FOUND : explain(cause);
    if (failure.status >= 500) console.error(cause);
    event.res.status = failure.status;
    return page(pages.messagePage(failure));
  },
});

app.use((event) => {
  const asset = findAsset(event.url.pathname);
  if (asset === undefined) return undefined;
  event.res.headers.set("Content-Type", asset.type);
  return new Uint8Array(asset.body);
});

app.use(h3Sessions(sessions, { crossSite: "refuse" }));

app.get("/about", () => page(pages.aboutPage()));

app.get("/", async (event) => page(pages.productsPage(await sessions.from(event))));

app.get("/cart", async (event) => page(pages.cartPage(await sessions.from(event))));

app.post("/cart", async (event) => {
  const { product, by } = readChange((await readBody<Fields>(event)) ?? {});
  const session = await sessions.from(event);
  await session.update((data) => changeCart(data, product, by));
  return redirect("/cart", 303);
});

app.get("/login", async (event) => page(pages.loginPage(await sessions.from(event))));

app.post("/login", async (event) => {
  const { login, password } = readCredentials((await readBody<Fields>(event)) ?? {});
  const user = await authenticate(login, password);
  const session = await sessions.from(event);
  if (user === undefined) {
    event.res.status = 422;
    return page(pages.loginPage(session, { failedLogin: login }));
  }
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  return redirect("/account", 303);
});

app.get("/account", async (event) => {
  const session = await sessions.from(event);
  return page(pages.accountPage(session, await devicesOf(session, sessions)));
});

app.post("/logout", async (event) => {
  const session = await sessions.from(event);
  await session.logout();
  return redirect("/", 303);
});

app.post("/logout-everywhere", async (event) => {
  const session = await sessions.from(event);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  return redirect("/", 303);
});

function page(markup: string) {
  return html(raw(markup));
}

const server = createServer(toNodeHandler(app)).listen(settings.port, () => {
  const { port } = server.address() as { port: number };
  announce("h3", port, settings);
});
