import { createReadStream } from "node:fs";
import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { fromNodeHandler, H3, type H3Event, iterable, mockEvent, redirect } from "h3";
import { toNodeHandler } from "h3/node";
import { h3Sessions } from "sojourn/adapters/h3";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  StartedAdapterApplication,
} from "sojourn/testing";
import type { Session } from "sojourn";
import { answerByNode, serve } from "./conformance.ts";

/** On a server that gives h3 the response of Node. */
export function startH3OnNode(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (app) => toNodeHandler(app));
}

/** On a server that gives requests only. */
export function startH3(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (app) => {
    const listener = getRequestListener((request) => app.fetch(request));
    return (incoming, outgoing) => void listener(incoming, outgoing);
  });
}

async function start(
  application: AdapterTestApplication,
  listenerOf: (app: H3) => RequestListener,
): Promise<StartedAdapterApplication> {
  const app = h3Application(application);
  return {
    ...(await serve(application, listenerOf(app))),
    inject: async ({ method, path, headers }) => {
      const response = await app.request(path, { method, headers });
      const setCookie = response.headers.getSetCookie();
      return { status: response.status, setCookie, body: await response.text() };
    },
  };
}

function h3Application({ mounts, routes, trustsProxy, answerError }: AdapterTestApplication): H3 {
  const app = new H3({
    silent: true,
    onError({ cause }, event) {
      const { status, body } = answerError(cause);
      event.res.status = status;
      return body;
    },
  });
  for (const { sessions, eager, crossSite } of mounts)
    app.use(h3Sessions(sessions, { eager, crossSite, trustProxy: trustsProxy }));
  for (const { method, path, handle } of routes) {
    const handler = async (event: H3Event) => {
      const { session } = event.context as { readonly session?: Session<AdapterTestData> };
      return valueOf(event, await handle(event, session));
    };
    app.on(method, path, handler);
    if (method === "GET" && IS_EARLY) app.on("HEAD", path, handler);
  }
  return app;
}

/** The h3 of Nitro 3.0.0 answers HEAD by handlers for HEAD alone. */
const IS_EARLY = !("errHeaders" in mockEvent("/").res);

function valueOf(event: H3Event, answer: AdapterTestAnswer): unknown {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) event.res.headers.append("Set-Cookie", cookie);
      event.res.status = answer.status ?? 200;
      return answer.body;
    case "json":
      return answer.value;
    case "redirect":
      return redirect(answer.location, answer.status);
    case "empty":
      event.res.status = answer.status;
      return null;
    case "file":
      return createReadStream(answer.path);
    case "stream":
      return iterable(answer.chunks);
    case "events":
      event.res.headers.set("Content-Type", "text/event-stream");
      return iterable(answer.events);
    case "raw":
      return fromNodeHandler((_request, response) => answerByNode(response as never, answer))(event);
  }
}
