import type { ServerResponse } from "node:http";
import express5 from "express";
import { describe, expect, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import { express4 } from "./support/express.ts";
import { runtime } from "../../support/runtime.ts";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { isHttp2, runnable, testUnless } from "./support/protocol.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

type Handler = (response: ServerResponse) => unknown;

const ADAPTERS: Record<string, (sessions: StubSessions, handler: Handler) => Promise<TestServer>> = {
  node: (sessions, handler) =>
    TestServer.start(
      nodeSessions(
        sessions,
        (request, response) => {
          sessions.use(request);
          return handler(response);
        },
        // As Express's last error handler does it.
        {
          onError: (_error, request, response) =>
            response.headersSent ? request.socket.destroy() : response.end("sorry"),
        },
      ),
    ),
  "Express 5": (sessions, handler) => startExpress(express5, sessions, handler),
  "Express 4": (sessions, handler) => startExpress(express4, sessions, handler),
};

function startExpress(
  framework: typeof express5,
  sessions: StubSessions,
  handler: Handler,
): Promise<TestServer> {
  const app = framework();
  app.set("env", "test");
  app.use(expressSessions(sessions));
  app.get("/", (request, response) => {
    sessions.use(request);
    return handler(response);
  });
  return TestServer.start(app);
}

/** Acts of handlers that have answered already. */
// Bun ends the connection of a request that is destroyed past its socket.
const REQUEST_DESTROYED: Readonly<Record<string, Handler>> = {
  "request.destroy()": (response) => {
    response.end("first");
    response.req.destroy();
  },
};

const AFTER: Record<string, Handler> = {
  "an error": (response) => {
    response.end("first");
    throw new Error("a log line failed");
  },
  "an error of the next tick": async (response) => {
    response.end("first");
    await Promise.resolve();
    if (response.req.url === "/") response.req.socket.destroy();
  },
  "another answer, unless the first is finished": (response) => {
    response.end("first");
    // oxlint-disable-next-line typescript/no-deprecated
    if (!response.finished) response.end("default");
  },
  "another answer, unless the first is ended": (response) => {
    response.end("first");
    if (!response.writableEnded) response.end("default");
  },
  "another head": (response) => {
    response.end("first");
    response.setHeader("X-Late", "1");
  },
  "response.destroy()": (response) => {
    response.end("first");
    response.destroy();
  },
  "response.destroy(error)": (response) => {
    response.end("first");
    response.destroy(new Error("late"));
  },
  ...(runtime !== "bun" && REQUEST_DESTROYED),
};

describe.each(runnable(ADAPTERS))(
  "a response that has been ended and waits for its session, %s",
  (_name, start) => {
    test.each(Object.entries(AFTER))("arrives whole, whatever comes after: %s", async (_what, handler) => {
      const crashes = watchProcess();
      const sessions = new StubSessions();
      const server = await start(sessions, handler);
      const saving = sessions.holdSaves();
      const reply = server.get();
      await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
      await turns();
      saving.resolve();
      expect(await reply).toMatchObject({
        status: 200,
        body: "first",
        headers: { "set-cookie": sessions.setCookie },
      });
      expect(crashes).toEqual([]);
    });

    test("tells the handler so, and that not all of it is out", async () => {
      const seen: unknown[] = [];
      const sessions = new StubSessions();
      const server = await start(sessions, (response) => {
        response.end("first");
        // oxlint-disable-next-line typescript/no-deprecated
        seen.push(response.headersSent, response.writableEnded, response.finished, response.writableFinished);
      });
      sessions.save = () => turns(3);
      expect((await server.get()).body).toBe("first");
      expect(seen).toEqual([true, true, true, false]);
    });

    testUnless(isHttp2)(
      "keeps nothing open: what wanted to destroy its connection has it when the bytes are out",
      async () => {
        const sessions = new StubSessions();
        const server = await start(sessions, (response) => {
          response.end("first");
          response.destroy();
        });
        sessions.save = () => turns(3);
        const client = await server.connect();
        client.get("/");
        expect(await client.waitForClose()).toContain("first");
      },
    );

    test("that then cannot be saved is an error response, which arrives as well", async () => {
      const sessions = new StubSessions();
      const server = await start(sessions, (response) => {
        response.end("first");
        response.req.socket.destroy();
      });
      sessions.save = () => turns(3).then(() => Promise.reject(saveError()));
      const reply = await server.get();
      expect(reply.status).toBe(500);
      expect(reply.body).not.toContain("first");
    });

    test("arrives when the server is being closed, and the connection is closed then", async () => {
      const sessions = new StubSessions();
      const server = await start(sessions, (response) => response.end("first"));
      const saving = sessions.holdSaves();
      const client = await server.connect();
      client.get("/");
      await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
      let isClosed = false;
      server.server.close(() => (isClosed = true));
      if ("closeIdleConnections" in server.server) server.server.closeIdleConnections();
      await turns();
      expect(isClosed).toBe(false);
      saving.resolve();
      await client.waitFor("\r\n\r\nfirst");
      // A client of HTTP/2, or of Bun, may go on with its connection until it ends it itself.
      if (isHttp2 || runtime === "bun") client.socket.destroy();
      await client.waitForClose();
      await expect.poll(() => isClosed, PATIENT).toBe(true);
    });
  },
);

test("a client that leaves while its ended response waits is let go at once", async () => {
  const sessions = new StubSessions();
  let isClosed = false;
  const server = await TestServer.start(
    nodeSessions(sessions, (request, response) => {
      sessions.use(request);
      response.on("close", () => (isClosed = true));
      response.end("first");
    }),
  );
  const saving = sessions.holdSaves();
  const client = await server.connect();
  client.get("/");
  await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
  client.socket.destroy();
  await expect.poll(() => isClosed, PATIENT).toBe(true);
  saving.resolve();
  await turns();
});
