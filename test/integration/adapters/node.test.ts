import { createServer as createTlsServer, request as sendTls } from "node:https";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { beforeEach, describe, expect, type MockInstance, onTestFinished, test, vi } from "vitest";
import { nodeSessions } from "sojourn/adapters/node";
import { certificate } from "./support/certificate.ts";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { defer, saveError, StubSessions } from "./support/stub-sessions.ts";

let print: MockInstance;

beforeEach(() => {
  print = vi.spyOn(console, "error").mockImplementation(() => {});
  return () => print.mockRestore();
});

describe("errors of the handler", () => {
  const bug = new Error("bug with a secret detail");
  const HANDLERS: [string, () => unknown][] = [
    [
      "thrown",
      () => {
        throw bug;
      },
    ],
    ["rejected", () => turns(2).then(() => Promise.reject(bug))],
  ];

  test.each(HANDLERS)("%s: 500 without details, and the error is printed", async (_name, handler) => {
    const server = await TestServer.start(nodeSessions(new StubSessions(), handler));
    const reply = await server.get();
    expect(reply).toMatchObject({ status: 500, body: "Internal Server Error\n" });
    expect(print.mock.calls).toEqual([[bug]]);
  });

  test.each(HANDLERS)("%s: onError answers in place of that", async (_name, handler) => {
    const seen: unknown[] = [];
    const server = await TestServer.start(
      nodeSessions(new StubSessions(), handler, {
        onError: (error, request, response) => {
          seen.push(error, request.url, response.statusCode);
          response.end("sorry");
        },
      }),
    );
    expect(await server.get("/path")).toMatchObject({ status: 500, body: "sorry" });
    expect(seen).toEqual([bug, "/path", 500]);
    expect(print).not.toHaveBeenCalled();
  });

  test("take the error's status, and what the handler said of its body goes", async () => {
    const sessions = new StubSessions();
    const server = await TestServer.start(
      nodeSessions(sessions, (request, response) => {
        sessions.use(request);
        response.setHeader("Content-Length", 3);
        response.setHeader("X-App", "1");
        throw saveError(404);
      }),
    );
    const reply = await server.get();
    expect(reply).toMatchObject({ status: 404, body: "Not Found\n", headers: { "x-app": "1" } });
    expect(sessions.last.finishes).toEqual([{ status: 404, headersSent: false }]);
  });

  test("in the middle of a stream cut the connection: never a clean end", async () => {
    const server = await TestServer.start(
      nodeSessions(new StubSessions(), (_request, response) => {
        response.write("begin");
        throw bug;
      }),
    );
    const client = await server.connect();
    client.get("/");
    expect(await client.waitForClose()).not.toContain("\r\n0\r\n");
    expect(print).toHaveBeenCalledTimes(1);
  });

  test("after the end harm nothing, also while the response waits for its save", async () => {
    const sessions = new StubSessions();
    sessions.save = () => turns(3);
    const server = await TestServer.start(
      nodeSessions(sessions, (request, response) => {
        sessions.use(request);
        response.end("hello");
        throw bug;
      }),
    );
    expect(await server.get()).toMatchObject({ status: 200, body: "hello" });
    expect(print.mock.calls).toEqual([[bug]]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("worse");
      },
    ],
    ["rejects", () => Promise.reject(new Error("worse"))],
  ])("an error handler that %s itself: 500, and both errors are printed", async (_name, onError) => {
    const crashes = watchProcess();
    const server = await TestServer.start(
      nodeSessions(new StubSessions(), () => Promise.reject(bug), { onError }),
    );
    expect(await server.get()).toMatchObject({ status: 500, body: "Internal Server Error\n" });
    expect(print.mock.calls).toEqual([[bug], [new Error("worse")]]);
    expect(crashes).toEqual([]);
  });

  test("a save that fails on top of a handler that fails is answered once", async () => {
    const sessions = new StubSessions();
    sessions.save = () => turns(2).then(() => Promise.reject(saveError()));
    const server = await TestServer.start(
      nodeSessions(sessions, (request, response) => {
        sessions.use(request);
        response.end("order placed");
        throw bug;
      }),
    );
    expect(await server.get()).toMatchObject({ status: 500, body: "Internal Server Error\n" });
    expect(print).toHaveBeenCalledTimes(2);
  });
});

