import type { IncomingMessage, ServerResponse } from "node:http";
import express5, { type Response } from "express";
import { describe, expect, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import type { Session, Sessions } from "../../../src/index.ts";
import type { CrossSite } from "../../../src/session/http/cross-site.ts";
import { express4 } from "./support/express.ts";
import { TestServer } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";
import { openSessions, type TestData } from "./support/stores.ts";

type Act = (session: Session<TestData>) => unknown;
type Start = (
  sessions: Sessions<TestData>,
  act: Act,
  crossSite: CrossSite | undefined,
) => Promise<TestServer>;

const ADAPTERS: Record<string, Start> = {
  node: (sessions, act, crossSite) =>
    TestServer.start(
      nodeSessions(
        sessions,
        async (request: IncomingMessage, response: ServerResponse) => {
          await act(await sessions.from(request));
          response.end("done");
        },
        {
          ...(crossSite !== undefined && { crossSite }),
          onError: (error, _request, response) => void response.end((error as { code?: string }).code),
        },
      ),
    ),
  "Express 5": (sessions, act, crossSite) => startExpress(express5, sessions, act, crossSite),
  "Express 4": (sessions, act, crossSite) => startExpress(express4, sessions, act, crossSite),
};

function startExpress(
  framework: typeof express5,
  sessions: Sessions<TestData>,
  act: Act,
  crossSite: CrossSite | undefined,
): Promise<TestServer> {
  const app = framework();
  app.use(expressSessions(sessions, crossSite === undefined ? {} : { crossSite }));
  app.use((request, response, next) => {
    void (async () => {
      await act(await sessions.from(request));
      response.end("done");
    })().catch(next);
  });
  app.use(
    (error: { code: string; statusCode: number }, _request: unknown, response: Response, _next: unknown) => {
      response.status(error.statusCode).end(error.code);
    },
  );
  return TestServer.start(app);
}

/** Whatever begins a session. */
const BEGINNINGS: Record<string, Act> = {
  "a change that the response saves": (session) => void (session.data.n = 1),
  save: (session) => {
    session.data.n = 1;
    // A change that stays would be tried again with the error page.
    return session.save().finally(() => delete session.data.n);
  },
  update: (session) => session.update((data) => (data.n = 1)),
  login: (session) => session.login(7),
};

const FORM = { method: "POST", headers: { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" } };

describe.each(runnable(ADAPTERS))(
  "a form of another site, with which Lax keeps the cookie away, %s",
  (_name, start) => {
    test.each(Object.entries(BEGINNINGS))(
      "begins no session that would replace a login: %s",
      async (_how, act) => {
        const { sessions } = openSessions();
        const created: unknown[] = [];
        sessions.on("created", (event) => created.push(event));
        const server = await start(sessions, act, undefined);
        const reply = await server.get("/", FORM);
        expect([reply.status, reply.body]).toStrictEqual([400, "ERR_SESSION_INTERRUPTED"]);
        expect(reply.headers["set-cookie"]).toBeUndefined();
        expect(created).toEqual([]);
      },
    );

    test("may be answered by a page that only reads", async () => {
      const { sessions } = openSessions();
      const server = await start(sessions, (session) => session.data.n, undefined);
      expect(await server.get("/", FORM)).toMatchObject({ status: 200, body: "done" });
    });

    test("goes on as ever where the cookie came, as with SameSite=None", async () => {
      const { sessions } = openSessions({ sameSite: "none" });
      const server = await start(sessions, (session) => void (session.data.n = 2), undefined);
      const cookie = (await sessions.create({ n: 1 })).cookieHeader ?? "";
      const reply = await server.get("/", { ...FORM, headers: { ...FORM.headers, Cookie: cookie } });
      expect(reply.status).toBe(200);
      expect((await sessions.open(cookie)).data.n).toBe(2);
      expect((await server.get("/", FORM)).status).toBe(200);
    });

    test.each<[CrossSite, string, number]>([
      ["allow", "https://evil.example", 200],
      [{ trustedOrigins: ["https://login.example"] }, "https://login.example", 200],
      [{ trustedOrigins: ["https://login.example"] }, "https://evil.example", 403],
    ])("with crossSite %j from %s: %i", async (crossSite, Origin, status) => {
      const { sessions } = openSessions();
      const server = await start(sessions, (session) => session.login(7), crossSite);
      const reply = await server.get("/", { ...FORM, headers: { ...FORM.headers, Origin } });
      expect(reply.status).toBe(status);
    });

    test("a link of another site begins one, but not under Strict where another site is refused", async () => {
      const link = { headers: { "Sec-Fetch-Site": "cross-site" } };
      for (const [sameSite, crossSite, status] of [
        ["lax", undefined, 200],
        ["lax", "refuse", 200],
        ["strict", undefined, 200],
        ["strict", "refuse", 400],
      ] as const) {
        const { sessions } = openSessions({ sameSite });
        const server = await start(sessions, (session) => void (session.data.n = 1), crossSite);
        expect([sameSite, crossSite, (await server.get("/", link)).status]).toEqual([
          sameSite,
          crossSite,
          status,
        ]);
      }
    });
  },
);
