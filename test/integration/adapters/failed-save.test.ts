import { describe, expect, test, vi } from "vitest";
import { nodeSessions } from "sojourn/adapters/node";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { isHttp11, isHttp2, protocol, testUnless } from "./support/protocol.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";
import { answerPlainly, serveFailing } from "./support/failing.ts";

describe("a session that cannot be saved", () => {
  test("makes the response an error, of which the client sees nothing else", async () => {
    const { server, errors } = await serveFailing((response) =>
      response.writeHead(200, "Great").end("order placed"),
    );
    const reply = await server.get();
    // RFC 9113 section 8.3.2: HTTP/2 has no message.
    expect(reply).toMatchObject({
      status: 500,
      statusMessage: isHttp2 ? "" : "Internal Server Error",
      body: "sorry",
    });
    expect(errors).toHaveLength(1);
  });

  test.each([
    [400, 400],
    [409, 409],
    [599, 599],
    [200, 500],
    [302, 500],
    [600, 500],
    [undefined, 500],
  ])(
    "an error with statusCode %s is answered with %i before the error handler runs",
    async (statusCode, expected) => {
      const seen: number[] = [];
      const { server } = await serveFailing(
        (response) => response.end("ok"),
        (_error, _request, response) => {
          seen.push(response.statusCode);
          response.end();
        },
        saveError(statusCode),
      );
      expect((await server.get()).status).toBe(expected);
      expect(seen).toEqual([expected]);
    },
  );

  test("leaves the error handler a response on which nothing is sent, ended or said of the old body", async () => {
    const seen: unknown[] = [];
    const old = {
      "Content-Type": "application/json",
      "Content-Length": "12",
      "Content-Encoding": "identity",
      "Content-Disposition": "attachment",
      "Content-Range": "bytes 0-11/12",
      "Cache-Control": "public, max-age=60",
      ETag: '"1"',
      "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
      Expires: "Thu, 01 Jan 1970 00:00:00 GMT",
      Location: "/elsewhere",
      "X-Accel-Redirect": "/protected",
    };
    const { server } = await serveFailing(
      (response) => {
        response.setHeader("X-Request-Id", "7");
        response.setHeader("Set-Cookie", "app=1");
        response.writeHead(201, "Made", old).end("order placed");
      },
      (_error, _request, response) => {
        seen.push(response.headersSent, response.writableEnded, response.getHeaderNames());
        response.end("sorry");
      },
    );
    const reply = await server.get();
    expect(seen).toEqual([false, false, ["x-request-id", "set-cookie"]]);
    expect(
      Object.entries(old).filter(([name, value]) => reply.headers[name.toLowerCase()] === value),
    ).toEqual([]);
    expect(reply.headers["set-cookie"]).toEqual(["app=1", "sessionid=new; Path=/; HttpOnly"]);
    expect(reply.headers.vary).toBe("Cookie");
    expect(reply.body).toBe("sorry");
  });

  test("takes the trailers of the old response with it", async () => {
    const { server } = await serveFailing(
      (response) => {
        response.writeHead(200, { Trailer: "X-Sum" });
        response.addTrailers({ "X-Sum": "7" });
        response.end("x");
      },
      (_error, _request, response) => {
        response.write("sor");
        response.end("ry");
      },
    );
    const { body, trailers } = await server.get();
    expect({ body, trailers }).toEqual({ body: "sorry", trailers: {} });
  });

  test("is not saved again for the error response", async () => {
    const { server, sessions } = await serveFailing((response) => response.end("ok"));
    await server.get();
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: false }]);
  });

  test("tells the callbacks of the calls that will not happen", async () => {
    const told: unknown[] = [];
    const error = saveError();
    const { server } = await serveFailing(
      (response) => {
        response.write("a", (failure) => told.push(failure));
        response.end("b", (failure?: unknown) => told.push(failure));
      },
      answerPlainly,
      error,
    );
    await server.get();
    expect(told).toEqual([error, error]);
  });

  test("is told once, also when the error handler ends its answer later", async () => {
    const { server, errors } = await serveFailing(
      (response) => response.end("ok"),
      async (_error, _request, response) => {
        await turns();
        response.writeHead(503, { "Content-Type": "text/plain" });
        response.write("sor");
        await turns();
        response.end("ry");
      },
    );
    expect(await server.get()).toMatchObject({ status: 503, body: "sorry" });
    expect(errors).toHaveLength(1);
  });

  testUnless(protocol === "HTTP/1.0")(
    "does not break the connection: the next request on it is served",
    async () => {
      const { server, sessions } = await serveFailing((response) => response.end("ok"));
      const client = await server.connect();
      client.get("/");
      await client.waitFor("sorry");
      sessions.save = () => undefined;
      client.get("/");
      expect(await client.waitFor("\r\n\r\nok")).toMatch(/ 500 [^]* 200 /);
    },
  );

  testUnless(!isHttp11)("keeps pipelined responses apart", async () => {
    const { server, sessions } = await serveFailing((response, request) =>
      response.end(`body of ${request.url}`),
    );
    let count = 0;
    sessions.save = () => (count++ === 0 ? turns(5).then(() => Promise.reject(saveError())) : undefined);
    const client = await server.connect();
    client.get("/a");
    client.get("/b");
    const received = await client.waitFor("body of /b");
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 500", "HTTP/1.1 200"]);
    expect(received).not.toContain("body of /a");
  });

  test("of a client that left is an error all the same, and nothing crashes", async () => {
    const crashes = watchProcess();
    const { server, sessions, errors } = await serveFailing((response) => response.end("ok"));
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    client.socket.destroy();
    await turns();
    saving.reject(saveError());
    await expect.poll(() => errors.length, PATIENT).toBe(1);
    await turns();
    expect(crashes).toEqual([]);
  });

  testUnless(isHttp2)(
    "what Node refuses only when the response is written becomes an error response too",
    async () => {
      const { server, sessions, errors } = await serveFailing((response) => {
        response.writeHead(200, { Trailer: "X-Sum", "Content-Length": 2 });
        response.end("ok");
      });
      sessions.save = () => turns(2);
      expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
      expect(errors).toMatchObject([{ code: "ERR_HTTP_TRAILER_INVALID" }]);
    },
  );
});

describe("without an error handler of the application", () => {
  test.each([
    [500, "Internal Server Error\n"],
    [400, "Bad Request\n"],
  ])("%i is answered with its name, and the error is printed", async (statusCode, body) => {
    const print = vi.spyOn(console, "error").mockImplementation(() => {});
    const sessions = new StubSessions();
    const error = saveError(statusCode);
    sessions.save = () => Promise.reject(error);
    const server = await TestServer.start(
      nodeSessions(sessions, (request, response) => {
        sessions.use(request);
        response.end("ok");
      }),
    );
    const reply = await server.get();
    expect(reply).toMatchObject({ status: statusCode, body });
    expect(reply.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(print.mock.calls).toEqual([[error]]);
    print.mockRestore();
  });
});
