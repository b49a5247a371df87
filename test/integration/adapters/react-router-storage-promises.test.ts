import { getRequestListener } from "@hono/node-server";
import { reactRouterSessionStorage, type SessionSource } from "sojourn/adapters/react-router";
import type { AdapterTestApplication, AdapterTestData, AdapterTestRoute } from "sojourn/testing";
import { describePromisesThrough } from "../../examples/describe-promises.ts";
import { webAnswer } from "../../matrix/web-answers.mjs";
import { serve } from "./support/conformance.ts";
import type { StartApplication } from "./support/start-application.ts";

/** An application without middleware: each route gets its session, and commits it. */
const start: StartApplication = (application) => {
  const listener = getRequestListener((request) => answer(application, request));
  return serve(application, (incoming, outgoing) => void listener(incoming, outgoing));
};

async function answer(
  { mounts, routes, answerError }: AdapterTestApplication,
  request: Request,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  const route = routes.find(({ method, path }) => method === request.method && path === pathname);
  const [mount] = mounts;
  if (route === undefined || mount === undefined) return new Response(null, { status: 404 });
  try {
    return pathname === "/static"
      ? await respond(route, request)
      : await answerWithSession(mount.sessions, route, request);
  } catch (error) {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  }
}

async function answerWithSession(
  sessions: SessionSource<AdapterTestData>,
  route: AdapterTestRoute,
  request: Request,
): Promise<Response> {
  const opened = new OpenedRequest(sessions);
  const storage = reactRouterSessionStorage(opened, { isSecure: false });
  const session = await storage.getSession(request.headers.get("Cookie"));
  const response = await respond(route, opened.request);
  const setCookie = await storage.commitSession(session);
  if (setCookie !== "") response.headers.append("Set-Cookie", setCookie);
  // The storage knows no response, so that this is the application's part.
  response.headers.append("Vary", "Cookie");
  return response;
}

/** Notes the object that stands for the request, by which the routes of the tests find their session. */
class OpenedRequest implements SessionSource<AdapterTestData> {
  request: object = {};
  readonly #sessions: SessionSource<AdapterTestData>;

  constructor(sessions: SessionSource<AdapterTestData>) {
    this.#sessions = sessions;
  }

  scope(...args: Parameters<SessionSource<AdapterTestData>["scope"]>) {
    [this.request] = args;
    return this.#sessions.scope(...args);
  }

  from(request: object) {
    return this.#sessions.from(request);
  }
}

async function respond(route: AdapterTestRoute, request: object): Promise<Response> {
  const given = await route.handle(request);
  if (given.kind === "raw") throw new Error("There is no response of Node.");
  return webAnswer(given);
}

describePromisesThrough("reactRouterSessionStorage", start);
