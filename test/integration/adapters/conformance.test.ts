import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type express5 from "express";
import { describe } from "vitest";
import { expressSessions } from "sojourn/adapters/express";
import { nodeSessions, type WithSession } from "sojourn/adapters/node";
import type { AdapterTestAnswer, AdapterTestApplication, AdapterTestData } from "sojourn/testing";
import { answerByNode, describeOnStores, serve } from "./support/conformance.ts";
import { EXPRESSES } from "./support/express.ts";

describeOnStores("nodeSessions", {
  lacks: { injection: "Node has none" },
  start: (application) => serve(application, nodeApplication(application)),
});

describe.each(EXPRESSES)("%s", (name, express) => {
  describeOnStores(`expressSessions, ${name}`, {
    lacks: { http2: "Express has none", injection: "Express has none" },
    start: (application) => serve(application, expressApplication(express, application)),
  });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Mounts of one response are one around the other. */
function nodeApplication({
  mounts,
  routes,
  trustsProxy,
  answerError,
}: AdapterTestApplication): RequestListener {
  const handle: Handler = async (request, response) => {
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = routes.find((each) => each.method === method && each.path === request.url);
    if (route === undefined) return response.writeHead(404).end();
    const { session } = request as WithSession<IncomingMessage, AdapterTestData>;
    return answerByNode(response, await route.handle(request, session));
  };
  const onError = (error: unknown, _request: unknown, response: ServerResponse): void => {
    if (response.headersSent) return void response.destroy();
    const { status, body } = answerError(error);
    response.writeHead(status).end(body);
  };
  return mounts.reduceRight<Handler>((handler, { sessions, eager, crossSite }) => {
    const options = { crossSite, trustProxy: trustsProxy, onError };
    return eager
      ? nodeSessions(sessions, handler, { ...options, eager })
      : nodeSessions(sessions, handler, options);
  }, handle);
}

function expressApplication(
  express: typeof express5,
  { mounts, routes, trustsProxy, answerError }: AdapterTestApplication,
): RequestListener {
  const app = express();
  app.set("trust proxy", trustsProxy);
  for (const { sessions, eager, crossSite } of mounts)
    app.use(expressSessions(sessions, { eager, crossSite }));
  for (const { method, path, handle } of routes) {
    app[method === "GET" ? "get" : "post"](path, (request, response, next) => {
      const { session } = request as WithSession<typeof request, AdapterTestData>;
      handle(request, session)
        .then((answer) => answerByExpress(response, answer))
        .catch(next);
    });
  }
  app.use(
    (
      error: unknown,
      _request: express5.Request,
      response: express5.Response,
      next: express5.NextFunction,
    ) => {
      if (response.headersSent) return next(error);
      const { status, body } = answerError(error);
      response.status(status).send(body);
    },
  );
  return app;
}

async function answerByExpress(response: express5.Response, answer: AdapterTestAnswer): Promise<void> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) response.append("Set-Cookie", cookie);
      response.status(answer.status ?? 200).send(answer.body);
      return;
    case "json":
      response.json(answer.value);
      return;
    case "redirect":
      response.redirect(answer.location);
      return;
    case "empty":
      response.status(answer.status).end();
      return;
    case "file":
      response.sendFile(answer.path);
      return;
    default:
      await answerByNode(response, answer);
  }
}
