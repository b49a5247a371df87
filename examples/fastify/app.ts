import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { createSojourn } from "sojourn";
import { fastifySessions } from "sojourn/adapters/fastify";
import { findAsset } from "../shared/assets.ts";
import { changeCart } from "../shared/cart.ts";
import { devicesOf } from "../shared/devices.ts";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { parseForm, readChange, readCredentials, type Fields } from "../shared/forms.ts";
import type { ShopData } from "../shared/session-data.ts";
import { announce, readSettings, sojournSettings } from "../shared/settings.ts";
import { authenticate } from "../shared/users.ts";
import * as pages from "../shared/views/pages.ts";

const settings = readSettings(process.env);
const { sessions } = createSojourn<ShopData>(sojournSettings(settings));

const app = fastify({ bodyLimit: 2048 });
await app.register(fastifySessions(sessions, { crossSite: "refuse" }));

app.addContentTypeParser(
  "application/x-www-form-urlencoded",
  { parseAs: "string" },
  async (_request: object, body: string) => parseForm(body),
);

for (const path of ["/style.css", "/icon.svg"]) {
  app.get(path, (_request, reply) => reply.type(findAsset(path)?.type ?? "").send(findAsset(path)?.body));
}

app.get("/about", (_request, reply) => reply.type("text/html").send(pages.aboutPage()));

app.get("/", async (request, reply) => {
  reply.type("text/html");
  return pages.productsPage(await sessions.from(request));
});

app.get("/cart", async (request, reply) => {
  reply.type("text/html");
  return pages.cartPage(await sessions.from(request));
});

app.post<{ Body: Fields }>("/cart", async (request, reply) => {
  const { product, by } = readChange(request.body);
  const session = await sessions.from(request);
  await session.update((data) => changeCart(data, product, by));
  return reply.redirect("/cart", 303);
});

app.get("/login", async (request, reply) => {
  reply.type("text/html");
  return pages.loginPage(await sessions.from(request));
});

app.post<{ Body: Fields }>("/login", async (request, reply) => {
  const { login, password } = readCredentials(request.body);
  const user = await authenticate(login, password);
  const session = await sessions.from(request);
  if (user === undefined)
    return reply
      .code(422)
      .type("text/html")
      .send(pages.loginPage(session, { failedLogin: login }));
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  return reply.redirect("/account", 303);
});

app.get("/account", async (request, reply) => {
  const session = await sessions.from(request);
  reply.type("text/html");
  return pages.accountPage(session, await devicesOf(session, sessions));
});

app.post("/logout", async (request, reply) => {
  const session = await sessions.from(request);
  await session.logout();
  return reply.redirect("/", 303);
});

app.post("/logout-everywhere", async (request, reply) => {
  const session = await sessions.from(request);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  return reply.redirect("/", 303);
});

app.setNotFoundHandler((_request, reply) =>
  reply.code(404).type("text/html").send(pages.messagePage(NOT_FOUND)),
);

app.setErrorHandler((error, _request, reply) => {
  const failure = explain(error);
  if (failure.status >= 500) console.error(error);
  return reply.code(failure.status).type("text/html").send(pages.messagePage(failure));
});

await app.listen({ port: settings.port });
announce("Fastify", (app.server.address() as AddressInfo).port, settings);
