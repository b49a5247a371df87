// @ts-check
// Servers with Sojourn, and those with nothing but the framework or a bare GET.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { createClient } from "@redis/client";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { fastifySessions } from "sojourn/adapters/fastify";
import { honoSessions } from "sojourn/adapters/hono";
import { koaSessions } from "sojourn/adapters/koa";
import { nodeSessions } from "sojourn/adapters/node";
import { makeData } from "../session/data.mjs";
import { actionsWith, found, TTL_SECONDS, UNTOUCHED } from "./server-kinds.mjs";

/** @typedef {import("node:http").IncomingMessage} IncomingMessage */
/** @typedef {import("node:http").ServerResponse} ServerResponse */
/** @typedef {import("node:http").Server} Server */
/** @typedef {import("./server-kinds.mjs").Actions<any, any>} Actions */
/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */

/**
 * @param {ServerKind} kind
 * @param {string} url Of Redis.
 * @returns {Promise<Server | undefined>} `undefined` for a library of others.
 */
export async function ownServer(kind, url) {
  const { framework, library, format } = kind;
  if (framework === "next") return library === "iron-session" ? undefined : startNext(kind, url);
  const plain = SERVERS[framework];
  if (library === "none") return plain(noActions());
  if (library === "GET") return plain(await bareActions(url));
  return format === undefined ? undefined : sojournServer(framework, format, url);
}

/** @param {ServerKind} kind @param {string} url */
async function startNext(kind, url) {
  const { nextServer } = await import("./next-server.mjs");
  return nextServer(kind, url);
}

/** Those whose servers take their handlers. @typedef {Exclude<ServerKind["framework"], "next">} Plain */

/** @type {Record<Plain, (actions: Actions) => Promise<Server> | Server>} */
const SERVERS = {
  express: expressServer,
  node: nodeServer,
  fastify: (actions) => fastifyServer(fastify(), actions),
  koa: (actions) => koaServer(new Koa(), actions),
  hono: (actions) => honoServer(new Hono(), actions),
};

/**
 * @param {Actions} actions
 * @param {readonly express.RequestHandler[]} middleware
 * @returns {Server}
 */
export function expressServer(actions, ...middleware) {
  const app = express();
  for (const each of middleware) app.use(each);
  for (const [path, act] of Object.entries(actions)) {
    app.get(`/${path}`, async (request, response) => {
      response.send(await act(request, response));
    });
  }
  return createServer(app);
}

/**
 * @param {any} app Of Fastify, with what it has besides.
 * @param {Actions} actions
 * @returns {Promise<Server>}
 */
export async function fastifyServer(app, actions) {
  for (const [path, act] of Object.entries(actions)) {
    app.get(`/${path}`, async (/** @type {any} */ request, /** @type {any} */ reply) => act(request, reply));
  }
  await app.ready();
  return app.server;
}

/**
 * @param {any} app Of Koa, with what it has besides.
 * @param {Actions} actions
 * @returns {Server}
 */
export function koaServer(app, actions) {
  const byPath = new Map(Object.entries(actions).map(([path, act]) => [`/${path}`, act]));
  app.use(async (/** @type {any} */ ctx) => {
    ctx.body = await found(byPath.get(ctx.path))(ctx, ctx);
  });
  return createServer(app.callback());
}

/**
 * @param {any} app Of Hono, with what it has besides.
 * @param {Actions} actions
 * @returns {Server}
 */
export function honoServer(app, actions) {
  for (const [path, act] of Object.entries(actions)) {
    app.get(`/${path}`, async (/** @type {any} */ c) => c.text(await act(c, c)));
  }
  return /** @type {Server} */ (createAdaptorServer({ fetch: app.fetch }));
}

/** @param {Actions} actions @returns {Server} */
export function nodeServer(actions) {
  const answer = nodeHandler(actions);
  return createServer((request, response) => {
    answer(request, response).catch((/** @type {unknown} */ error) => {
      console.error(error);
      response.statusCode = 500;
      response.end();
    });
  });
}

/** @param {Actions} actions */
function nodeHandler(actions) {
  const byUrl = new Map(Object.entries(actions).map(([path, act]) => [`/${path}`, act]));
  return async (/** @type {IncomingMessage} */ request, /** @type {ServerResponse} */ response) => {
    const text = await found(byUrl.get(request.url ?? ""))(request, response);
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(text);
  };
}

/** @returns {Actions} */
export function noActions() {
  return { untouched: () => UNTOUCHED };
}

/**
 * A client whose own timeout is off, as in Sojourn: on, it costs more than half of the throughput.
 *
 * @param {string} url
 */
export async function connect(url) {
  const client = createClient({ url, RESP: 3, commandOptions: { timeout: 0 } });
  client.on("error", (error) => {
    throw error;
  });
  await client.connect();
  return client;
}

/**
 * The least that a session in Redis can cost: the cookie's value is a key.
 *
 * @param {string} url
 * @returns {Promise<Actions>}
 */
export async function bareActions(url) {
  const client = await connect(url);
  let started = 0;
  return {
    start: async (_, response) => {
      const id = randomUUID();
      const text = JSON.stringify(makeData(started++));
      await client.set(`bare:${id}`, text, { expiration: { type: "EX", value: TTL_SECONDS } });
      setHeader(response, "Set-Cookie", `sid=${id}; Path=/; HttpOnly`);
      return "started";
    },
    read: async (request) => {
      const text = await client.get(`bare:${cookieOf(request).slice("sid=".length)}`);
      return found(JSON.parse(text ?? "{}").name);
    },
  };
}

/**
 * @param {any} response Of any of the frameworks.
 * @param {string} name
 * @param {string} value
 */
function setHeader(response, name, value) {
  if ("setHeader" in response) response.setHeader(name, value);
  else if ("append" in response) response.append(name, value);
  else response.header(name, value);
}

/** @param {any} request Of any of the frameworks. */
function cookieOf(request) {
  if (request.headers instanceof Headers) return String(request.headers.get("cookie"));
  return String(request.headers === undefined ? request.req.header("cookie") : request.headers.cookie);
}

/**
 * @param {Plain} framework
 * @param {"json" | "django"} format
 * @param {string} url
 * @returns {Promise<Server> | Server}
 */
function sojournServer(framework, format, url) {
  const { sessions } = createSojourn({
    projectName: "bench",
    secretKey: "a key that is long enough for a benchmark",
    redis: { default: url },
    // A busy machine must not end a run.
    sessions: { format, deadline: "30s", cookie: { secure: false, age: TTL_SECONDS } },
  });
  /** @type {Actions} */
  const actions = actionsWith({
    open: async (request) => (await sessions.from(request)).data,
    logIn: async (request, _, id) => (await sessions.from(request)).login(id),
    userId: async (request) => (await sessions.from(request)).userId,
  });
  switch (framework) {
    case "express":
      return expressServer(actions, expressSessions(sessions));
    case "fastify":
      return fastifyServer(fastify().register(fastifySessions(sessions)), actions);
    case "koa":
      return koaServer(new Koa().use(koaSessions(sessions)), actions);
    case "hono":
      return honoServer(new Hono().use(honoSessions(sessions)), actions);
    case "node":
      return createServer(nodeSessions(sessions, nodeHandler(actions)));
  }
}
