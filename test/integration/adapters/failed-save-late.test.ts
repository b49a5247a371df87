import { describe, expect, test } from "vitest";
import { nodeSessions } from "sojourn/adapters/node";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { defer, saveError, StubSessions } from "./support/stub-sessions.ts";
import { serveFailing } from "./support/failing.ts";

describe("what was changed after the headers were out", () => {
  const LATE = ({ headersSent }: { headersSent: boolean }, error: Error) =>
    headersSent ? turns(5).then(() => Promise.reject(error)) : undefined;

  test("is saved before the response ends", async () => {
    const sessions = new StubSessions();
    const listener = nodeSessions(sessions, (request, response) => {
      response.write("begin ");
      sessions.use(request);
      response.end("end");
    });
    const saving = defer();
    sessions.save = () => saving.promise;
    const server = await TestServer.start(listener);
    const client = await server.connect();
    client.get("/");
    await client.waitFor("begin ");
    await turns();
    expect(client.received).not.toMatch(/end|\r\n0\r\n/);
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: true }]);
    saving.resolve();
    await client.waitFor("end");
    expect(client.received).not.toContain("Set-Cookie");
  });

  test("is saved as well when it was changed while the head waited", async () => {
    const [sessions, saving] = [new StubSessions(), defer()];
    sessions.save = () => saving.promise;
    const listener = nodeSessions(sessions, async (request, response) => {
      sessions.use(request);
      response.write("begin ");
      await turns();
      response.end("end");
    });
    const server = await TestServer.start(listener);
    const reply = server.get();
    await expect.poll(() => sessions.scopes.length, PATIENT).toBe(1);
    await turns(50);
    saving.resolve();
    expect((await reply).body).toBe("begin end");
    expect(sessions.last.finishes.map(({ headersSent }) => headersSent)).toEqual([false, true]);
  });

  test("is saved too when the adapter came when the headers were out already", async () => {
    const [sessions, saving] = [new StubSessions(), defer()];
    sessions.save = () => saving.promise;
    const listener = nodeSessions(sessions, (request, response) => {
      sessions.use(request);
      response.end("end");
    });
    const server = await TestServer.start((request, response) => {
      response.flushHeaders();
      listener(request, response);
    });
    const client = await server.connect();
    client.get("/");
    await client.waitFor("\r\n\r\n");
    await turns();
    expect(client.received).not.toContain("end");
    saving.resolve();
    await client.waitFor("end");
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: true }]);
  });

  test("cuts the connection when it cannot be saved: never a clean end", async () => {
    const crashes = watchProcess();
    const error = saveError();
    const { server, sessions, errors } = await serveFailing((response) => {
      response.write("begin ");
      response.end("end");
    });
    sessions.save = (start) => LATE(start, error);
    const client = await server.connect();
    client.get("/");
    const received = await client.waitForClose();
    expect(received).toContain("begin ");
    expect(received).not.toMatch(/end|\r\n0\r\n|sorry/);
    expect(errors).toEqual([error]);
    await turns();
    expect(crashes).toEqual([]);
  });

  test("looks ended to its handler while it waits, and takes no more headers", async () => {
    const seen: unknown[] = [];
    const sessions = new StubSessions();
    const saving = defer();
    sessions.save = ({ headersSent }) => (headersSent ? saving.promise : undefined);
    const listener = nodeSessions(sessions, (request, response) => {
      sessions.use(request);
      response.write("begin ");
      response.end("end");
      seen.push(response.headersSent, response.writableEnded);
      expect(() => response.writeHead(500)).toThrow(/headers/);
      expect(() => response.setHeader("X-Late", "1")).toThrow(/headers/);
    });
    const server = await TestServer.start(listener);
    const reply = server.get();
    await expect.poll(() => seen, PATIENT).toEqual([true, true]);
    await turns();
    saving.resolve();
    expect((await reply).body).toBe("begin end");
  });
});
