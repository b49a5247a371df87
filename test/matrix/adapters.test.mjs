// @ts-check
// The suite for adapters on the runtime's own server of web handlers: fetchSessions and honoSessions, with
// sessions in memory and on the server that REDIS_URL names. Plain JavaScript, since it runs on each of the
// runtimes as it stands: see scripts/matrix.mjs.
import { once } from "node:events";
import { describe, it } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { stream, streamSSE } from "hono/streaming";
import { fetchSessions } from "sojourn/adapters/fetch";
import { honoSessions } from "sojourn/adapters/hono";
import { redisSessionStore } from "sojourn/stores/redis";
import { describeAdapter } from "sojourn/testing";
import { webAnswer } from "./web-answers.mjs";

/** @typedef {import("sojourn/testing").AdapterTestApplication} AdapterTestApplication */
/** @typedef {(request: Request, ...rest: any[]) => Response | Promise<Response>} Handler */

const url = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";

const LACKS = {
  raw: "only web responses reach the servers of Bun and Deno",
  listener: "Bun and Deno have no listeners of Node",
  http2: "the servers of Bun and Deno have it over TLS only",
};

/** @type {Readonly<Record<string, (application: AdapterTestApplication) => Handler>>} */
const ADAPTERS = { fetchSessions: fetchApplication, honoSessions: honoApplication };

for (const [name, handlerFor] of Object.entries(ADAPTERS)) {
  /** @type {import("sojourn/testing").AdapterSuiteOptions} */
  const options = {
    lacks: LACKS,
    start: async (application) => {
      const handler = handlerFor(application);
      return { ...(await serve(handler)), inject: (request) => inject(handler, request) };
    },
  };
  describeAdapter({ describe, it }, `${name}, sessions in memory`, options);
  describeAdapter({ describe, it }, `${name}, sessions in Redis`, {
    ...options,
    store: redisSessionStore(),
    redis: () => ({ default: url }),
  });
}

/**
 * Mounts are one around the other.
 *
 * @param {AdapterTestApplication} application
 * @returns {Handler}
 */
function fetchApplication({ mounts, routes, trustsProxy, answerError }) {
  /** @type {Handler} */
  const handle = async (request) => {
    const method = request.method === "HEAD" ? "GET" : request.method;
    const { pathname } = new URL(request.url);
    const route = routes.find((each) => each.method === method && each.path === pathname);
    if (route === undefined) return new Response(null, { status: 404 });
    return webAnswer(/** @type {any} */ (await route.handle(request, /** @type {any} */ (request).session)));
  };
  const onError = (/** @type {unknown} */ error) => {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  };
  return mounts.reduceRight(
    (handler, { sessions, eager, crossSite }) =>
      fetchSessions(sessions, handler, { eager, crossSite, trustProxy: trustsProxy, onError }),
    handle,
  );
}

/**
 * @param {AdapterTestApplication} application
 * @returns {Handler}
 */
function honoApplication({ mounts, routes, trustsProxy, answerError }) {
  const app = new Hono();
  for (const { sessions, eager, crossSite } of mounts)
    app.use(honoSessions(sessions, { eager, crossSite, trustProxy: trustsProxy }));
  app.onError((error, c) => {
    const { status, body } = answerError(error);
    return c.text(body, /** @type {any} */ (status));
  });
  for (const { method, path, handle } of routes)
    app.on(method, path, async (c) =>
      answerByHono(c, await handle(c, /** @type {any} */ (c).get("session"))),
    );
  return app.fetch;
}

/**
 * @param {import("hono").Context} c
 * @param {import("sojourn/testing").AdapterTestAnswer} answer
 */
function answerByHono(c, answer) {
  switch (answer.kind) {
    case "stream":
      return stream(c, async (writer) => {
        for await (const chunk of answer.chunks) await writer.write(chunk);
      });
    case "events":
      return streamSSE(c, async (writer) => {
        for await (const event of answer.events) await writer.write(event);
      });
    default:
      return webAnswer(/** @type {any} */ (answer));
  }
}

/**
 * Starts the runtime's own server; in Node, that of Hono.
 *
 * @param {Handler} handler
 * @returns {Promise<import("sojourn/testing").StartedAdapterApplication>}
 */
async function serve(handler) {
  const { Bun, Deno } = /** @type {any} */ (globalThis);
  if (Bun) {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler });
    return { port: server.port, close: () => server.stop(true) };
  }
  if (Deno) {
    const options = { port: 0, hostname: "127.0.0.1", onListen() {} };
    const server = Deno.serve(options, handler);
    return { port: server.addr.port, close: () => server.shutdown() };
  }
  const server = createAdaptorServer({ fetch: handler });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    port,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * @param {Handler} handler
 * @param {import("sojourn/testing").AdapterTestInjection} request
 */
async function inject(handler, { method, path, headers }) {
  const response = await handler(new Request(`http://127.0.0.1${path}`, { method, headers }));
  return {
    status: response.status,
    setCookie: response.headers.getSetCookie(),
    body: await response.text(),
  };
}
