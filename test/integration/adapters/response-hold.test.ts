import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { nodeSessions } from "sojourn/adapters/node";
import { PATIENT, TestServer, turns } from "./support/http.ts";
import { isHttp11, isHttp2, testUnless } from "./support/protocol.ts";
import { StubSessions } from "./support/stub-sessions.ts";
import { COOKIE, type Handler, serve } from "./support/using-sessions.ts";

/** Every way in which a response can begin, with the head that it makes. */
const BEGINNINGS: Record<string, Handler> = {
  "end(text)": (response) => response.end("hello"),
  "write and end": (response) => {
    response.write("hel");
    response.end("lo");
  },
  "writeHead(status)": (response) => response.writeHead(200).end("hello"),
  "writeHead(status, message, object)": (response) =>
    response.writeHead(200, "Fine", { "X-App": "1" }).end("hello"),
  "writeHead(status, object)": (response) => response.writeHead(200, { "Content-Length": 5 }).end("hello"),
  "writeHead(status, flat array)": (response) =>
    response.writeHead(200, ["X-App", "1", "X-Other", "2"]).end("hello"),
  flushHeaders: (response) => {
    response.flushHeaders();
    response.end("hello");
  },
  "_implicitHeader, as older versions of compression call it": (response) => {
    (response as unknown as Record<"_implicitHeader", () => void>)["_implicitHeader"]();
    response.end("hello");
  },
  "end in a later tick": (response) => {
    response.writeHead(200);
    setImmediate(() => response.end("hello"));
  },
};

describe("nothing reaches the client before the session is saved", () => {
  test.each(Object.entries(BEGINNINGS))("%s", async (_name, begin) => {
    const [server, sessions] = await serve(begin);
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    await turns();
    expect(client.received).toBe("");
    saving.resolve();
    const received = await client.waitFor((text) => /hello|lo\r\n0/.test(text));
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
    expect(received).toContain(`Set-Cookie: ${COOKIE}\r\n`);
    expect(received).toContain("Vary: Cookie\r\n");
  });

  test("the save is asked for once, with the status that is about to go out", async () => {
    const [server, sessions] = await serve((response) => response.writeHead(418).end("teapot"));
    await server.get();
    expect(sessions.last.finishes[0]).toEqual({ status: 418, headersSent: false });
    expect(sessions.last.finishes.filter(({ headersSent }) => !headersSent)).toHaveLength(1);
  });

  test("a response that is ended at once is saved once only", async () => {
    const [server, sessions] = await serve((response) => response.end("x"));
    const saving = sessions.holdSaves();
    const reply = server.get();
    saving.resolve();
    await reply;
    expect(sessions.last.finishes).toEqual([{ status: 200, headersSent: false }]);
    expect(sessions.last.wasClientGone).toEqual([false]);
    expect(sessions.last.overs).toBe(1);
  });
});

describe("a response that did not use its session", () => {
  test("goes out untouched and at once, and no save is asked for", async () => {
    const sessions = new StubSessions();
    const fields: string[] = ["Link", "a", "Link", "b", "Set-Cookie", "x=1", "Set-Cookie", "y=2"];
    const listener = nodeSessions(sessions, (_request, response) =>
      response.writeHead(201, "Made", fields).end("x"),
    );
    const server = await TestServer.start(listener);
    const reply = await server.get();
    expect(reply.statusMessage).toBe(isHttp2 ? "" : "Made");
    const sent = isHttp2 ? fields.map((field, at) => (at % 2 === 0 ? field.toLowerCase() : field)) : fields;
    expect(reply.rawHeaders.slice(0, 8)).toEqual(sent);
    expect(reply.headers.vary).toBeUndefined();
    expect(sessions.last.finishes).toEqual([]);
  });

  test("gets its bytes into the socket within the call, as without sessions", async () => {
    const sessions = new StubSessions();
    const seen: boolean[] = [];
    const listener = nodeSessions(sessions, (request, response) => {
      response.end("x");
      seen.push(response.writableEnded, response.headersSent, request.socket.bytesWritten > 0);
    });
    const server = await TestServer.start(listener);
    await server.get();
    expect(seen).toEqual([true, true, true]);
  });

  test("needs no waiting either when there is nothing to save", async () => {
    const seen: boolean[] = [];
    const [server] = await serve((response, request) => {
      response.end("x");
      seen.push(response.writableEnded, request.socket.bytesWritten > 0);
    });
    expect((await server.get()).headers["set-cookie"]).toEqual([COOKIE]);
    expect(seen).toEqual([true, true]);
  });
});

