import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type NodeErrorHandler, nodeSessions } from "sojourn/adapters/node";
import { runtime } from "../../support/runtime.ts";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { isHttp11, isHttp2, protocol, testUnless } from "./support/protocol.ts";
import { defer, saveError, StubSessions } from "./support/stub-sessions.ts";

type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

interface Failing {
  readonly server: TestServer;
  readonly sessions: StubSessions;
  readonly errors: unknown[];
}

const answerPlainly: NodeErrorHandler = (_error, _request, response) => response.end("sorry");

/** A server whose sessions cannot be saved before the head. */
async function serveFailing(
  handler: Handler,
  onError: NodeErrorHandler = answerPlainly,
  error: Error = saveError(),
): Promise<Failing> {
  const sessions = new StubSessions();
  const errors: unknown[] = [];
  sessions.save = () => turns(2).then(() => Promise.reject(error));
  const listener = nodeSessions(
    sessions,
    (request, response) => {
      sessions.use(request);
      return handler(response, request);
    },
    {
      onError: (failure, request, response) => {
        errors.push(failure);
        return onError(failure, request, response);
      },
    },
  );
  return { server: await TestServer.start(listener), sessions, errors };
}

/** A stream that never ends by itself. */
function ticking(text = "tick "): Readable {
  return Readable.from(
    (async function* () {
      for (;;) {
        yield text;
        await turns(1);
      }
    })(),
  );
}

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

describe("a handler that still writes when its session could not be saved", () => {
  /** Handlers that go on for ever; `over` is called when one of them has noticed that it is over. */
  const WRITERS: Record<string, (response: ServerResponse) => unknown> = {
    "a stream that is piped": (response) => ticking().pipe(response),
    "a pipeline": (response) => pipeline(ticking(), response).catch(() => {}),
    "an endless loop that waits for drain": async (response) => {
      const chunk = "tick ".repeat(10_000);
      while (!response.destroyed && !response.closed) {
        if (!response.write(chunk))
          await once(response, "drain", { signal: AbortSignal.timeout(5000) }).catch(() => {});
        await turns(1);
      }
    },
    "a timer": (response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      const timer = setInterval(() => response.write("data: tick\n\n"), 1);
      response.on("close", () => setTimeout(() => clearInterval(timer), 20));
    },
  };

  const ERROR_HANDLERS: Record<string, NodeErrorHandler> = {
    "answers at once": answerPlainly,
    "answers later, in pieces": async (_error, _request, response) => {
      await turns(30);
      response.writeHead(500, { "Content-Type": "text/plain" });
      response.write("sor");
      await turns(30);
      response.end("ry");
    },
    "pipes its answer": (_error, _request, response) => {
      response.setHeader("Content-Type", "text/plain");
      Readable.from(["sor", "ry"]).pipe(response);
    },
  };

  describe.each(Object.entries(WRITERS))("%s", (_writer, write) => {
    test.each(Object.entries(ERROR_HANDLERS))(
      "the error handler %s: the client gets its answer alone",
      async (_, onError) => {
        const crashes = watchProcess();
        const { server } = await serveFailing((response) => {
          response.on("error", (error) => crashes.push(error));
          return write(response);
        }, onError);
        const [first, second] = await Promise.all([server.get(), server.get()]);
        expect([first.status, first.body]).toEqual([500, "sorry"]);
        expect(second.body).toBe("sorry");
        await turns(50);
        expect(crashes).toEqual([]);
      },
    );
  });

  test("is not woken by a large error page that waits for drain", async () => {
    const page = "e".repeat(5_000_000);
    const { server } = await serveFailing(
      (response) => {
        response.on("drain", () => response.write("tick ".repeat(20_000)));
        response.write("tick ".repeat(20_000));
      },
      (_error, _request, response) => {
        response.setHeader("Content-Type", "text/plain");
        Readable.from(page.match(/.{1,50000}/g) ?? []).pipe(response);
      },
    );
    expect((await server.get()).body === page).toBe(true);
  });

  test("may write after the end of the error response, which is still on its way, without harm", async () => {
    const [crashes, ended] = [watchProcess(), defer<ServerResponse>()];
    const { server } = await serveFailing(
      (response) => {
        response.on("error", (error) => crashes.push(error));
        response.end("ok");
      },
      (_error, _request, response) => {
        response.end("e".repeat(20_000_000));
        ended.resolve(response);
      },
    );
    const client = await server.connect();
    client.socket.pause();
    client.get("/");
    const response = await ended.promise;
    response.write("late");
    response.end("later");
    await turns();
    // Deno takes the whole page at once.
    expect(response.writableFinished).toBe(runtime === "deno" && !isHttp2);
    expect(crashes).toEqual([]);
  });

  test("comes to its end: a writer that waits is woken, and told nothing went wrong with the stream", async () => {
    const done = defer();
    const { server } = await serveFailing(async (response) => {
      for (let count = 0; count < 20; count++) {
        if (!response.write("x".repeat(100_000))) await once(response, "drain");
      }
      response.end();
      done.resolve();
    });
    expect((await server.get()).body).toBe("sorry");
    await done.promise;
  });

  test("cannot get at the client by methods that it has kept either", async () => {
    const { server } = await serveFailing(
      async (response) => {
        const names = ["writeHead", "flushHeaders", "write", "end"] as const;
        const kept = names.map((name) => (response[name] as (...args: unknown[]) => unknown).bind(response));
        response.write("held");
        await turns(10);
        for (const [index, method] of kept.entries()) method(index === 0 ? 200 : "late");
      },
      async (_error, _request, response) => {
        await turns(30);
        response.end("sorry");
      },
    );
    expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
  });

  test("hears in its callbacks that nothing was written", async () => {
    const [told, error] = [defer<unknown>(), saveError()];
    const { server } = await serveFailing(
      async (response) => {
        response.write("held");
        await turns(10);
        response.write("late", (failure) => told.resolve(failure));
      },
      answerPlainly,
      error,
    );
    expect((await server.get()).body).toBe("sorry");
    expect(await told.promise).toBe(error);
  });

  describe("an error handler whose library loses the context is heard", () => {
    /** Calls what it is given from a context of its own, as pools of connections do. */
    function foreignContext(): (act: () => void) => void {
      const queue: (() => void)[] = [];
      const timer = setInterval(() => queue.shift()?.(), 1);
      onTestFinished(() => clearInterval(timer));
      return (act) => void queue.push(act);
    }

    test("when the handler still writes: from its first header on", async () => {
      const later = foreignContext();
      const { server } = await serveFailing(
        (response) => void response.write("begin"),
        (_error, _request, response) =>
          later(() => {
            response.setHeader("Content-Type", "text/plain");
            response.end("sorry");
          }),
      );
      expect((await server.get()).body).toBe("sorry");
    });

    test("when the handler was done: at once", async () => {
      const later = foreignContext();
      const { server } = await serveFailing(
        (response) => response.end("ok"),
        (_error, _request, response) => later(() => response.end("sorry")),
      );
      expect(await server.get()).toMatchObject({ status: 500, body: "sorry" });
    });
  });
});

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
