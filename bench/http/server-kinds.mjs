// @ts-check
// The compared servers, and what all of them do.
import { makeData } from "../session/data.mjs";

/** @typedef {import("../session/data.mjs").Data} Data */

/**
 * @typedef {"untouched" | "read" | "write" | "login"} Operation What a request does with its session:
 *   nothing, reads a key, writes a key, or logs its user in.
 */

/** @typedef {"express" | "node" | "fastify" | "koa" | "hono" | "next"} Framework */

/**
 * @typedef {object} ServerKind
 * @property {Framework} framework
 * @property {string} library
 * @property {"json" | "django"} [format] Of Sojourn's records.
 * @property {readonly Operation[]} operations Those that are measured.
 * @property {boolean} [isStateless] A login does not end the cookie that came before it.
 */

/**
 * Answers of a server, by the path of the request. Besides the measured operations `start`, which begins a
 * session with data, `views`, which reads what `write` wrote, and `user`, the logged-in user or nothing.
 *
 * @template Request
 * @template Response
 * @typedef {{ readonly [Path in Operation | "start" | "views" | "user"]?: (request: Request, response:
 *   Response) => Promise<string> | string }} Actions
 */

/**
 * How a library gets at the data of a request's session.
 *
 * @template Request
 * @template Response
 * @typedef {object} Access
 * @property {(request: Request, response: Response) => Promise<Partial<Data>> | Partial<Data>} open The data.
 * @property {(request: Request, response: Response) => unknown} [save] Where a library does not save by
 *   itself.
 * @property {(request: Request, response: Response, userId: string) => unknown} logIn Keeps the data.
 * @property {(request: Request, response: Response) => Promise<string | undefined> | string | undefined} userId
 */

/** @type {readonly Operation[]} */
const ALL = ["untouched", "read", "write", "login"];

/** @type {readonly ServerKind[]} */
export const SERVER_KINDS = [
  { framework: "express", library: "none", operations: ["untouched"] },
  { framework: "express", library: "GET", operations: ["read"] },
  { framework: "express", library: "express-session", operations: ALL },
  { framework: "express", library: "Sojourn, json", format: "json", operations: ALL },
  { framework: "express", library: "Sojourn, django", format: "django", operations: ALL },
  { framework: "node", library: "none", operations: ["untouched"] },
  { framework: "node", library: "GET", operations: ["read"] },
  { framework: "node", library: "iron-session", operations: ["read", "write", "login"], isStateless: true },
  { framework: "node", library: "Sojourn, json", format: "json", operations: ALL },
  { framework: "node", library: "Sojourn, django", format: "django", operations: ALL },
  { framework: "fastify", library: "none", operations: ["untouched"] },
  { framework: "fastify", library: "GET", operations: ["read"] },
  { framework: "fastify", library: "@fastify/session", operations: ALL },
  { framework: "fastify", library: "Sojourn, json", format: "json", operations: ALL },
  { framework: "koa", library: "none", operations: ["untouched"] },
  { framework: "koa", library: "GET", operations: ["read"] },
  { framework: "koa", library: "koa-session", operations: ALL },
  { framework: "koa", library: "Sojourn, json", format: "json", operations: ALL },
  { framework: "hono", library: "none", operations: ["untouched"] },
  { framework: "hono", library: "GET", operations: ["read"] },
  { framework: "hono", library: "hono-sessions", operations: ALL },
  { framework: "hono", library: "Sojourn, json", format: "json", operations: ALL },
  { framework: "next", library: "none", operations: ["untouched"] },
  { framework: "next", library: "GET", operations: ["read"] },
  { framework: "next", library: "iron-session", operations: ALL, isStateless: true },
  { framework: "next", library: "Sojourn, json", format: "json", operations: ALL },
];

/**
 * The usual libraries of the frameworks. node:http has none, and is compared with express-session on Express.
 *
 * @type {Readonly<Record<Framework, readonly [Framework, string]>>}
 */
export const USUAL_CHOICES = {
  express: ["express", "express-session"],
  node: ["express", "express-session"],
  fastify: ["fastify", "@fastify/session"],
  koa: ["koa", "koa-session"],
  hono: ["hono", "hono-sessions"],
  next: ["next", "iron-session"],
};

export const UNTOUCHED = "left alone";

/** Session cookies and records live so long: a run ends before. */
export const TTL_SECONDS = 14 * 86_400;

/**
 * @template Request
 * @template Response
 * @param {Access<Request, Response>} access
 * @returns {Actions<Request, Response>}
 */
export function actionsWith({ open, save = () => {}, logIn, userId }) {
  let started = 0;
  let written = 1000;
  return {
    start: async (request, response) => {
      Object.assign(await open(request, response), makeData(started++));
      await save(request, response);
      return "started";
    },
    untouched: () => UNTOUCHED,
    read: async (request, response) => found((await open(request, response)).name),
    views: async (request, response) => String((await open(request, response)).views),
    write: async (request, response) => {
      const data = await open(request, response);
      found(data.name);
      data.views = ++written;
      await save(request, response);
      return String(written);
    },
    login: async (request, response) => {
      const id = String(found((await open(request, response)).visitor));
      await logIn(request, response, id);
      return id;
    },
    user: async (request, response) => (await userId(request, response)) ?? "",
  };
}

/**
 * A visitor without a session fails the request: nothing is measured then.
 *
 * @template Value
 * @param {Value | undefined} value
 * @returns {Value}
 */
export function found(value) {
  if (value === undefined) throw new Error("There is no session where one is measured.");
  return value;
}
