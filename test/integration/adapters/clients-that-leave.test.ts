import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import express5, { type Response } from "express";
import fastify from "fastify";
import Koa from "koa";
import { describe, expect, test, vi } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { fastifySessions } from "../../../src/adapters/fastify/index.ts";
import { koaSessions } from "../../../src/adapters/koa/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import type { Session, Sessions } from "../../../src/index.ts";
import { pipelineRefusesClosed } from "../../support/runtime.ts";
import { express4 } from "./support/express.ts";
import { PATIENT, TestServer, turns } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";
import { openSessions, type TestData } from "./support/stores.ts";
import { defer, type Deferred } from "./support/stub-sessions.ts";

type Handler = (session: Session<TestData>, response: ServerResponse, request: IncomingMessage) => unknown;
type Start = (sessions: Sessions<TestData>, handler: Handler) => Promise<TestServer>;

const ADAPTERS: Record<string, Start> = {
  node: (sessions, handler) =>
    TestServer.start(
      nodeSessions(
        sessions,
        async (request, response) => handler(await sessions.from(request), response, request),
        {
          onError: (_error, _request, response) => response.end(),
        },
      ),
    ),
  "Express 5": (sessions, handler) => startExpress(express5, sessions, handler),
  "Express 4": (sessions, handler) => startExpress(express4, sessions, handler),
  Fastify: async (sessions, handler) => {
    const app = fastify();
    await app.register(fastifySessions(sessions));
    app.get("/", async (request, reply) => {
      const session = await sessions.from(request);
      reply.hijack();
      await handler(session, reply.raw, request.raw);
    });
    await app.ready();
    return TestServer.start(app.routing);
  },
  Koa: (sessions, handler) => {
    const app = new Koa();
    app.silent = true;
    app.use(koaSessions(sessions));
    app.use(async (ctx) => {
      const session = await sessions.from(ctx);
      ctx.respond = false;
      await handler(session, ctx.res, ctx.req);
    });
    const listener = app.callback();
    return TestServer.start((request, response) => void listener(request, response));
  },
};

function startExpress(framework: typeof express5, sessions: Sessions<TestData>, handler: Handler) {
  const app = framework();
  app.set("env", "test");
  app.use(expressSessions(sessions));
  app.get("/", (request, response, next) => {
    void (async () => {
      await handler(await sessions.from(request), response, request);
    })().catch(next);
  });
  return TestServer.start(app);
}

const FILE = fileURLToPath(import.meta.url);

/** Calls of a handler on a response whose client has left. */
const ANSWERS: Record<string, (response: ServerResponse) => unknown> = {
  end: (response) => response.end("receipt"),
  "write and end": (response) => {
    response.write("re");
    response.end("ceipt");
  },
  writeHead: (response) => response.writeHead(201),
  pipe: (response) => createReadStream(FILE).pipe(response),
  // Nobody waits for it: with HTTP/2, it does not notice that its response is gone.
  pipeline: (response) => void pipeline(createReadStream(FILE), response).catch(() => {}),
  destroy: (response) => response.destroy(),
};

/** Without a word to the response, and Express does not tell when its handler has returned. */
const isUnseen = (name: string, how: string): boolean =>
  name !== "node" && how === "pipeline" && pipelineRefusesClosed;

const EXPRESS_ANSWERS: Record<string, (response: Response) => unknown> = {
  json: (response) => response.json("receipt"),
  redirect: (response) => response.redirect("/receipt"),
  sendFile: (response) => response.sendFile(FILE, () => {}),
  "sendFile of a file that is not there": (response) => response.sendFile(join(FILE, "none"), () => {}),
  download: (response) => response.download(FILE, () => {}),
};

/** A request whose client leaves while its handler is at work. */
async function leave(start: Start, answer: (response: ServerResponse) => unknown) {
  const { sessions } = openSessions();
  const [left, done] = [defer(), defer()];
  const server = await start(sessions, async (session, response) => {
    begun.resolve();
    if (!response.destroyed && !response.closed) await once(response, "close");
    await left.promise;
    session.data.n = 1;
    await answer(response);
    done.resolve();
  });
  const begun: Deferred = defer();
  const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
  const client = await server.connect();
  client.get("/", `Cookie: ${cookie}\n`);
  await begun.promise;
  client.socket.destroy();
  left.resolve();
  await done.promise;
  return { sessions, cookie, stored: async () => (await sessions.open(cookie)).data.n };
}

