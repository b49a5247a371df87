import { describe, expect, test } from "vitest";
import { type NodeErrorHandler, nodeSessions } from "sojourn/adapters/node";
import { PATIENT, TestServer, turns } from "./support/http.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";
import type { Handler } from "./support/failing.ts";

describe("two kinds of sessions on one request", () => {
  async function serveBoth(
    handler: Handler,
  ): Promise<{ server: TestServer; both: [StubSessions, StubSessions]; errors: string[] }> {
    const both: [StubSessions, StubSessions] = [new StubSessions(), new StubSessions()];
    const errors: string[] = [];
    both[0].setCookie = ["first=1"];
    both[1].setCookie = ["second=2"];
    const [outer, inner] = both;
    const answer =
      (name: string): NodeErrorHandler =>
      (_error, _request, response) => {
        errors.push(name);
        response.end("sorry");
      };
    const innerListener = nodeSessions(
      inner,
      (request, response) => {
        outer.use(request);
        inner.use(request);
        return handler(response, request);
      },
      { onError: answer("inner") },
    );
    const listener = nodeSessions(outer, innerListener as never, { onError: answer("outer") });
    return { server: await TestServer.start(listener), both, errors };
  }

  test("are both saved before the response, and both set their cookie", async () => {
    const { server, both } = await serveBoth((response) => response.end("ok"));
    const savings = both.map((sessions) => sessions.holdSaves());
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => both[0].scopes[0]?.finishes.length, PATIENT).toBe(1);
    savings[0]?.resolve();
    await turns();
    expect(client.received).toBe("");
    savings[1]?.resolve();
    expect(await client.waitFor("\r\n\r\nok")).toMatch(/Set-Cookie: first=1\r\nSet-Cookie: second=2/);
    expect(both.map(({ last }) => last.finishes.length)).toEqual([1, 1]);
  });

  test("the second is not saved for a response that the first has made an error", async () => {
    const { server, both, errors } = await serveBoth((response) => response.end("ok"));
    both[0].save = () => Promise.reject(saveError());
    expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
    expect(both[1].last.finishes).toEqual([]);
    expect(errors).toEqual(["outer"]);
  });

  test("the second one's failure goes to its own error handler", async () => {
    const { server, both, errors } = await serveBoth((response) => response.end("ok"));
    both[1].save = () => Promise.reject(saveError());
    expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
    expect(errors).toEqual(["inner"]);
  });

  test("one that was not used is not asked, and sets no cookie", async () => {
    const [outer, inner] = [new StubSessions(), new StubSessions()];
    const listener = nodeSessions(inner, (request, response) => {
      outer.use(request);
      response.end("ok");
    });
    const server = await TestServer.start(nodeSessions(outer, listener as never));
    inner.setCookie = ["inner=1"];
    expect((await server.get()).headers["set-cookie"]).toEqual(outer.setCookie);
    expect(inner.last.finishes).toEqual([]);
  });

  test("the same sessions twice are one", async () => {
    const sessions = new StubSessions();
    const inner = nodeSessions(sessions, (request, response) => {
      sessions.use(request);
      response.end("ok");
    });
    const server = await TestServer.start(nodeSessions(sessions, inner as never));
    const reply = await server.get();
    expect(reply.headers["set-cookie"]).toHaveLength(1);
    expect(sessions.scopes).toHaveLength(1);
    expect(sessions.last.finishes).toHaveLength(1);
  });
});
