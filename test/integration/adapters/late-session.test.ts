import type { IncomingMessage, ServerResponse } from "node:http";
import express5 from "express";
import { createSojourn, type Session, type Sessions } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, onTestFinished, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import { express4 } from "./support/express.ts";
import { TestServer } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";

interface Data {
  a?: number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const ADAPTERS: Record<string, (sessions: Sessions<Data>, handler: Handler) => Promise<TestServer>> = {
  node: (sessions, handler) => TestServer.start(nodeSessions(sessions, handler)),
  "Express 5": (sessions, handler) => startExpress(express5, sessions, handler),
  "Express 4": (sessions, handler) => startExpress(express4, sessions, handler),
};

function startExpress(
  framework: typeof express5,
  sessions: Sessions<Data>,
  handler: Handler,
): Promise<TestServer> {
  const app = framework();
  app.use(expressSessions(sessions));
  app.use((request, response, next) => void handler(request, response).catch(next));
  return TestServer.start(app);
}

const NEEDS_A_COOKIE: [string, (session: Session<Data>) => Promise<unknown>][] = [
  ["login", (session) => session.login(7)],
  ["cycleKey of a session that is there", (session) => session.cycleKey()],
  ["update, which would begin a session", (session) => session.update((data) => (data.a = 1))],
  [
    "save, which would begin a session",
    (session) => {
      session.data.a = 1;
      return session.save().finally(() => delete session.data.a);
    },
  ],
];

const BEGIN: [string, (response: ServerResponse) => unknown][] = [
  ["write", (response) => response.write("begun, ")],
  ["writeHead", (response) => response.writeHead(200)],
  ["flushHeaders", (response) => response.flushHeaders()],
];

describe.each(runnable(ADAPTERS))("a session that is first asked for in a stream, %s", (_name, start) => {
  async function askLate(
    act: (session: Session<Data>) => Promise<unknown>,
    { begin = (response: ServerResponse): unknown => response.write("begun, "), hasSession = false } = {},
  ) {
    const { sessions, close } = createSojourn<Data>({
      projectName: "shop",
      secretKey: "the secret of the integration tests",
      sessions: { store: memorySessionStore() },
    });
    onTestFinished(close);
    let failure: unknown;
    const server = await start(sessions, async (request, response) => {
      begin(response);
      const session = await sessions.from(request);
      await act(session).catch((error: unknown) => (failure = error));
      response.end("ended");
    });
    const cookie = hasSession ? ((await sessions.create({ a: 0 })).cookieHeader ?? "") : "";
    const reply = await server.get("/", { headers: { cookie } });
    expect(reply.body).toMatch(/ended$/);
    expect(reply.headers["set-cookie"]).toBeUndefined();
    return { failure, sessions, cookie };
  }

  test.each(NEEDS_A_COOKIE)("%s throws, since its cookie cannot be sent any more", async (name, act) => {
    const { failure } = await askLate(act, { hasSession: name.startsWith("cycleKey") });
    expect(failure).toMatchObject({ code: "ERR_SESSION_USAGE" });
    expect(String(failure)).toContain("needs to send a cookie, but the response headers were already sent");
  });

  test.each(BEGIN)("begun by %s", async (_how, begin) => {
    const { failure } = await askLate((session) => session.login(7), { begin });
    expect(failure).toMatchObject({ code: "ERR_SESSION_USAGE" });
  });

  test("what needs no cookie goes on working: update and logout of a session that is there", async () => {
    const updated = await askLate((session) => session.update((data) => (data.a = 1)), { hasSession: true });
    expect(updated.failure).toBeUndefined();
    expect((await updated.sessions.open(updated.cookie)).data).toStrictEqual({ a: 1 });
    const ended = await askLate((session) => session.logout(), { hasSession: true });
    expect(ended.failure).toBeUndefined();
    expect((await ended.sessions.open(ended.cookie)).isNew).toBe(true);
  });
});
