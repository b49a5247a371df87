// @ts-check
// Servers with Sojourn, and those with nothing but the framework or a bare GET.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createClient } from "@redis/client";
import express from "express";
import { createSojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
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
export async function ownServer({ framework, library, format }, url) {
  const plain = framework === "express" ? expressServer : nodeServer;
  if (library === "none") return plain(noActions());
  if (library === "GET") return plain(await bareActions(url));
  return format === undefined ? undefined : sojournServer(framework, format, url);
}

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
    read: async ({ headers }) => {
      const text = await client.get(`bare:${String(headers.cookie).slice("sid=".length)}`);
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
  else response.header(name, value);
}

/**
 * @param {ServerKind["framework"]} framework
 * @param {"json" | "django"} format
 * @param {string} url
 * @returns {Server}
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
  if (framework === "express") return expressServer(actions, expressSessions(sessions));
  return createServer(nodeSessions(sessions, nodeHandler(actions)));
}
