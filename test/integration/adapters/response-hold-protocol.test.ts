import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { PATIENT, type RawClient, turns } from "./support/http.ts";
import { hasNoHead, isHttp11, isHttp2, protocol, testUnless } from "./support/protocol.ts";
import { defer, StubSessions } from "./support/stub-sessions.ts";
import { COOKIE, serve } from "./support/using-sessions.ts";

describe("all of HTTP goes through the hold", () => {
  const waits = (): StubSessions => {
    const sessions = new StubSessions();
    sessions.save = () => turns(3);
    return sessions;
  };

  testUnless(hasNoHead)("HEAD has headers and no body", async () => {
    const [server] = await serve(
      (response) => response.writeHead(200, { "Content-Length": 5 }).end("hello"),
      waits(),
    );
    const reply = await server.get("/", { method: "HEAD" });
    expect(reply.headers).toMatchObject({ "content-length": "5", "set-cookie": [COOKIE] });
    expect(reply.body).toBe("");
  });

  test.each([204, 304])("%i has no body, and its headers", async (status) => {
    const [server] = await serve((response) => response.writeHead(status).end(), waits());
    expect(await server.get()).toMatchObject({ status, body: "", headers: { "set-cookie": [COOKIE] } });
  });

  testUnless(!isHttp11).each([204, 304])("%i leaves its connection to the next response", async (status) => {
    const [server] = await serve((response) => response.writeHead(status).end(), waits());
    const client = await server.connect();
    client.get("/");
    client.get("/again");
    const received = await client.waitFor((text) => text.split("HTTP/1.1").length === 3);
    expect(received.split("HTTP/1.1").map((part) => part.split("\r\n\r\n")[1])).toEqual([undefined, "", ""]);
  });

  testUnless(protocol === "HTTP/1.0")("trailers", async () => {
    const [server] = await serve((response) => {
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write("x");
      response.addTrailers({ "X-Sum": "7" });
      response.end();
    }, waits());
    expect((await server.get()).trailers).toEqual({ "x-sum": "7" });
  });

  testUnless(!isHttp11)("informational responses do not wait", async () => {
    const [server, sessions] = await serve((response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.writeProcessing();
      response.end("x");
    });
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    const early = await client.waitFor("102 Processing");
    expect(early).toContain("103 Early Hints");
    expect(early).not.toContain("200");
    saving.resolve();
    await client.waitFor("200 OK");
  });

  testUnless(!isHttp11)("Expect: 100-continue is answered while nothing else is", async () => {
    const [server, sessions] = await serve(async (response, request) => {
      request.resume();
      await once(request, "end");
      response.end("got it");
    });
    const saving = sessions.holdSaves();
    const client = (await server.connect()) as RawClient;
    client.send("POST / HTTP/1.1\nHost: test\nContent-Length: 2\nExpect: 100-continue\n\n");
    await client.waitFor("100 Continue");
    client.send("ok");
    await expect.poll(() => sessions.last.finishes.length, PATIENT).toBe(1);
    expect(client.received).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    saving.resolve();
    await client.waitFor("got it");
  });

  testUnless(isHttp2)("HTTP/1.0 is ended by closing", async () => {
    const [server] = await serve((response) => {
      response.write("hel");
      response.end("lo");
    }, waits());
    const client = (await server.connect()) as RawClient;
    client.send("GET / HTTP/1.0\n\n");
    const received = await client.waitForClose();
    expect(received).toMatch(/Connection: close[^]*\r\n\r\nhello$/);
    expect(received).toContain(`Set-Cookie: ${COOKIE}`);
  });

  testUnless(!isHttp11)(
    "pipelined requests are answered in their order, whatever is saved first",
    async () => {
      const savings = [defer(), defer(), defer()];
      const [server, sessions] = await serve((response, request) => response.end(`body of ${request.url}`));
      let next = 0;
      sessions.save = ({ headersSent }) => (headersSent ? undefined : savings[next++]?.promise);
      const client = await server.connect();
      for (const path of ["/a", "/b", "/c"]) client.get(path);
      await expect.poll(() => next, PATIENT).toBe(3);
      savings[2]?.resolve();
      savings[1]?.resolve();
      await turns();
      expect(client.received).toBe("");
      savings[0]?.resolve();
      const received = await client.waitFor("body of /c");
      expect(received.match(/body of \/\w/g)).toEqual(["body of /a", "body of /b", "body of /c"]);
      expect(received.match(/^Set-Cookie: /gm)).toHaveLength(3);
    },
  );

  testUnless(protocol === "HTTP/1.0")(
    "a kept-alive connection serves one request after the other",
    async () => {
      const [server] = await serve((response) => response.end("x"), waits());
      const client = await server.connect();
      for (let count = 1; count <= 3; count++) {
        client.get("/");
        await client.waitFor((text) => text.split("\r\n\r\nx").length === count + 1);
      }
      expect(client.received.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    },
  );

  test("a server that is being closed still sends what waits for a save", async () => {
    const [server, sessions] = await serve((response) => response.end("hello"));
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    server.server.close();
    await turns();
    saving.resolve();
    await client.waitFor("\r\n\r\nhello");
  });
});

describe("a client that leaves", () => {
  test("while the save is under way: it is finished, and every callback is called", async () => {
    const told: unknown[] = [];
    const closed = defer();
    const [server, sessions] = await serve((response) => {
      response.once("close", () => closed.resolve());
      response.write("a", (error) => told.push((error as NodeJS.ErrnoException | undefined)?.code));
      response.end("b", (error?: NodeJS.ErrnoException) => told.push(error?.code));
    });
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    client.socket.destroy();
    await closed.promise;
    saving.resolve();
    await expect.poll(() => told, PATIENT).toEqual(["ERR_STREAM_DESTROYED", "ERR_STREAM_DESTROYED"]);
  });

  test("before the handler ends: the session is saved nevertheless", async () => {
    const ended = defer();
    const [server, sessions] = await serve(async (response) => {
      await once(response, "close");
      response.end("nobody is there");
      ended.resolve();
    });
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes.length, PATIENT).toBe(1);
    client.socket.destroy();
    await ended.promise;
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: false }]);
    expect(sessions.last.wasClientGone).toEqual([true]);
  });

  test("in the middle of a stream: what was changed until its end is saved once", async () => {
    const ended = defer();
    const [server, sessions] = await serve(async (response) => {
      response.write("begin");
      await once(response, "close");
      response.write("more");
      response.write("and more");
      response.end();
      ended.resolve();
    });
    const client = await server.connect();
    client.get("/");
    await client.waitFor("begin");
    client.socket.destroy();
    await ended.promise;
    expect(sessions.last.finishes.map(({ headersSent }) => headersSent)).toEqual([false, true]);
  });

  test("res.destroy() while the save is under way ends the connection and harms nothing", async () => {
    const [server, sessions] = await serve((response) => {
      response.write("x");
      setImmediate(() => response.destroy());
    });
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    expect(await client.waitForClose()).toBe("");
    saving.resolve();
    await turns();
    expect((await serve((response) => response.end("alive")).then(([other]) => other.get())).body).toBe(
      "alive",
    );
  });
});
