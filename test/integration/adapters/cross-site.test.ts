import type { IncomingMessage, ServerResponse } from "node:http";
import express5 from "express";
import { describe, expect, test } from "vitest";
import { expressSessions } from "../../../src/adapters/express/index.ts";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import type { CrossSite } from "../../../src/session/http/cross-site.ts";
import { express4 } from "./support/express.ts";
import { TestServer } from "./support/http.ts";
import { runnable } from "./support/protocol.ts";
import { StubSessions } from "./support/stub-sessions.ts";

interface Options {
  readonly crossSite?: CrossSite;
  readonly trustProxy?: boolean;
}

const ADAPTERS: Record<string, (sessions: StubSessions, options: Options) => Promise<TestServer>> = {
  node: (sessions, options) =>
    TestServer.start(
      nodeSessions(
        sessions,
        (_request: IncomingMessage, response: ServerResponse) => void response.end("done"),
        {
          ...options,
          onError: (error, _request, response) => void response.end((error as Error).name),
        },
      ),
    ),
  "Express 5": (sessions, options) => startExpress(express5, sessions, options),
  "Express 4": (sessions, options) => startExpress(express4, sessions, options),
};

function startExpress(
  framework: typeof express5,
  sessions: StubSessions,
  { trustProxy = false, ...options }: Options,
) {
  const app = framework();
  app.set("trust proxy", trustProxy);
  app.use(expressSessions(sessions, options));
  app.use((_request, response) => void response.end("done"));
  return TestServer.start(app);
}

describe.each(runnable(ADAPTERS))("crossSite, %s", (_name, start) => {
  const from = (origin: string) => ({ method: "POST", headers: { origin } });

  test('"refuse": a POST from a page of another origin is a 403, and the session is not touched', async () => {
    const sessions = new StubSessions();
    const server = await start(sessions, { crossSite: "refuse" });
    expect((await server.get("/", from("https://evil.example"))).status).toBe(403);
    expect(
      (await server.get("/", { method: "POST", headers: { "sec-fetch-site": "cross-site" } })).status,
    ).toBe(403);
    expect(sessions.scopes.every(({ isUsed }) => !isUsed)).toBe(true);
  });

  test('"refuse": lets through what comes from the same host and port, and what is no browser', async () => {
    const server = await start(new StubSessions(), { crossSite: "refuse" });
    expect((await server.get("/", from(`http://127.0.0.1:${server.port}`))).body).toBe("done");
    expect((await server.get("/", { method: "POST" })).body).toBe("done");
    expect((await server.get("/", from(`http://127.0.0.1:${server.port + 1}`))).status).toBe(403);
  });

  test("behind a proxy that is trusted, the host that the visitor asked for counts", async () => {
    const headers = {
      origin: "https://shop.example",
      "x-forwarded-host": "shop.example",
      "x-forwarded-proto": "https",
    };
    const trusting = await start(new StubSessions(), { crossSite: "refuse", trustProxy: true });
    expect((await trusting.get("/", { method: "POST", headers })).body).toBe("done");
    const strict = await start(new StubSessions(), { crossSite: "refuse" });
    expect((await strict.get("/", { method: "POST", headers })).status).toBe(403);
  });

  test("by default, and for trusted origins, everything is let through", async () => {
    const open = await start(new StubSessions(), {});
    expect((await open.get("/", from("https://evil.example"))).body).toBe("done");
    const trusting = await start(new StubSessions(), {
      crossSite: { trustedOrigins: ["https://admin.example"] },
    });
    expect((await trusting.get("/", from("https://admin.example"))).body).toBe("done");
    expect((await trusting.get("/", from("https://evil.example"))).status).toBe(403);
  });
});
