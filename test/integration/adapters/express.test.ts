import type { IncomingMessage } from "node:http";
import type express5 from "express";
import { describe, expect, test, vi } from "vitest";
import { expressSessions } from "sojourn/adapters/express";
import { PATIENT, turns } from "./support/http.ts";
import { EXPRESSES, makeApp, makeFile, start } from "./support/express.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

describe.each(EXPRESSES)("%s", (version, express) => {
  const make = (sessions: StubSessions) => makeApp(express, sessions);

  describe("every kind of answer waits for the save, and carries the cookie", () => {
    type Answer = (request: express5.Request, response: express5.Response, file: string) => unknown;
    const ANSWERS: [string, Answer, Record<string, unknown>][] = [
      ["send", (_request, response) => response.send("hello"), { status: 200, body: "hello" }],
      ["json", (_request, response) => response.status(201).json({ a: 1 }), { status: 201, body: '{"a":1}' }],
      ["redirect", (_request, response) => response.redirect("/next"), { status: 302 }],
      ["sendStatus", (_request, response) => response.sendStatus(404), { status: 404, body: "Not Found" }],
      ["end", (_request, response) => response.status(204).end(), { status: 204, body: "" }],
      [
        "sendFile",
        (_request, response, file) => response.sendFile(file),
        { status: 200, body: "f".repeat(100_000) },
      ],
      [
        "download",
        (_request, response, file) => response.download(file),
        { status: 200, body: "f".repeat(100_000) },
      ],
      ["cookie", (_request, response) => response.cookie("app", "1").send("x"), { status: 200, body: "x" }],
    ];

    test.each(ANSWERS)("%s", async (name, answer, expected) => {
      const [sessions, file] = [new StubSessions(), makeFile(100_000)];
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        answer(request, response, file);
      });
      const server = await start(app);
      const plain = await server.get();
      const saving = sessions.holdSaves();
      const client = await server.connect();
      client.get("/");
      await expect.poll(() => sessions.scopes[1]?.finishes.length, PATIENT).toBe(1);
      await turns();
      expect(client.received).toBe("");
      const held = server.get();
      saving.resolve();
      expect(await held).toMatchObject(expected);
      expect({ ...(await held).headers, date: "" }).toEqual({ ...plain.headers, date: "" });
      const cookies = name === "cookie" ? ["app=1; Path=/", COOKIE] : [COOKIE];
      expect((await held).headers["set-cookie"]).toEqual(cookies);
    });

    test("a conditional request gets its 304", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(2);
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        response.send("hello");
      });
      const server = await start(app);
      const { headers } = await server.get();
      const reply = await server.get("/", { headers: { "If-None-Match": String(headers.etag) } });
      expect(reply).toMatchObject({ status: 304, body: "" });
      expect(reply.headers).toMatchObject({ "set-cookie": [COOKIE], vary: "Cookie" });
    });

    test("HEAD has the headers of GET", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(2);
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        response.send("hello");
      });
      const reply = await (await start(app)).get("/", { method: "HEAD" });
      expect(reply).toMatchObject({ status: 200, body: "" });
      expect(reply.headers).toMatchObject({ "content-length": "5", "set-cookie": [COOKIE] });
    });
  });

  describe("errors of the handler itself", () => {
    test("go their usual way; with a 500 the scope is told so and drops what was deferred", async () => {
      const sessions = new StubSessions();
      const app = make(sessions);
      app.get("/", (request) => {
        sessions.use(request);
        throw new Error("bug");
      });
      expect((await (await start(app)).get()).status).toBe(500);
      expect(sessions.last.finishes).toEqual([{ status: 500, headersSent: false }]);
    });

    test("after the answer, do not harm a response that waits", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(5);
      const app = make(sessions);
      const errors: unknown[] = [];
      app.get("/", (request, response) => {
        sessions.use(request);
        response.send("hello");
        throw new Error("bug");
      });
      app.use((error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) => {
        errors.push(error, response.headersSent);
      });
      expect(await (await start(app)).get()).toMatchObject({ status: 200, body: "hello" });
      expect(errors).toMatchObject([{ message: "bug" }, true]);
    });
  });

  describe("mounting", () => {
    test("under a path: only there", async () => {
      const sessions = new StubSessions();
      const app = express();
      app.set("env", "test");
      app.use("/admin", expressSessions(sessions));
      app.get("/admin/users", (request, response) => {
        sessions.use(request);
        response.send("users");
      });
      app.get("/", (request, response) => {
        expect(() => sessions.use(request)).toThrow("no adapter");
        response.send("home");
      });
      const server = await start(app);
      expect((await server.get("/admin/users")).headers["set-cookie"]).toEqual([COOKIE]);
      expect((await server.get("/")).headers["set-cookie"]).toBeUndefined();
    });

    test("on the application and on a router: one session, saved once", async () => {
      const sessions = new StubSessions();
      const [app, router] = [make(sessions), express.Router()];
      router.use(expressSessions(sessions));
      router.get("/", (request, response) => {
        sessions.use(request);
        response.send("x");
      });
      app.use("/shop", router);
      const reply = await (await start(app)).get("/shop");
      expect(reply.headers["set-cookie"]).toEqual([COOKIE]);
      expect(sessions.last.finishes).toHaveLength(1);
    });

    test("in front of a mounted application, which puts its own prototype under the response", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(2);
      const [app, inner] = [make(sessions), express()];
      inner.get("/", (request, response) => {
        sessions.use(request);
        response.json({ mounted: true });
      });
      app.use("/inner", inner);
      const reply = await (await start(app)).get("/inner");
      expect(reply).toMatchObject({ status: 200, body: '{"mounted":true}' });
      expect(reply.headers["set-cookie"]).toEqual([COOKIE]);
    });
  });

  describe("req.session", () => {
    const read = (request: IncomingMessage): unknown => (request as { session?: unknown }).session;

    test("is undefined when nothing has loaded it: looking whether it is there does no harm", async () => {
      const sessions = new StubSessions();
      const app = make(sessions);
      const seen: unknown[] = [];
      app.get("/", (request, response) => {
        seen.push(read(request), Object.keys(request).includes("session"));
        response.send("page");
      });
      expect(await (await start(app)).get()).toMatchObject({ status: 200, body: "page" });
      expect(seen).toStrictEqual([undefined, false]);
    });

    test("can be set by another library", async () => {
      const sessions = new StubSessions();
      const app = make(sessions);
      app.use((request, _response, next) => {
        Object.assign(request, { session: "theirs" });
        next();
      });
      app.get("/", (request, response) => response.send(read(request)));
      expect((await (await start(app)).get()).body).toBe("theirs");
    });

    test("is left alone when another library has set it before", async () => {
      const app = express();
      app.use((request, _response, next) => {
        Object.assign(request, { session: "theirs" });
        next();
      });
      app.use(expressSessions(new StubSessions()));
      app.get("/", (request, response) => response.send(read(request)));
      expect((await (await start(app)).get()).body).toBe("theirs");
    });

    test("is the session with `eager`, also behind a mount without it", async () => {
      const sessions = new StubSessions();
      const app = make(sessions);
      app.use(expressSessions(sessions, { eager: true }));
      app.get("/", (request, response) => response.send(read(request)));
      expect((await (await start(app)).get()).body).toBe('{"marker":"session"}');
    });

    test("with `eager`, a session that cannot be loaded goes to the error handlers, and no handler runs", async () => {
      const sessions = new StubSessions();
      sessions.load = () => Promise.reject(saveError());
      const handler = vi.fn<() => void>();
      const app = express();
      app.use(expressSessions(sessions, { eager: true }));
      app.get("/", handler);
      app.use((error: Error, _request: express5.Request, response: express5.Response, _next: unknown) =>
        response.status(500).send(error.message),
      );
      const reply = await (await start(app)).get();
      expect(reply).toMatchObject({ status: 500, body: "the store is down: secret detail" });
      expect(handler).not.toHaveBeenCalled();
    });
  });

  test.each([
    [false, "http", false, "127.0.0.1"],
    [true, "https", true, "shop.example"],
  ])(
    "the scope hears of TLS and host what `trust proxy` (%s) lets it",
    async (trust, _protocol, secure, host) => {
      const sessions = new StubSessions();
      const app = make(sessions);
      app.set("trust proxy", trust);
      app.get("/", (_request, response) => {
        const { facts } = sessions.last;
        response.json([facts.isSecure(), facts.host(), facts.cookieHeader]);
      });
      const headers = { Cookie: "a=1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example" };
      expect(JSON.parse((await (await start(app)).get("/", { headers })).body)).toEqual([
        secure,
        host,
        "a=1",
      ]);
    },
  );

  test("a handler that waits for the session gets it", async () => {
    expect(version).toMatch(/^Express [45]$/);
    const sessions = new StubSessions();
    const app = make(sessions);
    app.get("/", (request, response) => {
      void sessions.from(request).then((session) => response.json(session));
    });
    expect((await (await start(app)).get()).body).toBe('{"marker":"session"}');
  });
});
