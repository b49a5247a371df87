import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import { nodeSessions } from "../../../src/adapters/node/index.ts";
import { TestServer, turns } from "./support/http.ts";
import { StubSessions } from "./support/stub-sessions.ts";

type Handler = (response: ServerResponse) => unknown;

async function replyTo(handler: Handler, setCookie: readonly string[]) {
  const sessions = new StubSessions();
  sessions.setCookie = [...setCookie];
  const listener = nodeSessions(sessions, (request: IncomingMessage, response: ServerResponse) => {
    sessions.use(request);
    handler(response);
  });
  return (await TestServer.start(listener)).get();
}

const COOKIE = ["sessionid=new; Path=/"];

describe("Cache-Control of a response that sets the session's cookie", () => {
  test.each<[string | undefined, string]>([
    [undefined, "private"],
    ["private, max-age=5", "private, max-age=5"],
    ["no-store", "no-store"],
    ["max-age=600", "private, max-age=600"],
    ["no-cache", "private, no-cache"],
    ["public, max-age=600", "private, max-age=600"],
    ["public,s-maxage=9,proxy-revalidate", "private"],
    ["Public, S-MaxAge=9, private", "private"],
    ["public, no-store", "no-store"],
    ['no-cache="Set-Cookie, X-Other", public', 'private, no-cache="Set-Cookie, X-Other"'],
    ['private="X-Other"', 'private, private="X-Other"'],
    ["", "private"],
  ])("%j becomes %j", async (before, after) => {
    for (const begin of [
      (response: ServerResponse, headers: OutgoingHttpHeaders) => response.writeHead(200, headers).end(),
      (response: ServerResponse, headers: OutgoingHttpHeaders) =>
        response.writeHead(200, Object.entries(headers).flat() as string[]).end(),
      (response: ServerResponse, headers: OutgoingHttpHeaders) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string);
        response.end();
      },
    ]) {
      const headers = before === undefined ? {} : { "Cache-Control": before };
      const reply = await replyTo((response) => begin(response, headers), COOKIE);
      expect(reply.headers["cache-control"]).toBe(after);
    }
  });

  test("several fields are one list", async () => {
    const reply = await replyTo((response) => {
      response.setHeader("Cache-Control", ["public", "max-age=600"]);
      response.end();
    }, COOKIE);
    expect(reply.headers["cache-control"]).toBe("private, max-age=600");
  });

  // RFC 9213, the W3C's Edge Architecture and nginx: each of them goes before Cache-Control in the cache it
  // is meant for.
  test("what invites one cache by name goes", async () => {
    const reply = await replyTo((response) => {
      for (const name of [
        "CDN-Cache-Control",
        "Cloudflare-CDN-Cache-Control",
        "Surrogate-Control",
        "X-Accel-Expires",
      ]) {
        response.setHeader(name, "600");
      }
      response.end();
    }, COOKIE);
    expect(Object.keys(reply.headers).filter((name) => /cdn|surrogate|accel/.test(name))).toEqual([]);
  });

  test("a 304 says it too", async () => {
    const reply = await replyTo(
      (response) => response.writeHead(304, { "Cache-Control": "public" }).end(),
      COOKIE,
    );
    expect(reply).toMatchObject({ status: 304, headers: { "cache-control": "private" } });
  });

  test("is told of once in a process where it goes against the page", async () => {
    vi.resetModules();
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const fresh = await import("../../../src/adapters/node/index.ts");
    const sessions = new StubSessions();
    const server = await TestServer.start(
      fresh.nodeSessions(sessions, (request, response) => {
        sessions.use(request);
        response.setHeader("Cache-Control", request.url === "/public" ? "public, max-age=9" : "max-age=9");
        response.end();
      }),
    );
    await server.get("/quiet");
    expect(warn).not.toHaveBeenCalled();
    await server.get("/public");
    await server.get("/public");
    expect(warn.mock.calls).toEqual([
      [
        expect.stringContaining("went out as private"),
        { type: "SojournWarning", code: "SOJOURN_SHARED_CACHE" },
      ],
    ]);
    warn.mockRestore();
  });
});

describe("a response that has only read a session", () => {
  test.each([
    [undefined, "private"],
    ["public, max-age=600", "public, max-age=600"],
    ["no-store", "no-store"],
  ])("with Cache-Control %j says %j, and Vary: Cookie", async (before, after) => {
    const reply = await replyTo((response) => {
      if (before !== undefined) response.setHeader("Cache-Control", before);
      response.end();
    }, []);
    expect(reply.headers["cache-control"]).toBe(after);
    expect(reply.headers.vary).toBe("Cookie");
  });
});

describe("lists of headers that the application keeps stay as they are", () => {
  const KINDS: Record<string, (response: ServerResponse, cookies: string[]) => unknown> = {
    setHeader: (response, cookies) => response.setHeader("Set-Cookie", cookies).end(),
    "writeHead with an object": (response, cookies) =>
      response.writeHead(200, { "Set-Cookie": cookies }).end(),
    "writeHead with an array": (response, cookies) =>
      response.writeHead(200, ["Set-Cookie", cookies] as unknown as string[]).end(),
  };

  test.each(Object.entries(KINDS))("%s: no visitor's cookie is added to them", async (_how, answer) => {
    const shared = ["app=1"];
    for (const save of [() => undefined, () => turns(3)]) {
      const sessions = new StubSessions();
      sessions.save = save;
      const server = await TestServer.start(
        nodeSessions(sessions, (request: IncomingMessage, response: ServerResponse) => {
          sessions.use(request);
          answer(response, shared);
        }),
      );
      expect((await server.get()).headers["set-cookie"]).toEqual(["app=1", ...sessions.setCookie]);
      expect(shared).toEqual(["app=1"]);
    }
  });
});
