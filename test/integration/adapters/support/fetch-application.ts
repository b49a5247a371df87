import type { RequestListener } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { toNodeHandler } from "srvx/node";
import { fetchSessions, type FetchErrorHandler, type WithSession } from "sojourn/adapters/fetch";
import type { AdapterTestApplication, AdapterTestData, StartedAdapterApplication } from "sojourn/testing";
import { webAnswer } from "../../../matrix/web-answers.mjs";
import { answerByNode, serve } from "./conformance.ts";

/** On a server that gives Node's response as an argument. */
export function startFetchOnNode(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (handler) =>
    // Over HTTP/2 it is Node's compatibility API, which has the same methods.
    getRequestListener((request, node) => handler(request, node as HttpBindings)),
  );
}

/** On a server that gives Node's response in the request. */
export function startFetchOnSrvx(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (handler) => toNodeHandler(handler) as RequestListener);
}

/** On a server that gives requests only. */
export function startFetch(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return start(application, (handler) => getRequestListener((request) => handler(request)));
}

type Handler = (request: Request, node?: HttpBindings) => Response | Promise<Response>;

async function start(
  application: AdapterTestApplication,
  listenerOf: (handler: Handler) => RequestListener,
): Promise<StartedAdapterApplication> {
  const handler = fetchApplication(application);
  const started = await serve(application, listenerOf(handler));
  return {
    ...started,
    inject: async ({ method, path, headers }) => {
      const response = await handler(new Request(`http://127.0.0.1${path}`, { method, headers }));
      const setCookie = response.headers.getSetCookie();
      return { status: response.status, setCookie, body: await response.text() };
    },
  };
}

/** Mounts are one around the other. */
function fetchApplication({ mounts, routes, trustsProxy, answerError }: AdapterTestApplication): Handler {
  const handle: Handler = async (request, node) => {
    const method = request.method === "HEAD" ? "GET" : request.method;
    const { pathname } = new URL(request.url);
    const route = routes.find((each) => each.method === method && each.path === pathname);
    if (route === undefined) return new Response(null, { status: 404 });
    const { session } = request as WithSession<Request, AdapterTestData>;
    const answer = await route.handle(request, session);
    if (answer.kind !== "raw") return webAnswer(answer);
    if (node === undefined) throw new Error("The server has given no response of Node.");
    await answerByNode(node.outgoing, answer);
    return RESPONSE_ALREADY_SENT;
  };
  const onError: FetchErrorHandler = (error) => {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  };
  return mounts.reduceRight<Handler>(
    (handler, { sessions, eager, crossSite }) =>
      fetchSessions(sessions, handler, { eager, crossSite, trustProxy: trustsProxy, onError }),
    handle,
  );
}
