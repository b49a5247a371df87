// Servers with the other libraries, each as its documentation sets it up. Not type-checked: see
// candidates.mjs.
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { RedisStore } from "connect-redis";
import expressSession from "express-session";
import Fastify from "fastify";
import { getIronSession } from "iron-session";
import { bareActions, connect, expressServer, noActions, nodeServer } from "../http/own-servers.mjs";
import { actionsWith, TTL_SECONDS } from "../http/server-kinds.mjs";

const SECRET = "a key that is long enough for a benchmark";
const COOKIE = { secure: false, httpOnly: true, sameSite: "lax", maxAge: TTL_SECONDS * 1000 };

/**
 * @param {import("../http/server-kinds.mjs").ServerKind} kind
 * @param {string} url Of Redis.
 * @returns {Promise<import("node:http").Server>}
 */
export async function peerServer({ framework, library }, url) {
  switch (library) {
    case "express-session":
      return expressSessionServer(new RedisStore({ client: await connect(url), prefix: "es:" }));
    case "iron-session":
      return nodeServer(ironActions());
    case "@fastify/session":
      return fastifySessionServer(new RedisStore({ client: await connect(url), prefix: "fs:" }));
    default:
      if (framework !== "fastify") throw new Error(`There is no server with ${library} on ${framework}.`);
      return fastifyServer(Fastify(), library === "GET" ? await bareActions(url) : noActions());
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

async function fastifyServer(app, actions) {
  for (const [path, act] of Object.entries(actions)) {
    app.get(`/${path}`, async (request, reply) => act(request, reply));
  }
  await app.ready();
  return app.server;
}
