import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { type NodeErrorHandler, nodeSessions } from "sojourn/adapters/node";
import { TestServer, turns } from "./http.ts";
import { saveError, StubSessions } from "./stub-sessions.ts";

export type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

export interface Failing {
  readonly server: TestServer;
  readonly sessions: StubSessions;
  readonly errors: unknown[];
}

export const answerPlainly: NodeErrorHandler = (_error, _request, response) => response.end("sorry");

/** A server whose sessions cannot be saved before the head. */
export async function serveFailing(
  handler: Handler,
  onError: NodeErrorHandler = answerPlainly,
  error: Error = saveError(),
): Promise<Failing> {
  const sessions = new StubSessions();
  const errors: unknown[] = [];
  sessions.save = () => turns(2).then(() => Promise.reject(error));
  const listener = nodeSessions(
    sessions,
    (request, response) => {
      sessions.use(request);
      return handler(response, request);
    },
    {
      onError: (failure, request, response) => {
        errors.push(failure);
        return onError(failure, request, response);
      },
    },
  );
  return { server: await TestServer.start(listener), sessions, errors };
}

/** A stream that never ends by itself. */
export function ticking(text = "tick "): Readable {
  return Readable.from(
    (async function* () {
      for (;;) {
        yield text;
        await turns(1);
      }
    })(),
  );
}