describe.each(runnable(ADAPTERS))(
  "the client leaves, and its handler comes to its end: %s",
  (name, start) => {
    const answers = name.startsWith("Express") ? { ...ANSWERS, ...EXPRESS_ANSWERS } : ANSWERS;

    test.each(Object.entries(answers).filter(([how]) => !isUnseen(name, how)))(
      "what it has changed is saved: %s",
      async (_how, answer) => {
        const { stored } = await leave(start, answer as (response: ServerResponse) => unknown);
        await expect.poll(stored, PATIENT).toBe(1);
      },
    );

    test("what it has changed is dropped when it fails: a visitor who leaves gets nothing saved that way", async () => {
      const { stored } = await leave(start, (response) => {
        response.statusCode = 500;
        response.end();
      });
      await turns(50);
      expect(await stored()).toBe(0);
      const broken = await leave(start, (response) => response.destroy(new Error("failed")));
      await turns(50);
      expect(await broken.stored()).toBe(name === "node" ? 1 : 0);
    });

    test("nothing is saved of one that is still at work", async () => {
      const { sessions } = openSessions();
      const [begun, failing] = [defer(), defer()];
      const server = await start(sessions, async (session, response) => {
        session.data.n = 1;
        begun.resolve();
        await failing.promise;
        response.statusCode = 500;
        response.end();
      });
      const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
      const client = await server.connect();
      client.get("/", `Cookie: ${cookie}\n`);
      await begun.promise;
      client.socket.destroy();
      await turns(100);
      expect((await sessions.open(cookie)).data.n).toBe(0);
      failing.resolve();
      await turns(100);
      expect((await sessions.open(cookie)).data.n).toBe(0);
    });

    test("in the middle of a stream: what it has changed until then is saved", async () => {
      const { sessions } = openSessions();
      const server = await start(sessions, async (session, response) => {
        response.write("begin ");
        response.on("close", () => (session.data.n = 1));
      });
      const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
      const client = await server.connect();
      client.get("/", `Cookie: ${cookie}\n`);
      await client.waitFor("begin ");
      client.socket.destroy();
      await expect.poll(async () => (await sessions.open(cookie)).data.n, PATIENT).toBe(1);
    });

    test("in the middle of a pipeline: what it has changed while it ran is saved", async () => {
      const { sessions } = openSessions();
      const server = await start(sessions, async (session, response) => {
        const endless = Readable.from(
          (async function* () {
            for (;;) {
              yield "tick ";
              session.data.n = 1;
              await turns(1);
            }
          })(),
        );
        await pipeline(endless, response).catch(() => {});
      });
      const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
      const client = await server.connect();
      client.get("/", `Cookie: ${cookie}\n`);
      await client.waitFor((text) => text.split("tick").length > 3);
      client.socket.destroy();
      await expect.poll(async () => (await sessions.open(cookie)).data.n, PATIENT).toBe(1);
    });

    test("a response that is destroyed, its client there, ends the handler: it is saved, and nothing is sent", async () => {
      const { sessions } = openSessions();
      const server = await start(sessions, (session, response) => {
        session.data.n = 1;
        response.destroy();
      });
      const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
      const client = await server.connect();
      client.get("/", `Cookie: ${cookie}\n`);
      expect(await client.waitForClose()).toBe("");
      await expect.poll(async () => (await sessions.open(cookie)).data.n, PATIENT).toBe(1);
    });
  },
);

test("node: a handler that returns without an answer, since its client has left, has come to its end", async () => {
  const { stored } = await leave(ADAPTERS["node"] as Start, () => {});
  await expect.poll(stored, PATIENT).toBe(1);
});

describe.each(runnable(ADAPTERS))("what is changed after the response has ended, %s", (_name, start) => {
  async function changeLate(change: (session: Session<TestData>) => unknown, status = 200) {
    const { sessions } = openSessions();
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const events: unknown[] = [];
    sessions.on("lateChange", (event) => events.push(event));
    const [answered, done] = [defer(), defer()];
    const server = await start(sessions, async (session, response) => {
      if (status >= 500) session.data.n = -1;
      response.statusCode = status;
      response.end("answer");
      await answered.promise;
      await change(session);
      done.resolve();
    });
    const session = await sessions.create({ n: 0 });
    const cookie = session.cookieHeader ?? "";
    expect((await server.get("/", { headers: { Cookie: cookie } })).body).toBe("answer");
    answered.resolve();
    await done.promise;
    await turns();
    const warnings = warn.mock.calls.length;
    warn.mockRestore();
    return { events, warnings, stored: (await sessions.open(cookie)).data };
  }

  test("is told by an event, each time, and not saved", async () => {
    const { events, stored } = await changeLate(async (session) => {
      session.data.n = 1;
      await turns();
      session.data.n = 2;
    });
    expect(events).toEqual([
      { session: expect.stringMatching(/^[0-9a-f]{16}$/) },
      { session: expect.any(String) },
    ]);
    expect(stored).toStrictEqual({ n: 0 });
  });

  test("is not, when save or update follow, or when it was only read", async () => {
    const saved = await changeLate(async (session) => {
      session.data.n = 1;
      await session.save();
      await session.update((data) => (data["m"] = 2));
      expect(session.data.n).toBe(1);
    });
    expect(saved).toStrictEqual({ events: [], warnings: 0, stored: { n: 1, m: 2 } });
  });

  test("is not told of a response whose changes were dropped: looking at the data afterwards is no change", async () => {
    const looked = await changeLate((session) => void session.data.n, 500);
    expect(looked).toStrictEqual({ events: [], warnings: 0, stored: { n: 0 } });
  });
});
