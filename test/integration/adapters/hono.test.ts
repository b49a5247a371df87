import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { mount } from "hono/mount";
import { streamSSE } from "hono/streaming";
import { honoSessions, type SessionVariables } from "sojourn/adapters/hono";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { TestServer, turns } from "./support/http.ts";
import { openSessions, type TestData } from "./support/stores.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

const COOKIE = "sessionid=new; Path=/; HttpOnly";

interface Env {
  Bindings: HttpBindings;
  Variables: SessionVariables<TestData>;
}

let app: Hono<Env>;
let sessions: StubSessions;

beforeEach(() => {
  app = new Hono<Env>();
  sessions = new StubSessions();
});

/** Fails the first save of a request. */
function failSaves(error = saveError()): void {
  sessions.save = () => {
    sessions.save = () => undefined;
    return Promise.reject(error);
  };
}

function serve(): Promise<TestServer> {
  const listener = getRequestListener((request, node) => app.fetch(request, node));
  return TestServer.start((incoming, outgoing) => void listener(incoming, outgoing));
}

function silencePrints() {
  const print = vi.spyOn(console, "error").mockReturnValue();
  onTestFinished(() => print.mockRestore());
  return print;
}

describe("a failed save", () => {
  beforeEach(() => {
    app.use(async (c, next) => {
      c.header("X-Frame-Options", "DENY");
      await next();
    });
    app.use(honoSessions(sessions));
  });

  test("goes to app.onError, whose response keeps no header of the page's body", async () => {
    failSaves();
    const errors: unknown[] = [];
    app.onError((error, c) => {
      errors.push(error, c.error);
      return c.text("sorry", 503);
    });
    app.get("/", (c) => {
      sessions.use(c.req.raw);
      c.header("ETag", '"page"');
      return c.redirect("/next");
    });
    const response = await app.request("/");
    expect([response.status, await response.text()]).toEqual([503, "sorry"]);
    expect(Object.fromEntries(response.headers)).toMatchObject({ "x-frame-options": "DENY" });
    expect([response.headers.get("location"), response.headers.get("etag")]).toEqual([null, null]);
    expect(errors).toEqual([
      errors[1],
      expect.objectContaining({ message: "the store is down: secret detail" }),
    ]);
  });

  test("carries the cookie of a login before it, on web responses and on Node's", async () => {
    app.onError((_error, c) => c.text("sorry", 503));
    app.get("/", (c) => {
      sessions.use(c.req.raw);
      return c.text("page");
    });
    failSaves();
    const response = await app.request("/", {}, {});
    expect([response.status, response.headers.getSetCookie()]).toEqual([503, [COOKIE]]);
    failSaves();
    const reply = await (await serve()).get();
    expect(reply).toMatchObject({ status: 503, body: "sorry" });
    expect(reply.headers["set-cookie"]).toEqual([COOKIE]);
  });

  test("goes to Hono's own error page where there is no handler", async () => {
    const print = silencePrints();
    failSaves();
    app.get("/", (c) => {
      sessions.use(c.req.raw);
      return c.json({ page: true });
    });
    const response = await app.request("/", {}, {});
    expect([response.status, await response.text()]).toEqual([500, "Internal Server Error"]);
    expect(print).toHaveBeenCalledOnce();
  });

  test("of a response past Hono is a bare error, and is printed", async () => {
    const print = silencePrints();
    failSaves(saveError(503));
    app.get("/", (c) => {
      sessions.use(c.req.raw);
      c.env.outgoing.end("page");
      return RESPONSE_ALREADY_SENT;
    });
    expect(await (await serve()).get()).toMatchObject({ status: 503, body: "Service Unavailable\n" });
    expect(print.mock.calls).toEqual([[expect.objectContaining({ statusCode: 503 })]]);
  });

  test("after the head of a stream cuts it, and is printed", async () => {
    const print = silencePrints();
    sessions.save = ({ headersSent }) => (headersSent ? Promise.reject(saveError()) : undefined);
    app.get("/", (c) => {
      sessions.use(c.req.raw);
      return streamSSE(c, async (writer) => {
        await writer.writeSSE({ data: "part" });
        await turns(2);
      });
    });
    const response = await app.request("/", {}, {});
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("the store is down");
    expect(print.mock.calls).toEqual([[saveError()]]);
  });
});

describe("the session of a request", () => {
  test("is that of sub-applications, and stays when middleware replaces the request", async () => {
    const { sessions: real } = openSessions();
    const shop = new Hono<Env>();
    app.use(honoSessions(real));
    app.use(async (c, next) => {
      c.req.raw = new Request(c.req.raw);
      await next();
    });
    shop.get("/page", async (c) => {
      (await real.from(c)).data.n = 1;
      return c.text("page");
    });
    app.route("/shop", shop);
    expect((await app.request("/shop/page")).headers.getSetCookie()).toHaveLength(1);
    expect((await (await serve()).get("/shop/page")).headers["set-cookie"]).toHaveLength(1);
  });

  test("is loaded before the handlers with `eager`", async () => {
    const { sessions: real } = openSessions();
    app.use(honoSessions(real, { eager: true }));
    app.get("/", (c) => {
      c.var.session.data.n = 1;
      return c.json({ ...c.get("session").data });
    });
    const response = await app.request("/");
    expect(await response.json()).toEqual({ n: 1 });
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("is saved before the page of app.notFound", async () => {
    const { sessions: real } = openSessions();
    app.use(honoSessions(real));
    app.use(async (c, next) => {
      (await real.from(c)).data.n = 1;
      await next();
    });
    app.notFound((c) => c.text("no such page", 404));
    const response = await app.request("/missing");
    expect([response.status, response.headers.getSetCookie().length]).toEqual([404, 1]);
  });

  test("is that of a mounted handler that gets the request itself; a new request is explained", async () => {
    const { sessions: real } = openSessions();
    app.use(honoSessions(real));
    const handler = async (request: Request) => Response.json({ ...(await real.from(request)).data });
    app.all("/same/*", mount(handler, { replaceRequest: (request) => request }));
    app.all("/new/*", mount(handler));
    app.onError((error, c) => c.text(error.message, 500));
    expect(await (await app.request("/same/page")).json()).toEqual({});
    expect(await (await app.request("/new/page")).text()).toContain(
      "pass the request that the handler was given",
    );
  });

  test("is explained without a mount", async () => {
    const { sessions: real } = openSessions();
    app.get("/", async (c) => {
      await expect(real.from(c)).rejects.toThrow("that no adapter has seen");
      return c.text("page");
    });
    expect((await app.request("/")).status).toBe(200);
  });
});

describe("what is left alone", () => {
  test("a response without a session, also of a handler that answers by the same one each time", async () => {
    const own = new Response("page");
    app.use(honoSessions(sessions));
    app.get("/", () => own);
    expect(await app.request("/", {}, {})).toBe(own);
  });

  test("an error that is none goes on to the server, as without sessions", async () => {
    app.use(honoSessions(sessions));
    app.get("/", () => {
      const thrown: unknown = "a text";
      throw thrown;
    });
    await expect(app.request("/", {}, {})).rejects.toBe("a text");
  });
});

test("wrong arguments are explained", () => {
  expect(() => honoSessions({} as never)).toThrow("Write app.use(honoSessions(sessions))");
  expect(() => honoSessions(sessions, { eager: "yes" } as never)).toThrow("honoSessions.eager");
  expect(() => honoSessions(sessions, { crossSite: "no" } as never)).toThrow("honoSessions.crossSite");
});
