import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createSojourn } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";
import { findAsset } from "../shared/assets.ts";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { readChange, readCredentials, readForm } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

const routes: Readonly<Record<string, Handler>> = {
  "GET /about": (_request, response) => {
    sendPage(response, pages.aboutPage());
  },
  "GET /": async (request, response) => {
    sendPage(response, pages.productsPage(await sessions.from(request)));
  },
  "GET /cart": async (request, response) => {
    sendPage(response, pages.cartPage(await sessions.from(request)));
  },
  "POST /cart": async (request, response) => {
    const { product, by } = readChange(await readForm(request));
    const session = await sessions.from(request);
    await session.update((data) => changeCart(data, product, by));
    seeOther(response, "/cart");
  },
  "GET /login": async (request, response) => {
    sendPage(response, pages.loginPage(await sessions.from(request)));
  },
  "POST /login": async (request, response) => {
    const { login, password } = readCredentials(await readForm(request));
    const user = await authenticate(login, password);
    const session = await sessions.from(request);
    if (user === undefined) {
      sendPage(response, pages.loginPage(session, { failedLogin: login }), 422);
      return;
    }
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    seeOther(response, "/account");
  },
  "GET /account": async (request, response) => {
    const session = await sessions.from(request);
    sendPage(response, pages.accountPage(session, await devicesOf(session, sessions)));
  },
  "POST /logout": async (request, response) => {
    const session = await sessions.from(request);
    await session.logout();
    seeOther(response, "/");
  },
  "POST /logout-everywhere": async (request, response) => {
    const session = await sessions.from(request);
    if (session.userId !== undefined) await sessions.revokeUser(session.userId);
    await session.logout(); // this one has ended too; this clears its cookie
    seeOther(response, "/");
  },
};

function sendPage(response: ServerResponse, page: string, status = 200): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8" }).end(page);
}

function seeOther(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location }).end();
}

const handler: Handler = async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const asset = findAsset(pathname);
  if (asset !== undefined) {
    response.writeHead(200, { "Content-Type": asset.type }).end(asset.body);
    return;
  }
  const route = routes[`${request.method} ${pathname}`];
  if (route === undefined) sendPage(response, pages.messagePage(NOT_FOUND), NOT_FOUND.status);
  else await route(request, response);
};

const listener = nodeSessions(sessions, handler, {
  crossSite: "refuse",
  onError: (error, _request, response) => {
    const failure = explain(error);
    if (failure.status >= 500) console.error(error);
    sendPage(response, pages.messagePage(failure), failure.status);
  },
});

const server = createServer(listener).listen(settings.port, () => {
  announce("node:http", (server.address() as AddressInfo).port, settings);
});
