import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import fastify, { type FastifyInstance } from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { fastifySessions } from "sojourn/adapters/fastify";
import { turns, watchProcess } from "./support/http.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

/** An application with sessions at its root. */
async function makeApp(sessions: StubSessions): Promise<FastifyInstance> {
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(fastifySessions(sessions));
  return app;
}

/** An application whose saves fail, with an error handler that tells what it has got. */
async function makeFailing(): Promise<[FastifyInstance, StubSessions]> {
  const sessions = new StubSessions();
  sessions.save = ({ headersSent }) =>
    headersSent ? undefined : turns(2).then(() => Promise.reject(saveError()));
  const app = await makeApp(sessions);
  app.setErrorHandler((error: Error, _request, reply) => reply.send(`handled: ${error.message}`));
  return [app, sessions];
}

const HANDLED = { statusCode: 500, body: "handled: the store is down: secret detail" };

describe("scopes", () => {
  test("registered at the root: there for all routes, in scopes and for what is not found", async () => {
    const sessions = new StubSessions();
    const app = await makeApp(sessions);
    app.setNotFoundHandler((request, reply) => {
      sessions.use(request);
      return reply.code(404).send("nothing here");
    });
    await app.register(async (scope) => {
      scope.get("/inner", async (request) => sessions.from(request));
    });
    expect((await app.inject("/inner")).headers["set-cookie"]).toEqual([COOKIE]);
    expect((await app.inject("/missing")).headers["set-cookie"]).toEqual([COOKIE]);
  });

  test("registered in a scope: there only", async () => {
    const sessions = new StubSessions();
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(async (scope) => {
      await scope.register(fastifySessions(sessions, { eager: true }));
      scope.get("/inner", async (request) => request.getDecorator("session"));
    });
    app.get("/outer", async (request) => {
      expect(() => sessions.use(request)).toThrow("no adapter");
      return "outer";
    });
    expect((await app.inject("/inner")).json()).toEqual({ marker: "session" });
    expect((await app.inject("/outer")).headers["set-cookie"]).toBeUndefined();
  });

  test("registered with `eager` in two scopes and at the root", async () => {
    const sessions = new StubSessions();
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(fastifySessions(sessions, { eager: true }));
    await app.register(async (scope) => {
      await scope.register(fastifySessions(sessions, { eager: true }));
      scope.get("/inner", async (request) => request.getDecorator("session"));
    });
    expect((await app.inject("/inner")).json()).toEqual({ marker: "session" });
  });

  test("requests get no property of their own", async () => {
    const sessions = new StubSessions();
    const app = fastify();
    onTestFinished(() => app.close());
    let before: string[] = [];
    app.addHook("onRequest", async (request) => {
      before = Object.keys(request);
    });
    await app.register(fastifySessions(sessions, { eager: true }));
    app.get("/", async (request) => Object.keys(request));
    expect((await app.inject("/")).json()).toEqual(before);
  });
});

describe("web responses", () => {
  test("are held, and keep their status and headers", async () => {
    const sessions = new StubSessions();
    const app = await makeApp(sessions);
    app.get("/", async (request) => {
      sessions.use(request);
      return new Response("made", { status: 201, headers: { "X-Own": "1" } });
    });
    const reply = await app.inject("/");
    expect(reply).toMatchObject({ statusCode: 201, body: "made" });
    expect(reply.headers).toMatchObject({ "x-own": "1", "set-cookie": [COOKIE] });
    expect(sessions.last.finishes[0]).toEqual({ status: 201, headersSent: false });
  });

  test("with a status of 500 tell the session so", async () => {
    const sessions = new StubSessions();
    const app = await makeApp(sessions);
    app.get("/", async (request) => {
      sessions.use(request);
      return new Response("failed", { status: 500 });
    });
    expect((await app.inject("/")).statusCode).toBe(500);
    expect(sessions.last.finishes.every(({ status }) => status === 500)).toBe(true);
  });

  test("that are not sent are cancelled", async () => {
    const [app, sessions] = await makeFailing();
    let isCancelled = false;
    app.get("/", async (request) => {
      sessions.use(request);
      return new Response(
        new ReadableStream({
          cancel() {
            isCancelled = true;
          },
        }),
      );
    });
    expect(await app.inject("/")).toMatchObject(HANDLED);
    expect(isCancelled).toBe(true);
  });
});

