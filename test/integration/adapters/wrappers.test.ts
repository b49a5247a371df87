import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import compression from "compression";
import express5 from "express";
import onHeaders from "on-headers";
import { describe, expect, test } from "vitest";
import { expressSessions } from "sojourn/adapters/express";
import { runtime } from "../../support/runtime.ts";
import { express4 } from "./support/express.ts";
import { PATIENT, TestServer, turns, watchProcess } from "./support/http.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";
const GZIP = { headers: { "Accept-Encoding": "gzip" } };
const PAGE = "page ".repeat(2000);

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
type Handler = (response: express5.Response) => unknown;

const unzip = (body: string): string => gunzipSync(Buffer.from(body, "latin1")).toString();

describe.each([
  ["Express 5", express5],
  ["Express 4", express4],
])("%s", (_version, express) => {
  /** Other middleware that wraps the response, before or after sessions, and so under or over their hold. */
  async function serve(
    order: "before" | "after",
    other: Middleware,
    sessions: StubSessions,
    handler: Handler,
    onError: Handler = (response) => response.send("sorry"),
  ): Promise<TestServer> {
    const app = express();
    app.set("env", "test");
    const own = expressSessions(sessions) as unknown as Middleware;
    for (const middleware of order === "before" ? [other, own] : [own, other]) app.use(middleware);
    app.get("/", (request, response) => {
      sessions.use(request);
      response.type("text/plain");
      handler(response);
    });
    app.use((_error: unknown, _request: express5.Request, response: express5.Response, _next: unknown) => {
      onError(response);
    });
    return TestServer.start(app as RequestListener);
  }

  const compress = compression({ threshold: 0 }) as unknown as Middleware;
  const failing = (): StubSessions => {
    const sessions = new StubSessions();
    sessions.save = () => turns(2).then(() => Promise.reject(saveError()));
    return sessions;
  };

  describe.each(["before", "after"] as const)("compression mounted %s the sessions", (order) => {
    const ANSWERS: [string, Handler][] = [
      ["send", (response) => response.send(PAGE)],
      ["end", (response) => response.end(PAGE)],
      [
        "write in pieces",
        async (response) => {
          for (const part of PAGE.match(/.{1,500}/g) ?? []) {
            response.write(part);
            await turns(1);
          }
          response.end();
        },
      ],
      [
        "write with flushes, as server-sent events do",
        async (response) => {
          response.write(PAGE.slice(0, 500));
          (response as unknown as { flush(): void }).flush();
          await turns(30);
          response.end(PAGE.slice(500));
        },
      ],
      [
        "flushHeaders first",
        (response) => {
          response.flushHeaders();
          response.end(PAGE);
        },
      ],
    ];

    test.each(ANSWERS)("%s: it is compressed, whole, and waits for the save", async (_name, answer) => {
      const sessions = new StubSessions();
      const server = await serve(order, compress, sessions, answer);
      const saving = sessions.holdSaves();
      const client = await server.connect();
      client.get("/", "Accept-Encoding: gzip\n");
      await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
      await turns(100);
      expect(client.received).toBe("");
      const reply = server.get("/", GZIP);
      saving.resolve();
      const { headers, body } = await reply;
      expect(unzip(body)).toBe(PAGE);
      expect(headers).toMatchObject({ "content-encoding": "gzip", "set-cookie": [COOKIE] });
      expect(String(headers.vary).split(", ").toSorted()).toEqual(["Accept-Encoding", "Cookie"]);
    });

    test.each(ANSWERS)("%s: a save that needs no waiting changes nothing", async (_name, answer) => {
      const server = await serve(order, compress, new StubSessions(), answer);
      const { headers, body } = await server.get("/", GZIP);
      expect(unzip(body)).toBe(PAGE);
      expect(headers["set-cookie"]).toEqual([COOKIE]);
    });

    test.each(ANSWERS)(
      "%s: when the save fails, nothing of it is in the error response",
      async (_name, answer) => {
        const crashes = watchProcess();
        const server = await serve(order, compress, failing(), (response) => {
          response.on("error", (error) => crashes.push(error));
          return answer(response);
        });
        const { status, headers, body } = await server.get("/", GZIP);
        expect(status).toBe(500);
        expect(headers["content-encoding"] === "gzip" ? unzip(body) : body).toBe("sorry");
        await turns(100);
        expect(crashes).toEqual([]);
      },
    );

    test("the error handler answers later and in pieces: nothing of the old stream gets between", async () => {
      const crashes = watchProcess();
      const [, [, answer]] = [ANSWERS[0], ANSWERS[2] as [string, Handler]];
      const server = await serve(order, compress, failing(), answer, async (response) => {
        await turns(30);
        response.write("sor");
        await turns(30);
        response.end("ry");
      });
      const { status, headers, body } = await server.get("/", GZIP);
      expect(status).toBe(500);
      expect(headers["content-encoding"] === "gzip" ? unzip(body) : body).toBe("sorry");
      expect(crashes).toEqual([]);
    });

    test.each([undefined, 1024 * 1024])(
      "a loop that waits for drain gets through (buffer of %s)",
      async (highWaterMark) => {
        const sessions = new StubSessions();
        const options = { threshold: 0, ...(highWaterMark && { highWaterMark }) };
        const wrapper = compression(options) as unknown as Middleware;
        const server = await serve(order, wrapper, sessions, async (response) => {
          // One listener for all: `compression` does not take back those of `once`.
          let wake = (): void => {};
          response.on("drain", () => wake());
          for (let count = 0; count < 40; count++) {
            const drained = new Promise<void>((resolve) => (wake = resolve));
            if (!response.write("x".repeat(10_000))) await drained;
          }
          response.end();
        });
        sessions.save = () => turns(5);
        expect(unzip((await server.get("/", GZIP)).body)).toBe("x".repeat(400_000));
      },
    );

    test("what comes out of its stream only after the save has failed goes nowhere", async () => {
      const crashes = watchProcess();
      const sessions = new StubSessions();
      sessions.save = () => Promise.reject(saveError());
      const answer: Handler = (response) => response.send(PAGE);
      const server = await serve(order, compress, sessions, answer, async (response) => {
        response.write("sor");
        await turns(100);
        response.end("ry");
      });
      const { status, headers, body } = await server.get("/", GZIP);
      expect(status).toBe(500);
      expect(headers["content-encoding"] === "gzip" ? unzip(body) : body).toBe("sorry");
      expect(crashes).toEqual([]);
    });

    test("a large error page flows with back-pressure", async () => {
      const page = Array.from({ length: 50 }, () => "e".repeat(100_000));
      const answer: Handler = (response) => response.send(PAGE);
      const server = await serve(order, compress, failing(), answer, (response) =>
        Readable.from(page).pipe(response),
      );
      const { headers, body } = await server.get("/", GZIP);
      expect((headers["content-encoding"] === "gzip" ? unzip(body) : body) === page.join("")).toBe(true);
    });

    test("the status that was announced goes out, also when somebody changes it while it waits", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(3);
      const server = await serve(order, compress, sessions, (response) => {
        response.status(404).send(PAGE);
        response.statusCode = 200;
      });
      expect((await server.get("/", GZIP)).status).toBe(404);
    });

    test("a client that accepts no compression gets none", async () => {
      const sessions = new StubSessions();
      sessions.save = () => turns(2);
      const server = await serve(order, compress, sessions, (response) => response.send(PAGE));
      const { headers, body } = await server.get();
      expect(body).toBe(PAGE);
      expect(headers["content-encoding"]).toBeUndefined();
    });

    test("a session that did not need saving at first is saved before the compressed end", async () => {
      const sessions = new StubSessions();
      const saved: unknown[] = [];
      sessions.save = (start) =>
        start.headersSent ? turns(5).then(() => void saved.push(start)) : undefined;
      const server = await serve(order, compress, sessions, async (response) => {
        response.write(PAGE);
        await turns(10);
        response.end(PAGE);
      });
      expect(unzip((await server.get("/", GZIP)).body)).toBe(PAGE + PAGE);
      expect(saved).toMatchObject([{ status: 200, headersSent: true }]);
    });
  });

  describe.each(["before", "after"] as const)("on-headers mounted %s the sessions", (order) => {
    const BEGINNINGS: [string, Handler][] = [
      ["send", (response) => response.send("hello")],
      ["write", (response) => (response.write("hel"), response.end("lo"))],
      ["writeHead", (response) => response.writeHead(200, { "X-App": "1" }).end("hello")],
      ["flushHeaders", (response) => (response.flushHeaders(), response.end("hello"))],
    ];

    test.each(BEGINNINGS)(
      "%s: its listener is called once, and its header and ours go out",
      async (_name, answer) => {
        let calls = 0;
        const note: Middleware = (_request, response, next) => {
          onHeaders(response, () => {
            calls++;
            response.setHeader("X-Noted", "yes");
            response.appendHeader("Set-Cookie", "noted=1");
          });
          next();
        };
        for (const save of [() => undefined, () => turns(3)]) {
          const sessions = new StubSessions();
          sessions.save = save;
          calls = 0;
          const server = await serve(order, note, sessions, answer);
          const { headers, body } = await server.get();
          expect(body).toBe("hello");
          expect(headers["x-noted"]).toBe("yes");
          expect(headers["set-cookie"]?.toSorted()).toEqual(["noted=1", COOKIE]);
          expect(calls).toBe(1);
        }
      },
    );

    test("when the save fails, the error response has its own head", async () => {
      const note: Middleware = (_request, response, next) => {
        onHeaders(response, () => void response.setHeader("X-Noted", String(response.statusCode)));
        next();
      };
      const server = await serve(order, note, failing(), (response) =>
        response.status(201).send("order placed"),
      );
      const { status, headers, body } = await server.get();
      expect({ status, body }).toEqual({ status: 500, body: "sorry" });
      // Over the hold it has spoken before the save; under it, it only speaks of what goes out.
      expect(headers["x-noted"]).toBe(order === "before" ? "500" : "201");
    });

    test("a listener that changes the status is heeded", async () => {
      const change: Middleware = (_request, response, next) => {
        onHeaders(response, () => (response.statusCode = 202));
        next();
      };
      const sessions = new StubSessions();
      sessions.save = () => turns(3);
      const server = await serve(order, change, sessions, (response) => response.send("hello"));
      expect((await server.get()).status).toBe(202);
      expect(sessions.last.finishes[0]?.status).toBe(order === "before" ? 200 : 202);
    });
  });

  test("a wrapper that keeps the head to itself does not make the session go unsaved", async () => {
    const swallow: Middleware = (_request, response, next) => {
      response.writeHead = (status: number) => {
        response.statusCode = status;
        return response;
      };
      next();
    };
    const sessions = new StubSessions();
    sessions.save = () => turns(3);
    const server = await serve("after", swallow, sessions, (response) => response.end("hello"));
    const { headers, body } = await server.get();
    expect(body).toBe("hello");
    expect(headers["set-cookie"]).toEqual([COOKIE]);
    expect(sessions.last.finishes).toHaveLength(1);
  });

  test("other wrappers over the hold are called once for each call", async () => {
    const calls: string[] = [];
    const spy: Middleware = (_request, response, next) => {
      const methods = response as unknown as Record<string, (...args: unknown[]) => unknown>;
      for (const name of ["writeHead", "write", "end"]) {
        const method = methods[name];
        methods[name] = (...args) => {
          calls.push(name);
          return method?.apply(response, args);
        };
      }
      next();
    };
    for (const save of [() => undefined, () => turns(3)]) {
      const sessions = new StubSessions();
      sessions.save = save;
      calls.length = 0;
      const server = await serve(
        "after",
        spy,
        sessions,
        (response) => (response.write("a"), response.end("b")),
      );
      await server.get();
      // Bun's own write calls a writeHead that somebody has put there.
      expect(runtime === "bun" ? [...new Set(calls)] : calls).toEqual(["write", "writeHead", "end"]);
    }
  });
});