describe("to its handler, a held response looks as one of Node's does", () => {
  /**
   * Records what a handler sees after each step, with and without a save that is being waited for.
   */
  async function observe(steps: (response: ServerResponse, note: (value: unknown) => void) => void) {
    const run = async (isHeld: boolean): Promise<unknown[]> => {
      const seen: unknown[] = [];
      const [server, sessions] = await serve((response) => {
        steps(response, (value) => seen.push(value));
        if (!response.writableEnded) response.end();
      });
      if (isHeld) sessions.save = () => turns(3);
      else sessions.save = () => undefined;
      await server.get();
      return seen;
    };
    return { held: await run(true), plain: await run(false) };
  }

  const codeOf = (act: () => unknown): unknown => {
    try {
      act();
      return "nothing thrown";
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };

  test.each<[string, (response: ServerResponse) => void]>([
    ["writeHead", (response) => void response.writeHead(202, "Hm", { "X-App": "1" })],
    ["write", (response) => void response.write("x")],
    ["flushHeaders", (response) => response.flushHeaders()],
    ["end", (response) => void response.end("x")],
  ])("after %s", async (_name, act) => {
    const { held, plain } = await observe((response, note) => {
      note(response.headersSent);
      note(response.writableEnded);
      act(response);
      note(response.headersSent);
      note(response.writableEnded);
      note(response.statusCode);
      note(codeOf(() => response.setHeader("X-Late", "1")));
      note(codeOf(() => response.removeHeader("X-Late")));
      note(codeOf(() => response.appendHeader("X-Late", "1")));
      note(codeOf(() => response.writeHead(500)));
    });
    expect(held).toEqual(plain);
    expect(held).toContain(isHttp2 ? "ERR_HTTP2_HEADERS_SENT" : "ERR_HTTP_HEADERS_SENT");
  });

  test.each<[string, (response: ServerResponse) => unknown]>([
    ["a status that is none", (response) => response.writeHead(99)],
    ["a status that is too large", (response) => response.writeHead(1000)],
    ["a message with a line break", (response) => response.writeHead(200, "a\nb")],
    ["a header name with a space", (response) => response.writeHead(200, { "a b": "1" })],
    ["a header value with a line break", (response) => response.writeHead(200, { "X-App": "a\r\nb" })],
    ["a header value that is undefined", (response) => response.writeHead(200, { "X-App": undefined })],
    ["half a pair", (response) => response.writeHead(200, ["X-App"])],
    ["write(null)", (response) => response.write(null)],
    ["write(number)", (response) => response.write(1)],
    ["end(object)", (response) => response.end({})],
  ])("%s is thrown at the caller, who can still answer", async (name, act) => {
    if (isHttp2 && name.startsWith("a message")) return;
    const { held, plain } = await observe((response, note) => {
      note(codeOf(() => act(response)));
      note(response.headersSent);
      // Node keeps a message that it has refused, and refuses it again.
      if (!isHttp2) response.statusMessage = "";
    });
    expect(held).toEqual(plain);
    expect(held[0]).toMatch(/^ERR_/);
    expect(held[1]).toBe(false);
  });

  test("a head that was refused leaves no header of it behind", async () => {
    const [server] = await serve((response) => {
      expect(() => response.writeHead(200, { "Content-Length": 1, "X-App": "a\nb" })).toThrow(/X-App/);
      response.end("long enough");
    });
    expect((await server.get()).body).toBe("long enough");
  });

  test("the callbacks of write and end are called, after the client could have read it", async () => {
    const order: string[] = [];
    const [server, sessions] = await serve((response) => {
      response.write("a", () => order.push("written"));
      response.end("b", "utf8", () => order.push("ended"));
    });
    const saving = sessions.holdSaves();
    const reply = server.get();
    await turns();
    order.push("saved");
    saving.resolve();
    await reply;
    expect(order).toEqual(["saved", "written", "ended"]);
  });

  test("end(callback) and end() twice work", async () => {
    const order: string[] = [];
    const [server, sessions] = await serve((response) => {
      response.end(() => order.push("first"));
      response.end(() => order.push("second"));
    });
    sessions.save = () => turns(3);
    await server.get();
    await expect.poll(() => order.toSorted(), PATIENT).toEqual(["first", "second"]);
  });

  test("a second end, since `finished` is false while it is held, does no harm", async () => {
    const [server, sessions] = await serve((response) => {
      response.end("once");
      // oxlint-disable-next-line typescript/no-deprecated
      if (!response.finished) response.end("twice");
    });
    sessions.save = () => turns(3);
    expect((await server.get()).body).toBe("once");
  });

  testUnless(isHttp2)("a write after the end is the error that it is in Node", async () => {
    const codes: unknown[] = [];
    const [server, sessions] = await serve((response) => {
      response.on("error", (error: NodeJS.ErrnoException) => codes.push(error.code));
      response.end("x");
      response.write("late");
    });
    sessions.save = () => turns(3);
    expect((await server.get()).body).toBe("x");
    await expect.poll(() => codes, PATIENT).toEqual(["ERR_STREAM_WRITE_AFTER_END"]);
  });
});

describe("headers", () => {
  test.each<[string, Handler]>([
    ["setHeader", (response) => response.setHeader("Set-Cookie", "app=1").end()],
    ["writeHead with an object", (response) => response.writeHead(200, { "Set-Cookie": "app=1" }).end()],
    ["writeHead with a flat array", (response) => response.writeHead(200, ["Set-Cookie", "app=1"]).end()],
    [
      "writeHead over setHeader",
      (response) => {
        response.setHeader("set-cookie", "old=0");
        return response.writeHead(200, { "Set-Cookie": "app=1" }).end();
      },
    ],
  ])("the session's cookie stands beside the application's: %s", async (_name, handler) => {
    const [server, sessions] = await serve(handler);
    for (const save of [() => undefined, () => turns(3)]) {
      sessions.save = save;
      expect((await server.get()).headers["set-cookie"]).toEqual(["app=1", COOKIE]);
    }
  });

  test.each<[string, unknown]>([
    ["a flat array", ["Set-Cookie", "a=1", "X-App", "1", "Set-Cookie", "b=2"]],
    [
      "an array of pairs",
      [
        ["Set-Cookie", "a=1"],
        ["X-App", "1"],
        ["Set-Cookie", "b=2"],
      ],
    ],
    ["an object of lists", { "Set-Cookie": ["a=1", "b=2"], "X-App": "1" }],
  ])("several cookies in %s all stay", async (_name, fields) => {
    const [server] = await serve((response) => {
      response.setHeader("X-Before", "0");
      return response.writeHead(200, fields as string[]).end();
    });
    const { headers } = await server.get();
    expect(headers["set-cookie"]).toEqual(["a=1", "b=2", COOKIE]);
    expect(headers).toMatchObject({ "x-app": "1", "x-before": "0" });
  });

  test.each([
    [undefined, "Cookie"],
    ["Accept-Encoding", "Accept-Encoding, Cookie"],
    [["Accept", "Origin"], "Accept, Origin, Cookie"],
    ["accept, COOKIE", "accept, COOKIE"],
    ["*", "*"],
    ["Cookie-Like", "Cookie-Like, Cookie"],
  ])("Vary %j becomes %j", async (before, after) => {
    const [server] = await serve((response) => {
      if (before !== undefined) response.setHeader("Vary", before);
      response.end();
    });
    expect((await server.get()).headers.vary).toBe(after);
  });

  testUnless(isHttp2)(
    "a second head, after one that Node has refused, does not carry the cookie twice",
    async () => {
      const [server] = await serve((response) => {
        expect(() => response.writeHead(200, { Trailer: "X-Sum", "Content-Length": 1 })).toThrow(
          /[Tt]railer/,
        );
        response.removeHeader("Trailer");
        response.writeHead(200).end("x");
      });
      expect((await server.get()).headers["set-cookie"]).toEqual([COOKIE]);
    },
  );

  testUnless(!isHttp11)("a body that is ended at once has its length in the head, held or not", async () => {
    const [server, sessions] = await serve((response) => response.end("hello"));
    for (const save of [() => undefined, () => turns(3)]) {
      sessions.save = save;
      const { headers } = await server.get();
      expect(headers).toMatchObject({ "content-length": "5" });
      expect(headers["transfer-encoding"]).toBeUndefined();
    }
  });

  test("the status that was announced is the status that goes out", async () => {
    const [server, sessions] = await serve((response) => {
      response.statusCode = 404;
      response.end("gone");
      response.statusCode = 200;
    });
    sessions.save = () => turns(3);
    expect((await server.get()).status).toBe(404);
  });
});
