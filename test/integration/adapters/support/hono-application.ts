import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { stream, streamSSE } from "hono/streaming";
import { honoSessions, type SessionVariables } from "sojourn/adapters/hono";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  StartedAdapterApplication,
} from "sojourn/testing";
import { answerByNode, serve } from "./conformance.ts";

interface Env {
  Bindings: HttpBindings;
  Variables: SessionVariables<AdapterTestData>;
}

type App = Hono<Env>;
type AppContext = Context<Env>;
type Protocol = AdapterTestApplication["protocol"];
type StreamingApi = Parameters<Parameters<typeof stream>[1]>[0];

/** On a server that gives Hono the response of Node. */
export function startHonoOnNode(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (app) => app.fetch);
}

/** On a server that gives requests only. */
export function startHono(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (app) => (request) => app.fetch(request));
}

async function start(
  application: AdapterTestApplication,
  fetchOf: (app: App) => (request: Request, node: HttpBindings) => Response | Promise<Response>,
): Promise<StartedAdapterApplication> {
  const app = honoApplication(application);
  const fetch = fetchOf(app);
  // Over HTTP/2 it is Node's compatibility API, which has the same methods.
  const listener = getRequestListener((request, node) => fetch(request, node as HttpBindings));
  return {
    ...(await serve(application, (incoming, outgoing) => void listener(incoming, outgoing))),
    inject: async ({ method, path, headers }) => {
      const response = await app.request(path, { method, headers });
      const setCookie = response.headers.getSetCookie();
      return { status: response.status, setCookie, body: await response.text() };
    },
  };
}

function honoApplication({
  mounts,
  routes,
  trustsProxy,
  protocol,
  answerError,
}: AdapterTestApplication): App {
  const app: App = new Hono();
  for (const { sessions, eager, crossSite } of mounts)
    app.use(honoSessions(sessions, { eager, crossSite, trustProxy: trustsProxy }));
  app.onError((error, c) => {
    const { status, body } = answerError(error);
    return c.text(body, status as 500);
  });
  for (const { method, path, handle } of routes)
    app.on(method, path, async (c) => answerByHono(c, await handle(c, c.get("session")), protocol));
  return app;
}

async function answerByHono(c: AppContext, answer: AdapterTestAnswer, protocol: Protocol): Promise<Response> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) c.header("Set-Cookie", cookie, { append: true });
      return c.text(answer.body, (answer.status ?? 200) as 200);
    case "json":
      return c.json(answer.value as object);
    case "redirect":
      return c.redirect(answer.location, answer.status);
    case "empty":
      return c.body(null, answer.status as 204);
    case "file":
      return c.body(Readable.toWeb(createReadStream(answer.path)) as ReadableStream);
    case "stream":
      return stream(c, async (writer) => {
        for await (const chunk of answer.chunks) await writer.write(chunk);
      });
    case "events":
      return answerByEvents(c, protocol, async (writer) => {
        for await (const event of answer.events) await writer.write(event);
      });
    case "raw":
      await answerByNode(c.env.outgoing, answer);
      return RESPONSE_ALREADY_SENT;
  }
}

/** `streamSSE` sets Transfer-Encoding, which ends the process over HTTP/2, also without sessions. */
function answerByEvents(
  c: AppContext,
  protocol: Protocol,
  write: (writer: StreamingApi) => Promise<void>,
): Response {
  if (protocol === "HTTP/1.1") return streamSSE(c, write);
  c.header("Content-Type", "text/event-stream");
  return stream(c, write);
}
