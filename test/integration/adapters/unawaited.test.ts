import express5, { type Response } from "express";
import { describe, expect, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import type { Session } from "../../../src/index.ts";
import { TestServer, watchProcess } from "./support/http.ts";
import { type Failable, openSessions, type TestData } from "./support/stores.ts";

type Act = (session: Session<TestData>) => unknown;

const ADAPTERS: Record<string, (failable: Failable, act: Act) => Promise<TestServer>> = {
  node: ({ sessions }, act) =>
    TestServer.start(
      nodeSessions(
        sessions,
        async (request, response) => {
          act(await sessions.from(request));
          response.writeHead(303, { Location: "/bye" }).end();
        },
        { onError: (error, _request, response) => void response.end((error as { code?: string }).code) },
      ),
    ),
  express: ({ sessions }, act) => {
    const app = express5();
    app.use(expressSessions(sessions));
    app.get("/", async (request, response) => {
      act(await sessions.from(request));
      response.redirect(303, "/bye");
    });
    app.use((error: { code?: string }, _request: unknown, response: Response, _next: unknown) => {
      response.end(error.code);
    });
    return TestServer.start(app);
  },
};

/** Operations whose promise a handler forgets to wait for. */
const FORGOTTEN: Record<string, Act> = {
  logout: (session) => void session.logout(),
  flush: (session) => void session.flush(),
  update: (session) => void session.update((data) => (data.n = 2)),
  save: (session) => {
    session.data.n = 2;
    void session.save();
  },
  cycleKey: (session) => void session.cycleKey(),
  login: (session) => void session.login(7),
};

describe.each(Object.entries(ADAPTERS))(
  "an operation that nobody waits for and that fails, %s",
  (_name, start) => {
    test.each(Object.entries(FORGOTTEN))("%s: fails the response", async (_what, act) => {
      const crashes = watchProcess();
      const failable = openSessions();
      const cookie = (await failable.sessions.create({ n: 1 })).cookieHeader ?? "";
      const server = await start(failable, act);
      failable.isDown = true;
      const reply = await server.get("/", { headers: { Cookie: cookie } });
      expect([reply.status, reply.body]).toStrictEqual([500, "ERR_STORE_CONNECTION"]);
      expect(crashes).toEqual([]);
    });

    test.each(Object.entries(FORGOTTEN))(
      "%s: one whose failure the handler has dealt with does not",
      async (_what, act) => {
        const failable = openSessions();
        const cookie = (await failable.sessions.create({ n: 1 })).cookieHeader ?? "";
        const server = await start(failable, async (session) => {
          const seen = new Proxy(session, {
            get(target, name) {
              const member = Reflect.get(target, name, target) as unknown;
              if (typeof member !== "function") return member;
              return (...args: unknown[]) => (member.apply(target, args) as Promise<unknown>).catch(() => {});
            },
          });
          if (act !== FORGOTTEN["save"]) act(seen);
        });
        failable.isDown = true;
        expect((await server.get("/", { headers: { Cookie: cookie } })).status).toBe(303);
      },
    );
  },
);
