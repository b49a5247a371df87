import type { RequestListener } from "node:http";
import express5 from "express";
import { expressSessions, type WithSession } from "sojourn/adapters/express";
import type { AdapterTestAnswer, AdapterTestApplication, AdapterTestData } from "sojourn/testing";
import { answerByNode, serve } from "./conformance.ts";
import { express4 } from "./express.ts";
import type { StartApplication } from "./start-application.ts";

export const startExpress5: StartApplication = (application) =>
  serve(application, expressApplication(express5, application));

export const startExpress4: StartApplication = (application) =>
  serve(application, expressApplication(express4, application));

function expressApplication(
  express: typeof express5,
  { mounts, routes, trustsProxy, answerError }: AdapterTestApplication,
): RequestListener {
  const app = express();
  app.set("trust proxy", trustsProxy);
  for (const { sessions, eager, crossSite } of mounts)
    app.use(expressSessions(sessions, { eager, crossSite }));
  const isEager = mounts.some(({ eager }) => eager);
  for (const { method, path, handle } of routes) {
    app[method === "GET" ? "get" : "post"](path, (request, response, next) => {
      handle(request, isEager ? (request as WithSession<typeof request, AdapterTestData>).session : undefined)
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
      response.redirect(answer.status ?? 302, answer.location);
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
