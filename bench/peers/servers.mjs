// Servers with the other libraries, each as its documentation sets it up. Not type-checked: see
// candidates.mjs.
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { RedisStore } from "connect-redis";
import expressSession from "express-session";
import Fastify from "fastify";
import { Hono } from "hono";
import { sessionMiddleware } from "hono-sessions";
import { getIronSession } from "iron-session";
import Koa from "koa";
import koaSession from "koa-session";
import {
  connect,
  expressServer,
  fastifyServer,
  honoServer,
  koaServer,
  nodeServer,
} from "../http/own-servers.mjs";
import { nextServer } from "../http/next-server.mjs";
import { actionsWith, TTL_SECONDS } from "../http/server-kinds.mjs";

const SECRET = "a key that is long enough for a benchmark";
const COOKIE = { secure: false, httpOnly: true, sameSite: "lax", maxAge: TTL_SECONDS * 1000 };

/**
 * @param {import("../http/server-kinds.mjs").ServerKind} kind
 * @param {string} url Of Redis.
 * @returns {Promise<import("node:http").Server>}
 */
export async function peerServer(kind, url) {
  const { framework, library } = kind;
  if (framework === "next") return nextServer(kind, url, getIronSession);
  switch (library) {
    case "express-session":
      return expressSessionServer(new RedisStore({ client: await connect(url), prefix: "es:" }));
    case "iron-session":
      return nodeServer(ironActions());
    case "@fastify/session":
      return fastifySessionServer(new RedisStore({ client: await connect(url), prefix: "fs:" }));
    case "koa-session":
      return koaSessionServer(await connect(url));
    case "hono-sessions":
      return honoSessionsServer(await connect(url));
    default:
      throw new Error(`There is no server with ${library} on ${framework}.`);
  }
}

function expressSessionServer(store) {
  const options = { store, secret: SECRET, resave: false, saveUninitialized: false, cookie: COOKIE };
  const logIn = (request, _, userId) =>
    new Promise((resolve, reject) => {
      const { cookie: _cookie, ...data } = request.session;
      request.session.regenerate((error) => {
        if (error) return reject(new Error("The session has no new key.", { cause: error }));
        Object.assign(request.session, data, { userId });
        return resolve();
      });
    });
  const actions = actionsWith({
    open: ({ session }) => session,
    logIn,
    userId: ({ session }) => session.userId,
  });
  return expressServer(actions, expressSession(options));
}

/** The cookie has all of it: a login has no key to replace. */
function ironActions() {
  const options = {
    cookieName: "iron",
    password: SECRET,
    ttl: TTL_SECONDS,
    cookieOptions: { secure: false },
  };
  const opened = new WeakMap();
  const open = async (request, response) => {
    if (!opened.has(request)) opened.set(request, await getIronSession(request, response, options));
    return opened.get(request);
  };
  const save = async (request) => opened.get(request).save();
  const logIn = async (request, response, userId) => {
    Object.assign(await open(request, response), { userId });
    await save(request);
  };
  return actionsWith({ open, save, logIn, userId: async (...args) => (await open(...args)).userId });
}

async function fastifySessionServer(store) {
  const app = Fastify();
  await app.register(fastifyCookie);
  await app.register(fastifySession, { store, secret: SECRET, saveUninitialized: false, cookie: COOKIE });
  const logIn = async (request, _, userId) => {
    await request.session.regenerate(Object.keys(request.session).filter((key) => key !== "cookie"));
    request.session.userId = userId;
  };
  const actions = actionsWith({
    open: ({ session }) => session,
    logIn,
    userId: ({ session }) => session.userId,
  });
  return fastifyServer(app, actions);
}

/** It has no store of its own for Redis: its documentation asks for these three methods. */
function koaSessionServer(client) {
  const app = new Koa();
  app.keys = [SECRET];
  const store = {
    get: async (key) => JSON.parse((await client.get(`ks:${key}`)) ?? "null"),
    set: (key, value) =>
      client.set(`ks:${key}`, JSON.stringify(value), { expiration: { type: "EX", value: TTL_SECONDS } }),
    destroy: (key) => client.del(`ks:${key}`),
  };
  app.use(koaSession({ store, maxAge: COOKIE.maxAge, secure: false, sameSite: "lax" }, app));
  const logIn = async ({ session }, _, userId) => {
    session.userId = userId;
    await session.regenerate();
  };
  return koaServer(
    app,
    actionsWith({ open: ({ session }) => session, logIn, userId: ({ session }) => session.userId }),
  );
}

/** It has no store of its own for Redis: its documentation asks for these four methods. */
function honoSessionsServer(client) {
  const put = async (id, data) => {
    await client.set(`hs:${id}`, JSON.stringify(data), { expiration: { type: "EX", value: TTL_SECONDS } });
  };
  const store = {
    getSessionById: async (id) => JSON.parse((await client.get(`hs:${id}`)) ?? "null"),
    createSession: put,
    persistSessionData: put,
    deleteSession: async (id) => void (await client.del(`hs:${id}`)),
  };
  const app = new Hono();
  app.use(sessionMiddleware({ store, expireAfterSeconds: TTL_SECONDS, cookieOptions: HONO_COOKIE }));
  const logIn = (c, _, userId) => {
    c.get("session").set("userId", userId);
    c.set("session_key_rotation", true);
  };
  return honoServer(app, actionsWith({ open: dataOf, logIn, userId: (c) => c.get("session").get("userId") }));
}

const HONO_COOKIE = { secure: false, httpOnly: true, sameSite: "Lax", maxAge: TTL_SECONDS, path: "/" };

/** Its values are had by methods. */
function dataOf(c) {
  const session = c.get("session");
  return new Proxy(
    {},
    {
      get: (_, name) => session.get(name),
      set: (_, name, value) => {
        session.set(name, value);
        return true;
      },
    },
  );
}
