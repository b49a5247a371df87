import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { nodeSessions, type WithSession } from "sojourn/adapters/node";
import type { AdapterTestApplication, AdapterTestData, StartedAdapterApplication } from "sojourn/testing";
import { answerByNode, serve } from "./conformance.ts";

export function startNode(application: AdapterTestApplication): Promise<StartedAdapterApplication> {
  return serve(application, nodeApplication(application));
}

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
