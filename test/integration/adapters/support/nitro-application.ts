import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import {
  createApp,
  createEvent,
  createRouter,
  eventHandler,
  type App,
  type H3Event,
  sendRedirect,
  setResponseStatus,
  toNodeListener,
} from "h3v1";
import { fetchNodeRequestHandler } from "node-mock-http";
import { nitroSessions } from "sojourn/adapters/nitro";
import type { Session } from "sojourn";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  StartedAdapterApplication,
} from "sojourn/testing";
import { answerByNode, serve } from "./conformance.ts";

/** An application of h3 1, as Nitro 2 makes it and gives it to its plugins. */
export interface TestNitro {
  readonly h3App: App;
}

/** Makes an application as Nitro 2 does (nitropack 2.13, `runtime/internal/app`). */
export function createTestNitro(answerError: AdapterTestApplication["answerError"]): TestNitro {
  const h3App = createApp({
    onError(error, event) {
      const { status, body } = answerError(error.cause ?? error);
      setResponseStatus(event, status);
      event.node.res.end(body);
    },
    onRequest: async (event) => {
      const { __unenv__: given } = event.node.req as { __unenv__?: { readonly _platform?: object } };
      const { _platform: platform } = given ?? {};
      if (platform) event.context = { ...platform, ...event.context };
    },
    onBeforeResponse: async () => {},
  });
  return { h3App };
}

/**
 * Makes the event that a handler gets in `cachedEventHandler` (nitropack 2.13.6, `runtime/internal/cache`): its request and
 * its response are proxies, and the first has the headers alone by which the cache varies.
 */
export function cachedEventOf(incoming: H3Event, headers: Record<string, string> = {}): H3Event {
  const { req, res } = incoming.node;
  const event = createEvent(cloneWithProxy(req, { headers }), cloneWithProxy(res, { headersSent: false }));
  event.context = incoming.context;
  event.context["cache"] = {
    options: { getKey: async () => "key", group: "nitro/handlers", integrity: "hash" },
  };
  return event;
}

function cloneWithProxy<Target extends object>(target: Target, overrides: object): Target {
  return new Proxy(target, {
    get: (original, name, receiver) => Reflect.get(name in overrides ? overrides : original, name, receiver),
    set: (original, name, value, receiver) =>
      Reflect.set(name in overrides ? overrides : original, name, value, receiver),
  });
}

/** Starts a server, as the presets of Nitro for Node do. */
export async function startNitro(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  const { h3App } = nitroApplication(application);
  const listener = toNodeListener(h3App);
  return {
    ...(await serve(application, (request, response) => listener(request, response))),
    inject: async ({ method, path, headers }) => {
      const response = await fetchNodeRequestHandler(listener, path, { method, headers });
      const setCookie = response.headers.getSetCookie();
      return { status: response.status, setCookie, body: await response.text() };
    },
  };
}

function nitroApplication({ mounts, routes, trustsProxy, answerError }: AdapterTestApplication): TestNitro {
  const nitro = createTestNitro(answerError);
  // Those of later plugins are around those of earlier ones.
  for (const { sessions, eager, crossSite } of mounts.toReversed())
    nitroSessions(sessions, { eager, crossSite, trustProxy: trustsProxy })(nitro);
  const router = createRouter({ preemptive: true });
  for (const { method, path, handle } of routes)
    router.add(
      path,
      eventHandler(async (event) => {
        const { session } = event.context as { readonly session?: Session<AdapterTestData> };
        return valueOf(event, await handle(event, session));
      }),
      method === "GET" ? ["get", "head"] : (method.toLowerCase() as "post"),
    );
  nitro.h3App.use(router);
  return nitro;
}

async function valueOf(event: H3Event, answer: AdapterTestAnswer): Promise<unknown> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) event.node.res.appendHeader("Set-Cookie", cookie);
      setResponseStatus(event, answer.status ?? 200);
      return answer.body;
    case "json":
      return answer.value;
    case "redirect":
      return sendRedirect(event, answer.location, answer.status);
    case "empty":
      setResponseStatus(event, answer.status);
      return null;
    case "file":
      return createReadStream(answer.path);
    case "stream":
      return Readable.from(answer.chunks, { objectMode: false });
    case "events":
      event.node.res.setHeader("Content-Type", "text/event-stream");
      return Readable.from(answer.events, { objectMode: false });
    case "raw":
      await answerByNode(event.node.res, answer);
      return undefined;
  }
}
