import { createSojourn } from "sojourn";
import { fetchSessions } from "sojourn/adapters/fetch";
import { findAsset } from "../shared/assets.ts";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { parseForm, readChange, readCredentials } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";
import { listen } from "./listen.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

const routes: Readonly<Record<string, (request: Request) => Promise<Response> | Response>> = {
  "GET /about": () => showPage(pages.aboutPage()),
  "GET /": async (request) => showPage(pages.productsPage(await sessions.from(request))),
  "GET /cart": async (request) => showPage(pages.cartPage(await sessions.from(request))),
  "POST /cart": async (request) => {
    const { product, by } = readChange(parseForm(await request.text()));
    const session = await sessions.from(request);
    await session.update((data) => changeCart(data, product, by));
    return seeOther("/cart");
  },
  "GET /login": async (request) => showPage(pages.loginPage(await sessions.from(request))),
  "POST /login": async (request) => {
    const { login, password } = readCredentials(parseForm(await request.text()));
    const user = await authenticate(login, password);
    const session = await sessions.from(request);
    if (user === undefined) return showPage(pages.loginPage(session, { failedLogin: login }), 422);
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    return seeOther("/account");
  },
  "GET /account": async (request) => {
    const session = await sessions.from(request);
    return showPage(pages.accountPage(session, await devicesOf(session, sessions)));
  },
  "POST /logout": async (request) => {
    const session = await sessions.from(request);
    await session.logout();
    return seeOther("/");
  },
  "POST /logout-everywhere": async (request) => {
    const session = await sessions.from(request);
    if (session.userId !== undefined) await sessions.revokeUser(session.userId);
    await session.logout(); // this one has ended too; this clears its cookie
    return seeOther("/");
  },
};

function showPage(page: string, status = 200): Response {
  return new Response(page, { status, headers: { "Content-Type": "text/html; charset=utf-8" } });
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location } });
}

async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const asset = findAsset(pathname);
  if (asset !== undefined)
    return new Response(new Uint8Array(asset.body), { headers: { "Content-Type": asset.type } });
  const route = routes[`${request.method} ${pathname}`];
  if (route === undefined) return showPage(pages.messagePage(NOT_FOUND), NOT_FOUND.status);
  return route(request);
}

const handler = fetchSessions(sessions, handle, {
  crossSite: "refuse",
  onError(error) {
    const failure = explain(error);
    if (failure.status >= 500) console.error(error);
    return showPage(pages.messagePage(failure), failure.status);
  },
});

await listen(handler, settings.port, (port, runtime) => announce(`fetch on ${runtime}`, port, settings));
