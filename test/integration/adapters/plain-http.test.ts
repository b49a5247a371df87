import type { IncomingMessage, ServerResponse } from "node:http";
import express5, { type Request, type Response } from "express";
import { createSojourn, type Sessions } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, onTestFinished, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import { express4 } from "./support/express.ts";
import { type RequestOptions, TestServer } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";

type Views = Sessions<{ views?: number }>;

const ADAPTERS: Record<string, (sessions: Views, trustProxy: boolean) => Promise<TestServer>> = {
  node: (sessions, trustProxy) =>
    TestServer.start(
      nodeSessions(sessions, (request, response) => answer(sessions, request, response), {
        trustProxy,
        onError: (error, _request, response) => void response.end((error as { code?: string }).code),
      }),
    ),
  "Express 5": (sessions, trustProxy) => startExpress(express5, sessions, trustProxy),
  "Express 4": (sessions, trustProxy) => startExpress(express4, sessions, trustProxy),
};

function startExpress(framework: typeof express5, sessions: Views, trustProxy: boolean): Promise<TestServer> {
  const app = framework();
  app.set("trust proxy", trustProxy);
  app.use(expressSessions(sessions));
  app.use((request, response, next) => void answer(sessions, request, response).catch(next));
  app.use(
    (error: { code: string; statusCode: number }, _request: Request, response: Response, _next: unknown) => {
      response.status(error.statusCode).end(error.code);
    },
  );
  return TestServer.start(app);
}

async function answer(sessions: Views, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/static") return void response.end("no session here");
  const session = await sessions.from(request);
  session.data.views = (session.data.views ?? 0) + 1;
  response.end(`${session.data.views} views`);
}

function openSessions(onInsecure: "warn" | "refuse"): Views {
  const { sessions, close } = createSojourn<{ views?: number }>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    sessions: { store: memorySessionStore(), cookie: { onInsecure } },
  });
  onTestFinished(close);
  return sessions;
}

const SHOP = { host: "shop.example" };
const HTTPS = { ...SHOP, "x-forwarded-proto": "https" };

describe.each(runnable(ADAPTERS))('onInsecure: "refuse", %s', (_name, start) => {
  test("over plain http a session is a 403, neither read nor set; a page without one is answered", async () => {
    const sessions = openSessions("refuse");
    const server = await start(sessions, false);
    const { cookieHeader: cookie = "" } = await sessions.create({ views: 1 });
    const reply = await server.get("/", { headers: { ...SHOP, cookie } });
    expect([reply.status, reply.body]).toStrictEqual([403, "ERR_INSECURE_REQUEST"]);
    expect(reply.headers["set-cookie"]).toBeUndefined();
    expect((await sessions.open(cookie)).data).toStrictEqual({ views: 1 });
    expect((await server.get("/static", { headers: { ...SHOP, cookie } })).body).toBe("no session here");
  });

  test("https by a proxy counts where the proxy is trusted, and only there", async () => {
    const options: RequestOptions = { headers: HTTPS };
    const trusting = await (await start(openSessions("refuse"), true)).get("/", options);
    expect([trusting.status, trusting.body]).toStrictEqual([200, "1 views"]);
    expect(trusting.headers["set-cookie"]).toStrictEqual([expect.stringContaining("; Secure")]);
    expect((await (await start(openSessions("refuse"), false)).get("/", options)).status).toBe(403);
  });

  test("a proxy that is trusted and says http is plain http", async () => {
    const server = await start(openSessions("refuse"), true);
    expect((await server.get("/", { headers: { ...SHOP, "x-forwarded-proto": "http" } })).status).toBe(403);
  });

  test("localhost needs no https", async () => {
    const server = await start(openSessions("refuse"), false);
    expect((await server.get("/", { headers: { host: "localhost:3000" } })).body).toBe("1 views");
  });

  test("by default the session is opened all the same", async () => {
    const server = await start(openSessions("warn"), false);
    expect((await server.get("/", { headers: SHOP })).body).toBe("1 views");
  });
});
