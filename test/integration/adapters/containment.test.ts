import type { IncomingMessage, ServerResponse } from "node:http";
import express5 from "express";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import { express4 } from "./support/express.ts";
import { TestServer, turns, watchProcess } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";
import { StubSessions } from "./support/stub-sessions.ts";

type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;
type OnError = (response: ServerResponse) => unknown;

interface Options {
  readonly handler?: Handler;
  readonly onError?: OnError;
}

const ADAPTERS: Record<string, (sessions: StubSessions, options: Options) => Promise<TestServer>> = {
  node: (sessions, { handler = answer, onError }) =>
    TestServer.start(
      nodeSessions(
        sessions,
        (request, response) => {
          sessions.use(request);
          return handler(response, request);
        },
        onError && { onError: (_error, _request, response) => onError(response) },
      ),
    ),
  "Express 5": (sessions, options) => startExpress(express5, sessions, options),
  "Express 4": (sessions, options) => startExpress(express4, sessions, options),
};

function startExpress(
  framework: typeof express5,
  sessions: StubSessions,
  { handler = answer, onError }: Options,
) {
  const app = framework();
  app.set("env", "test");
  app.use(expressSessions(sessions));
  app.use((request, response) => {
    sessions.use(request);
    return handler(response, request);
  });
  if (onError) {
    app.use(
      (_error: unknown, _request: unknown, response: ServerResponse, _next: unknown) =>
        void onError(response),
    );
  }
  return TestServer.start(app);
}

const answer: Handler = (response) => response.end("order placed");

const raise = (): never => {
  throw new Error("cannot be made");
};

/** Sessions of which one step throws, each time that it is taken. */
const BROKEN: Record<string, (sessions: StubSessions) => void> = {
  "the headers, when there was nothing to save": (sessions) => {
    sessions.makeHeaders = raise;
  },
  "the headers, after a save": (sessions) => {
    sessions.makeHeaders = raise;
    sessions.save = () => turns(2);
  },
  "the save, before it is under way": (sessions) => {
    sessions.save = raise;
  },
  "both the save and the headers": (sessions) => {
    sessions.save = () => turns(2).then(raise);
    sessions.makeHeaders = raise;
  },
  "both, at once": (sessions) => {
    sessions.save = raise;
    sessions.makeHeaders = raise;
  },
  "a cookie that no header can hold": (sessions) => {
    sessions.setCookie = ["sessionid=a\nb"];
  },
};

const BEGINNINGS: Record<string, Handler> = {
  end: answer,
  writeHead: (response) => response.writeHead(201).end("order placed"),
  write: (response) => {
    response.write("order ");
    response.end("placed");
  },
  flushHeaders: (response) => {
    response.flushHeaders();
    response.end("order placed");
  },
  "a later end": async (response) => {
    await turns(2);
    response.end("order placed");
  },
};

const FAILING_HANDLERS: Record<string, OnError | undefined> = {
  "none of the application's": undefined,
  "one that answers": (response) => response.end("sorry"),
  "one that answers later": async (response) => {
    await turns(5);
    response.end("sorry");
  },
  "one that throws": raise,
  "one that throws after its head": (response) => {
    response.writeHead(500);
    raise();
  },
};

beforeEach(() => {
  const print = vi.spyOn(console, "error").mockImplementation(() => {});
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  return () => {
    print.mockRestore();
    warn.mockRestore();
  };
});

describe.each(runnable(ADAPTERS))(
  "what throws while a head is made becomes an error response, %s",
  (_name, start) => {
    describe.each(Object.entries(BROKEN))("%s", (_step, spoil) => {
      test.each(Object.entries(BEGINNINGS))("by %s", async (_how, handler) => {
        const crashes = watchProcess();
        const sessions = new StubSessions();
        spoil(sessions);
        const server = await start(sessions, { handler });
        const reply = await server.get();
        expect(reply.status).toBe(500);
        expect(reply.body).not.toContain("order");
        await turns();
        expect(crashes).toEqual([]);
        expect((await server.get()).status).toBe(500);
      });

      test.each(Object.entries(FAILING_HANDLERS))("with an error handler: %s", async (what, onError) => {
        const crashes = watchProcess();
        const sessions = new StubSessions();
        spoil(sessions);
        let calls = 0;
        const counted = onError && ((response: ServerResponse) => (calls++, onError(response)));
        const server = await start(sessions, { ...(counted && { onError: counted }) });
        const client = await server.connect();
        client.get("/");
        const received = await client
          .waitFor((text) => /\r\n\r\n/.test(text) || client.isClosed)
          .catch(() => "");
        // A handler that throws after its head may only cut the connection.
        expect(received).toMatch(
          what.includes("after its head") ? /^(?:$|HTTP\/1\.1 500 )/ : /^HTTP\/1\.1 500 /,
        );
        expect(received).not.toContain("order");
        await turns();
        expect(crashes).toEqual([]);
        expect(calls).toBe(onError ? 1 : 0);
      });
    });
  },
);

describe("what cannot be said in an error response", () => {
  test("is left out, and told by a warning when it is another error than that of the response", async () => {
    const sessions = new StubSessions();
    sessions.save = () => Promise.reject(new Error("the store is down"));
    sessions.makeHeaders = raise;
    const server = await TestServer.start(
      nodeSessions(sessions, (request, response) => (sessions.use(request), answer(response, request))),
    );
    const reply = await server.get();
    expect(reply.status).toBe(500);
    expect(reply.headers["set-cookie"]).toBeUndefined();
    expect(vi.mocked(process.emitWarning).mock.calls).toEqual([[new Error("cannot be made")]]);
  });

  test("does not take the other session's cookie with it", async () => {
    const [outer, inner] = [new StubSessions(), new StubSessions()];
    inner.makeHeaders = raise;
    outer.setCookie = ["outer=1"];
    const listener = nodeSessions(inner, (request, response) => {
      outer.use(request);
      inner.use(request);
      response.end("order placed");
    });
    const server = await TestServer.start(nodeSessions(outer, listener as never));
    const reply = await server.get();
    expect(reply.status).toBe(500);
    expect(reply.headers["set-cookie"]).toEqual(["outer=1"]);
  });
});
