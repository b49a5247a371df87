import { type RequestListener, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import compression from "compression";
import express5 from "express";
import { describe, expect, onTestFinished, test } from "vitest";
import { createSojourn, type Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { memorySessionStore } from "sojourn/stores/memory";
import { express4 } from "./support/express.ts";
import { TestServer } from "./support/http.ts";

/** Overrides over a response that others may have too. */
const NAMES = ["writeHead", "write", "end", "flushHeaders", "_implicitHeader", "destroy"];

type Data = { views?: number };
type App = ReturnType<typeof express5>;

function open(): Sessions<Data> {
  const sojourn = createSojourn<Data>({
    projectName: "p",
    secretKey: "s".repeat(32),
    sessions: { store: memorySessionStore(), cookie: { secure: false } },
  });
  onTestFinished(() => sojourn.close());
  return sojourn.sessions;
}

/** Counts views: each page shows how many there have been, as saved. */
function count(sessions: Sessions<Data>): express5.RequestHandler {
  return async (request, response) => {
    const { data } = await sessions.from(request);
    data.views = (data.views ?? 0) + 1;
    response.type("text/plain").send(`${data.views}`);
  };
}

/** Visits a page three times, as a browser that keeps its cookie. */
async function visit(app: App, path = "/", headers: Record<string, string> = {}): Promise<string[]> {
  const server = await TestServer.start(app as RequestListener);
  const bodies: string[] = [];
  let cookie = "";
  for (let visits = 0; visits < 3; visits++) {
    const reply = await server.get(path, { headers: { ...headers, ...(cookie !== "" && { cookie }) } });
    cookie = reply.headers["set-cookie"]?.[0]?.split(";")[0] ?? cookie;
    bodies.push(reply.body);
  }
  return bodies;
}

describe.each([
  ["Express 5", express5],
  ["Express 4", express4],
])("%s", (_version, express) => {
  function make(...middleware: express5.RequestHandler[]): App {
    const app = express();
    app.set("env", "test");
    for (const each of middleware) app.use(each);
    return app;
  }

  test("requests and responses get no property", async () => {
    const sessions = open();
    const keysOf = (...objects: object[]) => objects.map((each) => Reflect.ownKeys(each));
    let [before, after]: unknown[] = [];
    const app = make(
      (request, response, next) => {
        before = keysOf(request, response);
        next();
      },
      expressSessions(sessions) as express5.RequestHandler,
      (request, response, next) => {
        after = keysOf(request, response);
        next();
      },
    );
    app.get("/", count(sessions));
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
    expect(after).toStrictEqual(before);
  });

  test.each([
    ["inherits from it", (response: express5.Response) => Object.create(response) as express5.Response],
    ["is a proxy of it", (response: express5.Response) => new Proxy(response, {})],
  ])("a session is saved when an object answers that stands for the response: it %s", async (_, wrap) => {
    const sessions = open();
    const app = make(expressSessions(sessions) as express5.RequestHandler);
    app.get("/", async (request, response) => {
      const { data } = await sessions.from(request);
      data.views = (data.views ?? 0) + 1;
      wrap(response).end(`${data.views}`);
    });
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
  });

  test("a second response of the request is left alone", async () => {
    const sessions = open();
    const app = make(expressSessions(sessions) as express5.RequestHandler);
    app.get("/", async (request, response) => {
      const { data } = await sessions.from(request);
      data.views = (data.views ?? 0) + 1;
      const draft = Object.setPrototypeOf(new ServerResponse(request), app.response) as express5.Response;
      draft.end("draft");
      expect(draft.writableEnded).toBe(true);
      expect(response.headersSent).toBe(false);
      response.end(`${data.views}`);
    });
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
  });

  test("reading req.session is explained to requests with sessions only", async () => {
    const sessions = open();
    const warnings: string[] = [];
    const note = ({ message }: Error) => warnings.push(message);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const read: express5.RequestHandler = (request, response) => {
      response.send(`${String("session" in request)} ${String((request as { session?: unknown }).session)}`);
    };
    const app = make();
    app.get("/before", read);
    app.use(expressSessions(sessions) as express5.RequestHandler);
    app.get("/", count(sessions));
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
    expect(await visit(app, "/before")).toStrictEqual(Array(3).fill("true undefined"));
    await new Promise(setImmediate);
    expect(warnings.filter((message) => message.startsWith("req.session"))).toStrictEqual([]);
  });

  test("an own req.session of the application stays", async () => {
    const sessions = open();
    const app = make(
      (request, _response, next) => {
        Object.assign(request, { session: "own" });
        next();
      },
      expressSessions(sessions) as express5.RequestHandler,
      (request, response) => {
        response.send((request as unknown as { session: string }).session);
      },
    );
    expect(await visit(app)).toStrictEqual(["own", "own", "own"]);
  });

  test("sessions of an application are saved in one that is mounted on it", async () => {
    const sessions = open();
    const inner = make();
    inner.get("/", count(sessions));
    const app = make(expressSessions(sessions) as express5.RequestHandler);
    app.use("/inner", inner);
    expect(await visit(app, "/inner")).toStrictEqual(["1", "2", "3"]);
  });

  test("sessions of a mounted application are saved when the outer one answers", async () => {
    const sessions = open();
    const inner = make(expressSessions(sessions) as express5.RequestHandler);
    const app = make();
    app.use("/", inner);
    app.get("/", count(sessions));
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
  });

  test("an application without sessions is left alone", async () => {
    const sessions = open();
    const app = make(expressSessions(sessions) as express5.RequestHandler);
    app.get("/", count(sessions));
    await visit(app);
    const plain = make();
    plain.get("/", (_request, response) => {
      response.write("pla");
      response.end("in");
    });
    expect(await visit(plain)).toStrictEqual(["plain", "plain", "plain"]);
  });

  test.each(["before", "after"])("compression mounted %s the sessions", async (order) => {
    const sessions = open();
    const compress = compression({ threshold: 0 });
    const own = expressSessions(sessions) as express5.RequestHandler;
    const app = order === "before" ? make(compress, own) : make(own, compress);
    app.get("/", count(sessions));
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
    expect(await visit(app, "/", { "accept-encoding": "identity" })).toStrictEqual(["1", "2", "3"]);
    const zipped = await visit(app, "/", { "accept-encoding": "gzip" });
    expect(zipped.map((body) => gunzipSync(Buffer.from(body, "latin1")).toString())).toStrictEqual([
      "1",
      "2",
      "3",
    ]);
  });

  test("methods that the application sets on its responses later stay beneath", async () => {
    const sessions = open();
    const app = make(expressSessions(sessions) as express5.RequestHandler);
    app.get("/", count(sessions));
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
    let ends = 0;
    const end = ServerResponse.prototype.end as (...args: unknown[]) => unknown;
    Object.defineProperty(app.response, "end", {
      writable: true,
      value(this: ServerResponse, ...args: unknown[]): unknown {
        ends++;
        return end.apply(this, args);
      },
    });
    expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
    expect(ends).toBe(3);
  });
});

test("Node's own prototype is left alone", async () => {
  const nodes = ServerResponse.prototype as unknown as Record<string, unknown>;
  const before = NAMES.map((name) => nodes[name]);
  const sessions = open();
  const app = express5();
  app.use(expressSessions(sessions) as express5.RequestHandler);
  app.get("/", count(sessions));
  expect(await visit(app)).toStrictEqual(["1", "2", "3"]);
  expect(NAMES.filter((name, index) => nodes[name] !== before[index])).toStrictEqual([]);
});