describe("a failed save", () => {
  test("has the status of the error, though the error handler sets none, and no header of the page", async () => {
    const [app, sessions] = await makeFailing();
    app.get("/", async (request, reply) => {
      sessions.use(request);
      return reply.header("ETag", '"page"').header("Cache-Control", "max-age=60").redirect("/next");
    });
    const reply = await app.inject("/");
    expect(reply).toMatchObject(HANDLED);
    expect(reply.headers).not.toHaveProperty("location");
    expect(reply.headers).not.toHaveProperty("etag");
    expect(reply.headers["cache-control"]).toBe("private");
  });

  test("destroys the stream that is not sent", async () => {
    const [app, sessions] = await makeFailing();
    const stream = new Readable({ read() {} });
    app.get("/", async (request, reply) => {
      sessions.use(request);
      return reply.send(stream);
    });
    expect(await app.inject("/")).toMatchObject(HANDLED);
    expect(stream.destroyed).toBe(true);
  });

  test("goes to Fastify's own error handler where there is no other", async () => {
    const sessions = new StubSessions();
    sessions.save = () => Promise.reject(saveError(503));
    const app = await makeApp(sessions);
    app.get("/", async (request) => {
      sessions.use(request);
      return "page";
    });
    const reply = await app.inject("/");
    expect(reply.statusCode).toBe(503);
    expect(reply.json()).toMatchObject({ statusCode: 503, error: "Service Unavailable" });
  });

  test("of a response by reply.raw, without reply.hijack(), goes to the error handler", async () => {
    const [app, sessions] = await makeFailing();
    app.get("/", async (request, reply) => {
      sessions.use(request);
      reply.raw.end("raw page");
    });
    expect(await app.inject("/")).toMatchObject(HANDLED);
  });

  test("of a session that a later onSend hook used goes to the error handler", async () => {
    const [app, sessions] = await makeFailing();
    app.addHook("onSend", async (request, reply) => {
      if (reply.statusCode < 400) sessions.use(request);
    });
    app.get("/", async () => "page");
    expect(await app.inject("/")).toMatchObject(HANDLED);
  });

  test("after reply.hijack() is a bare error response", async () => {
    const [app, sessions] = await makeFailing();
    app.get("/", (request, reply) => {
      sessions.use(request);
      reply.hijack();
      reply.raw.writeHead(200, { "Content-Type": "text/html" }).end("raw page");
    });
    const reply = await app.inject("/");
    expect(reply).toMatchObject({ statusCode: 500, body: "Internal Server Error\n" });
    expect(reply.headers["content-type"]).toBe("text/plain; charset=utf-8");
  });
});

describe("a handler that calls reply.send() and returns nothing, after any number of promise jobs", () => {
  const outcomes = [
    { result: "succeeds", fails: false, answer: { statusCode: 200, body: "page" } },
    { result: "fails", fails: true, answer: HANDLED },
  ];

  test.for(outcomes)("sends one answer when the save $result", async ({ fails, answer }) => {
    const thrown = watchProcess();
    const [app, sessions] = await makeFailing();
    app.get<{ Querystring: { save: string; rest: string } }>("/", async (request, reply) => {
      const { save, rest } = request.query;
      sessions.save = async ({ headersSent }) => {
        if (headersSent) return;
        await jobs(Number(save));
        if (fails) throw saveError();
      };
      sessions.use(request);
      void reply.send("page");
      await jobs(Number(rest));
    });
    for (let save = 0; save <= 3; save++)
      for (let rest = 0; rest <= 15; rest++)
        expect(await app.inject({ url: "/", query: { save: `${save}`, rest: `${rest}` } })).toMatchObject(
          answer,
        );
    await turns();
    expect(thrown).toEqual([]);
  });
});

/** Lets a number of promise jobs pass. */
async function jobs(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await Promise.resolve();
}

test.each([
  [false, false, "127.0.0.1"],
  [true, true, "shop.example"],
])("the scope hears of TLS and host what trustProxy (%s) lets it", async (trustProxy, isSecure, host) => {
  const sessions = new StubSessions();
  const app = fastify({ trustProxy });
  onTestFinished(() => app.close());
  await app.register(fastifySessions(sessions));
  app.get("/", async () => {
    const { facts } = sessions.last;
    return [facts.isSecure(), facts.host()?.replace(/:\d+$/, ""), facts.cookieHeader, facts.userAgent];
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const headers = {
    Cookie: "a=1",
    "User-Agent": "test",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
  };
  const reply = await fetch(`http://127.0.0.1:${port}/`, { headers });
  expect(await reply.json()).toEqual([isSecure, host, "a=1", "test"]);
});