describe("eager", () => {
  test("loads the session before the handler runs and puts it on the request", async () => {
    const [sessions, loading] = [new StubSessions(), defer()];
    sessions.load = () => loading.promise;
    const handler = vi.fn<(request: { session: unknown }, response: ServerResponse) => void>(
      (request, response) => {
        response.end(JSON.stringify(request.session));
      },
    );
    const server = await TestServer.start(nodeSessions(sessions, handler, { eager: true }));
    const reply = server.get();
    await expect.poll(() => sessions.scopes.length, PATIENT).toBe(1);
    await turns();
    expect(handler).not.toHaveBeenCalled();
    loading.resolve();
    expect((await reply).body).toBe('{"marker":"session"}');
  });

  test("a session that cannot be loaded is an error, and the handler does not run", async () => {
    const sessions = new StubSessions();
    const error = saveError();
    sessions.load = () => Promise.reject(error);
    const handler = vi.fn<() => void>();
    const server = await TestServer.start(nodeSessions(sessions, handler, { eager: true }));
    expect((await server.get()).status).toBe(500);
    expect(handler).not.toHaveBeenCalled();
    expect(print.mock.calls).toEqual([[error]]);
  });

  test("without it, nothing is loaded and the request stays as it is", async () => {
    const sessions = new StubSessions();
    const server = await TestServer.start(
      nodeSessions(sessions, (request: IncomingMessage, response) =>
        response.end(String("session" in request)),
      ),
    );
    expect((await server.get()).body).toBe("false");
    expect(sessions.last.isUsed).toBe(false);
  });
});

describe("what the scope hears of the request", () => {
  async function ask(headers: Record<string, string>, trustProxy?: boolean): Promise<unknown[]> {
    const sessions = new StubSessions();
    const options = trustProxy === undefined ? {} : { trustProxy };
    const server = await TestServer.start(
      nodeSessions(sessions, (_request, response) => response.end(), options),
    );
    await server.get("/", { headers: { Host: "inside:81", ...headers } });
    const { facts } = sessions.last;
    return [facts.isSecure(), facts.host(), facts.cookieHeader];
  }

  const FORWARDED = { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example" };

  test("Host and Cookie", async () => {
    expect(await ask({ Cookie: "a=1" })).toEqual([false, "inside:81", "a=1"]);
    expect(await ask({})).toEqual([false, "inside:81", undefined]);
  });

  test.each([undefined, false])("nothing that a visitor claims, with trustProxy %s", async (trustProxy) => {
    expect(await ask(FORWARDED, trustProxy)).toEqual([false, "inside:81", undefined]);
  });

  test.each([
    [FORWARDED, true, "shop.example"],
    [
      { "X-Forwarded-Proto": "HTTPS , http", "X-Forwarded-Host": "shop.example, inner" },
      true,
      "shop.example",
    ],
    [{ "X-Forwarded-Proto": "http" }, false, "inside:81"],
    [{}, false, "inside:81"],
    [{ "X-Forwarded-Proto": "", "X-Forwarded-Host": "" }, false, "inside:81"],
  ])("what a trusted proxy says: %j", async (headers, secure, host) => {
    expect(await ask(headers, true)).toEqual([secure, host, undefined]);
  });

  test.each([
    [{ "X-Forwarded-Proto": "https" }, true],
    [{ "X-Forwarded-Proto": "HTTPS, http" }, true],
    [{ Forwarded: 'for="[2001:db8::1]";proto=https;by=203.0.113.43' }, true],
    [{ Forwarded: "for=192.0.2.60; Proto=HTTPS" }, true],
    [{ "X-Forwarded-Proto": "http" }, false],
    [{ Forwarded: "for=192.0.2.60;proto=http" }, false],
    [{}, false],
  ])("whether a proxy that is not trusted claims https: %j", async (headers, claims) => {
    const sessions = new StubSessions();
    const server = await TestServer.start(nodeSessions(sessions, (_request, response) => response.end()));
    await server.get("/", { headers });
    expect(sessions.last.facts.claimsHttps?.()).toBe(claims);
    expect(sessions.last.facts.isSecure()).toBe(false);
  });

  test("TLS", async () => {
    const sessions = new StubSessions();
    const listener = nodeSessions(sessions, (_request, response) => response.end());
    const server = createTlsServer(certificate(), listener).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const outgoing = sendTls({ host: "127.0.0.1", port, rejectUnauthorized: false, agent: false }).end();
    await once(outgoing, "response");
    expect(sessions.last.facts.isSecure()).toBe(true);
  });
});
