import type { IncomingMessage, ServerResponse } from "node:http";
import { nodeSessions } from "sojourn/adapters/node";
import { TestServer } from "./http.ts";
import { StubSessions } from "./stub-sessions.ts";

export const COOKIE = "sessionid=new; Path=/; HttpOnly";

export type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

/** A server whose handler has used the session before it runs. */
export async function serve(
  handler: Handler,
  sessions = new StubSessions(),
): Promise<[TestServer, StubSessions]> {
  const listener = nodeSessions(sessions, (request, response) => {
    sessions.use(request);
    return handler(response, request);
  });
  return [await TestServer.start(listener), sessions];
}
