import type { AddressInfo } from "node:net";
import Koa, { type Context } from "koa";
import { createSojourn } from "sojourn";
import { koaSessions, type KoaSessionContext } from "sojourn/adapters/koa";
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

type ShopContext = Context & KoaSessionContext<ShopData>;

const routes: Readonly<Record<string, (ctx: ShopContext) => Promise<void> | void>> = {
  "GET /about": (ctx) => {
    ctx.body = pages.aboutPage();
  },
  "GET /": async (ctx) => {
    ctx.body = pages.productsPage(await ctx.session());
  },
  "GET /cart": async (ctx) => {
    ctx.body = pages.cartPage(await ctx.session());
  },
  "POST /cart": async (ctx) => {
    const { product, by } = readChange(await readForm(ctx.req));
    const session = await ctx.session();
    await session.update((data) => changeCart(data, product, by));
    seeOther(ctx, "/cart");
  },
  "GET /login": async (ctx) => {
    ctx.body = pages.loginPage(await ctx.session());
  },
  "POST /login": async (ctx) => {
    const { login, password } = readCredentials(await readForm(ctx.req));
    const user = await authenticate(login, password);
    const session = await ctx.session();
    if (user === undefined) {
      ctx.status = 422;
      ctx.body = pages.loginPage(session, { failedLogin: login });
      return;
    }
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    seeOther(ctx, "/account");
  },
  "GET /account": async (ctx) => {
    const session = await ctx.session();
    ctx.body = pages.accountPage(session, await devicesOf(session, sessions));
  },
  "POST /logout": async (ctx) => {
    const session = await ctx.session();
    await session.logout();
    seeOther(ctx, "/");
  },
  "POST /logout-everywhere": async (ctx) => {
    const session = await ctx.session();
    if (session.userId !== undefined) await sessions.revokeUser(session.userId);
    await session.logout(); // this one has ended too; this clears its cookie
    seeOther(ctx, "/");
  },
};

function seeOther(ctx: Context, path: string): void {
  ctx.status = 303;
  ctx.redirect(path);
}

const app = new Koa<object, KoaSessionContext<ShopData>>();

app.use(async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    const failure = explain(error);
    if (failure.status >= 500) console.error(error);
    ctx.status = failure.status;
    ctx.body = pages.messagePage(failure);
  }
});

app.use(async (ctx, next) => {
  const asset = findAsset(ctx.path);
  if (asset === undefined) {
    await next();
    return;
  }
  ctx.type = asset.type;
  ctx.body = asset.body;
});

app.use(koaSessions(sessions, { crossSite: "refuse" }));

app.use(async (ctx) => {
  ctx.status = 404;
  ctx.body = pages.messagePage(NOT_FOUND);
  const route = routes[`${ctx.method} ${ctx.path}`];
  if (route === undefined) return;
  ctx.status = 200;
  await route(ctx);
});

const server = app.listen(settings.port, () => {
  announce("Koa", (server.address() as AddressInfo).port, settings);
});
