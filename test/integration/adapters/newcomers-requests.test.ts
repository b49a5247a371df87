import { once } from "node:events";
import express, { type NextFunction, type Request, type RequestHandler, type Response } from "express";
import { createSojourn, type Sojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TestServer } from "./support/http.ts";
import { type Anything, BASE, eager, expectTold, foreign, inMemory, unawaited } from "./support/newcomer.ts";

describe("in a request: the error handlers are told", () => {
  test.each<[string, (sojourn: Sojourn<Anything, "default">) => RequestHandler | RequestHandler[], string]>([
    [
      "forgotten await, written",
      unawaited((session) => (session.data["views"] = 1)),
      'an "await" is missing',
    ],
    ["forgotten await, read", unawaited((session) => session.userId), 'an "await" is missing'],
    ["forgotten await, called", unawaited((session) => session.flash("a", "b")), 'an "await" is missing'],
    [
      "forgotten await, as of express-session",
      unawaited((session) => Object.assign(session, { views: 1 })),
      "await",
    ],
    ["req.session.x = 1", eager((session) => Object.assign(session, { views: 1 })), "session.data.views"],
    [
      "req.session.save(cb)",
      eager((session) => (session.save as (cb: unknown) => unknown)(() => {})),
      "calls no callback",
    ],
    [
      "req.session.destroy(cb)",
      eager((session) => foreign(session).destroy(() => {})),
      "Await session.logout()",
    ],
    [
      "req.session.regenerate(cb)",
      eager((session) => foreign(session).regenerate(() => {})),
      "Await session.cycleKey()",
    ],
    [
      "req.session.cookie.maxAge",
      eager((session) => (foreign(session).cookie.maxAge = 1)),
      "session.setExpiry()",
    ],
    [
      "a middleware not called",
      () => expressSessions as unknown as RequestHandler,
      "Write app.use(expressSessions(sessions))",
    ],
    [
      "the middleware after the route",
      ({ sessions }) =>
        async (request, response) => {
          await sessions.from(request);
          response.send("never");
        },
      "Mount one before the handlers that use sessions",
    ],
    [
      "a login after the head",
      (sojourn) => [
        expressSessions(sojourn.sessions),
        async (request: Request, response: Response) => {
          const session = await sojourn.sessions.from(request);
          response.flushHeaders();
          await session.login(1);
        },
      ],
      "the response headers were already sent",
    ],
  ])("%s", async (_mistake, handler, message) => {
    const sojourn = inMemory();
    onTestFinished(sojourn.close);
    const app = express();
    let told: unknown;
    app.use(handler(sojourn));
    app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      told = error;
      if (response.headersSent) response.end();
      else response.status(500).send("failed");
    });
    const server = await TestServer.start(app);
    const { status } = await server.get("/");
    expect(status).toBe(message.includes("headers were already sent") ? 200 : 500);
    await vi.waitFor(() => expectTold(told, message));
  });
});

test("what cannot be an error is a warning, once", async () => {
  const codes = new Set<string | undefined>();
  const note = (warning: Error & { code?: string }): void => void codes.add(warning.code);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const { sessions } = createSojourn<Anything>({ ...BASE, sessions: { store: memorySessionStore() } });
  const app = express();
  app.use(expressSessions(sessions));
  app.get(
    "/unloaded",
    (request, response) => void response.send(typeof (request as unknown as Anything)["session"]),
  );
  app.get("/late", async (request, response) => {
    const session = await sessions.from(request);
    session.data["a"] = 1;
    response.send("saved");
    await once(response, "close");
    session.data["b"] = 2;
  });
  const server = await TestServer.start(app);
  await server.get("/unloaded");
  await server.get("/late", { headers: { Host: "shop.example" } });
  const expected = ["SOJOURN_SESSION_NOT_LOADED", "SOJOURN_LATE_CHANGE", "SOJOURN_SECURE_COOKIE"];
  await vi.waitFor(() => expect([...codes]).toEqual(expect.arrayContaining(expected)));
});
