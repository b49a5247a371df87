import type express5 from "express";
import { describe, expect, test } from "vitest";
import { runtime } from "../../support/runtime.ts";
import { EXPRESSES, makeApp, makeFile, start } from "./support/express.ts";
import { PATIENT, turns } from "./support/http.ts";
import { defer, saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

describe.each(EXPRESSES)("%s", (_version, express) => {
  const make = (sessions: StubSessions) => makeApp(express, sessions);

  const failing = (statusCode?: number): StubSessions => {
    const sessions = new StubSessions();
    sessions.save = () => turns(2).then(() => Promise.reject(saveError(statusCode)));
    return sessions;
  };

  describe("a session that cannot be saved goes to the error handlers", () => {
    type Handle = (error: unknown, response: express5.Response) => unknown;
    const HANDLERS: [string, Handle, number, string][] = [
      ["that sets a status", (_error, response) => response.status(503).send("sorry"), 503, "sorry"],
      ["that forgets the status", (_error, response) => response.send("sorry"), 500, "sorry"],
      ["that answers in JSON", (_error, response) => response.json({ sorry: 1 }), 500, '{"sorry":1}'],
      [
        "that redirects",
        (_error, response) => response.redirect(303, "/sorry"),
        303,
        "See Other. Redirecting to /sorry",
      ],
      [
        "that is asynchronous and forgets the status",
        async (_error, response) => {
          await turns();
          response.send("sorry");
        },
        500,
        "sorry",
      ],
    ];

    test.each(HANDLERS)("one %s", async (_name, handle, status, body) => {
      const sessions = failing();
      const app = make(sessions);
      let calls = 0;
      app.get("/", (request, response) => {
        sessions.use(request);
        response.set("ETag", '"1"').json({ order: "placed" });
      });
      app.use((error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) => {
        calls++;
        void handle(error, response);
      });
      const reply = await (await start(app)).get();
      expect(reply).toMatchObject({ status, body });
      expect(reply.headers["set-cookie"]).toEqual([COOKIE]);
      expect(calls).toBe(1);
    });

    test.each([
      [undefined, 500],
      [400, 400],
    ])("Express's own, when there is no other (error.statusCode %s)", async (statusCode, status) => {
      const sessions = failing(statusCode);
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        response.send("order placed");
      });
      const reply = await (await start(app)).get();
      expect(reply.status).toBe(status);
      expect(reply.body).not.toContain("order placed");
    });

    test("the nearest comes first: that of the router that was answering", async () => {
      const sessions = failing();
      const [app, router] = [make(sessions), express.Router()];
      router.get("/", (request, response) => {
        sessions.use(request);
        response.send("order placed");
      });
      router.use((_error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) =>
        response.send("sorry from the router"),
      );
      app.use("/shop", router);
      app.use((_error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) =>
        response.send("sorry from the application"),
      );
      expect(await (await start(app)).get("/shop")).toMatchObject({
        status: 500,
        body: "sorry from the router",
      });
    });

    test("also from sendFile, whose file is closed", async () => {
      const [sessions, file, errors] = [failing(), makeFile(3_000_000), [] as unknown[]];
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        response.sendFile(file, (error) => errors.push(error));
      });
      app.use((_error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) =>
        response.send("sorry"),
      );
      const reply = await (await start(app)).get();
      expect(reply).toMatchObject({ status: 500, body: "sorry" });
      expect(reply.headers).not.toHaveProperty("last-modified");
      await expect.poll(() => errors.length, PATIENT).toBe(1);
    });

    test("after a flushed head: the connection is cut, and the error is told", async () => {
      const [sessions, told] = [new StubSessions(), defer<unknown>()];
      sessions.save = ({ headersSent }) => (headersSent ? Promise.reject(saveError()) : undefined);
      const app = make(sessions);
      app.get("/", (request, response) => {
        sessions.use(request);
        response.write("begin");
        response.end("end");
      });
      app.use(
        (error: unknown, _request: express5.Request, _response: unknown, next: (error: unknown) => void) => {
          told.resolve(error);
          next(error);
        },
      );
      const client = await (await start(app)).connect();
      client.get("/");
      const received = await client.waitForClose();
      // Deno drops what has not left yet with the connection.
      expect(received).toContain(runtime === "deno" ? "" : "begin");
      expect(received).not.toContain("\r\n0\r\n");
      expect(await told.promise).toBeInstanceOf(Error);
    });
  });
});
