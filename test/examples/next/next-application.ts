import { nextSessions } from "sojourn/adapters/next";
import type { AdapterTestAnswer, AdapterTestApplication } from "sojourn/testing";
import type { StartApplication } from "../../integration/adapters/support/start-application.ts";
import { serve } from "../../integration/adapters/support/conformance.ts";
import { webAnswer } from "../../matrix/web-answers.mjs";
import type { NextServer, RouteHandler } from "./next-server.ts";

/** Expresses applications of the tests by a route handler of the built application. */
export function startOn(next: NextServer): StartApplication {
  return (application) => serve(application, next.listener(handlerOf(application)));
}

/** Mounts are one around the other. */
function handlerOf({ mounts, routes, answerError }: AdapterTestApplication): RouteHandler {
  const onError = (error: unknown): Response => {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  };
  return async (request) => {
    const path = new URL(request.url).pathname.replace("/conformance", "");
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = routes.find((each) => each.method === method && each.path === path);
    if (route === undefined) return new Response(null, { status: 404 });
    const handle = mounts.reduceRight<RouteHandler>(
      (handler, { sessions, crossSite, eager }) => {
        const { withSession } = nextSessions(sessions, { crossSite, onError });
        const wrapped = eager
          ? withSession(async (each, session) => answerOf(await route.handle(each, session)))
          : withSession((each) => handler(each), { eager: false });
        return (each) => wrapped(each, {});
      },
      async (each) => answerOf(await route.handle(each)),
    );
    return handle(request);
  };
}

function answerOf(answer: AdapterTestAnswer): Response {
  if (answer.kind === "raw") throw new Error("A route handler has no other response.");
  return webAnswer(answer);
}
