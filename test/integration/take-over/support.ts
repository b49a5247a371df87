import { setTimeout as pause } from "node:timers/promises";
import { RedisStore } from "connect-redis";
import express, { type ErrorRequestHandler } from "express";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { expressSessionSource } from "sojourn/integrations/express-session";
import { onTestFinished } from "vitest";
import type { SessionSettings } from "../../../src/session/session-settings.ts";
import type { RedisServer } from "../../support/redis-server.ts";
import { serve } from "../../support/serve.ts";

const SECRET_KEY = "a secret of the tests, long enough";

/** The earlier records: connect-redis on an empty server. */
export async function openEarlier(server: RedisServer) {
  const client = await server.client();
  onTestFinished(() => client.destroy());
  await client.flushAll();
  const store = new RedisStore({ client: client as never });
  return { client, store, records: () => client.keys("sess:*") };
}

export interface ShopOptions {
  readonly moves?: boolean;
  readonly from?: NonNullable<SessionSettings["takeOver"]>["from"];
  readonly sessions?: SessionSettings;
  readonly secretKey?: string;
  readonly secretKeyFallbacks?: string[];
}

/** Sojourn's own sessions, with those of the earlier library. */
export function openSessions(server: RedisServer, options: ShopOptions = {}) {
  const { moves = true, from = expressSessionSource({ secret: "keyboard cat" }), sessions } = options;
  const { secretKey = SECRET_KEY, secretKeyFallbacks = [] } = options;
  const sojourn = createSojourn({
    projectName: "shop",
    secretKey,
    secretKeyFallbacks,
    redis: { default: server.settings },
    sessions: { cookie: { secure: "auto" }, deadline: "5s", ...sessions, takeOver: { from, moves } },
  });
  onTestFinished(() => sojourn.close());
  return sojourn.sessions;
}

/** The shop on Sojourn's own sessions, after the change of libraries. */
export async function serveShop(server: RedisServer, options: ShopOptions = {}) {
  const sessions = openSessions(server, options);
  const app = express();
  app.set("env", "test");
  app.use(express.urlencoded({ extended: false }));
  app.use(expressSessions(sessions));
  app.get("/", async (req, res) => {
    const session = await sessions.from(req);
    const { cart = {}, views } = session.data;
    res.json({ user: session.userId, cart, views, ref: session.ref });
  });
  app.post("/login", async (req, res) => {
    const session = await sessions.from(req);
    const { username } = req.body as { username: string };
    await session.login(username);
    session.data["passport"] = { user: username };
    res.send("in");
  });
  app.post("/logout", async (req, res) => {
    await (await sessions.from(req)).logout();
    res.send("out");
  });
  app.post(["/cart/:item", "/slow/:item"], async (req, res) => {
    const session = await sessions.from(req);
    const item = String(req.params["item"]);
    if (req.path.startsWith("/slow")) await pause(Number(req.query["ms"] ?? 50));
    session.data["cart"] = { ...session.data["cart"], [item]: 1 };
    res.send("added");
  });
  const onError: ErrorRequestHandler = (
    error: { status?: number; code?: string; message: string },
    _,
    res,
    __,
  ) => {
    res.status(error.status ?? 500).send(error.code ?? error.message);
  };
  app.use(onError);
  return { origin: await serve(app), sessions };
}
