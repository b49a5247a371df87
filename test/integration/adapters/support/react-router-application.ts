import { getRequestListener } from "@hono/node-server";
import { createContext, createRequestHandler, redirect, type ServerBuild } from "react-router";
import { type ReactRouterArgs, reactRouterSessions } from "sojourn/adapters/react-router";
import type { Session } from "sojourn";
import type { AdapterTestApplication, AdapterTestData, StartedAdapterApplication } from "sojourn/testing";
import { webAnswer } from "../../../matrix/web-answers.mjs";
import { serve } from "./conformance.ts";
import { serverBuild } from "./react-router.ts";

interface Args extends ReactRouterArgs {
  readonly context: ReactRouterArgs["context"] & {
    get(context: typeof sessionContext): Session<AdapterTestData> | null;
  };
}

const sessionContext = createContext<Session<AdapterTestData> | null>(null);

export async function startReactRouter(
  application: AdapterTestApplication,
): Promise<StartedAdapterApplication> {
  const handler = createRequestHandler(buildOf(application), "production");
  // React Router abandons the loaders of a request whose signal tells that its client has left.
  const { signal } = new AbortController();
  const listener = getRequestListener((request) => handler(new Request(request, { signal })));
  return {
    ...(await serve(application, (incoming, outgoing) => void listener(incoming, outgoing))),
    inject: async ({ method, path, headers }) => {
      const response = await handler(new Request(`http://127.0.0.1${path}`, { method, headers }));
      const setCookie = response.headers.getSetCookie();
      return { status: response.status, setCookie, body: await response.text() };
    },
  };
}

/** A build of React Router, with a resource route for each path. */
function buildOf(application: AdapterTestApplication): ServerBuild {
  const { mounts, routes, trustsProxy, answerError } = application;
  const middleware = mounts.map(({ sessions, eager, crossSite }) =>
    reactRouterSessions(sessions, {
      ...(eager && { eager: sessionContext as never }),
      crossSite,
      trustProxy: trustsProxy,
      onError(error) {
        const { status, body } = answerError(error);
        return new Response(body, { status });
      },
    }),
  );
  const paths = new Set(routes.map(({ path }) => path));
  const resources = Array.from(paths, (path) => {
    const handlerFor = (method: string) => async (args: Args) => answer(application, args, method, path);
    return [path, { loader: handlerFor("GET"), action: handlerFor("POST") }] as const;
  });
  return serverBuild({ middleware }, Object.fromEntries(resources));
}

/** React Router answers an error that it does not know with the status 500, so that a route tells the status. */
async function answer(
  { routes, answerError }: AdapterTestApplication,
  args: Args,
  method: string,
  path: string,
): Promise<Response> {
  const route = routes.find((each) => each.method === method && each.path === path);
  if (route === undefined) return new Response(null, { status: 405 });
  let given: Awaited<ReturnType<typeof route.handle>>;
  try {
    given = await route.handle(args, args.context.get(sessionContext) ?? undefined);
  } catch (error) {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  }
  if (given.kind === "redirect") return redirect(given.location, given.status);
  if (given.kind === "raw") throw new Error("React Router gives no response of Node.");
  return webAnswer(given);
}
