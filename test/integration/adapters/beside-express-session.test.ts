import { createRequire } from "node:module";
import express5, { type Request } from "express";
import { describe, expect, test, vi } from "vitest";
import { expressSessions, type WithSession } from "../../../src/adapters/express/index.ts";
import { express4 } from "./support/express.ts";
import { TestServer } from "./support/http.ts";
import { openSessions, type TestData } from "./support/stores.ts";

// Without its types, which would give every request of every test a session of theirs.
const expressSession = createRequire(import.meta.url)("express-session") as (
  options: Readonly<Record<string, unknown>>,
) => express5.RequestHandler;

const theirs = (): express5.RequestHandler =>
  expressSession({ secret: "theirs", resave: false, saveUninitialized: false, name: "theirs" });

describe.each([
  ["Express 5", express5],
  ["Express 4", express4],
])("beside express-session, %s", (_version, express) => {
  async function serve(order: "ours first" | "theirs first") {
    const { sessions } = openSessions();
    const app = express();
    app.set("env", "test");
    const mounts = [expressSessions(sessions) as unknown as express5.RequestHandler, theirs()];
    app.use(...(order === "ours first" ? mounts : mounts.toReversed()));
    app.get("/plain", (_request, response) => void response.send("no session"));
    app.get("/both", async (request, response) => {
      const session = await sessions.from(request);
      session.data.n = (session.data.n ?? 0) + 1;
      const other = (request as unknown as { session: { m?: number } }).session;
      other.m = (other.m ?? 0) + 10;
      response.send(`${session.data.n} ${other.m}`);
    });
    return TestServer.start(app);
  }

  test.each(["ours first", "theirs first"] as const)(
    "%s: both keep their data, each by its own cookie",
    async (order) => {
      const server = await serve(order);
      expect(await server.get("/plain")).toMatchObject({ status: 200, body: "no session" });
      const first = await server.get("/both");
      expect(first.body).toBe("1 10");
      const cookies = (first.headers["set-cookie"] ?? []).map((line) => line.split(";")[0] ?? "");
      expect(new Set(cookies.map((cookie) => cookie.split("=")[0]))).toEqual(
        new Set(["sessionid", "theirs"]),
      );
      const Cookie = cookies.join("; ");
      expect((await server.get("/both", { headers: { Cookie } })).body).toBe("2 20");
    },
  );

  test("with `eager`, what is set on req.session and would be lost says where it belongs", async () => {
    const { sessions } = openSessions();
    const app = express();
    app.set("env", "test");
    app.use(expressSessions(sessions, { eager: true }));
    app.get("/", (request) => {
      (request as unknown as { session: Record<string, unknown> }).session["cart"] = 1;
    });
    app.use((error: Error, _request: Request, response: express5.Response, _next: unknown) =>
      response.status(500).send(error.message),
    );
    expect((await (await TestServer.start(app)).get()).body).toMatch(/session\.data\.cart/);
  });

  test("with `eager`, the session is there in place of theirs", async () => {
    const { sessions } = openSessions();
    const app = express();
    app.use(expressSessions(sessions, { eager: true }), theirs());
    app.get("/", (request, response) => {
      const { session } = request as unknown as WithSession<Request, TestData>;
      session.data.n = 5;
      response.send(String(session.data.n));
    });
    expect((await (await TestServer.start(app)).get()).body).toBe("5");
  });
});

test("a handler that only looks at req.session is told once in a process what to do", async () => {
  vi.resetModules();
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const fresh = await import("../../../src/adapters/express/index.ts");
  const { sessions } = openSessions();
  const app = express5();
  app.use(fresh.expressSessions(sessions));
  app.get("/", (request, response) => void response.send(String((request as { session?: unknown }).session)));
  const server = await TestServer.start(app);
  for (let count = 0; count < 3; count++) expect((await server.get()).body).toBe("undefined");
  expect(warn.mock.calls).toEqual([
    [
      expect.stringMatching(/await sessions\.from\(req\).*eager: true/),
      { type: "SojournWarning", code: "SOJOURN_SESSION_NOT_LOADED" },
    ],
  ]);
  warn.mockRestore();
});
