import { fromNodeHandler, H3, type H3Event, handleCors, HTTPError, mockEvent } from "h3";
import { toNodeHandler } from "h3/node";
import { type Sessions, SessionUsageError } from "sojourn";
import { h3Sessions, type WithSession } from "sojourn/adapters/h3";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { TestServer } from "./support/http.ts";
import { openSessions, type TestData } from "./support/stores.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

/** `false` on the h3 of Nitro 3.0.0: see h3-of-nitro.test.ts. */
const HAS_HEADERS_FOR_ERRORS = "errHeaders" in mockEvent("/").res;
const COOKIE = "sessionid=new; Path=/; HttpOnly";

let sessions: StubSessions;

beforeEach(() => {
  sessions = new StubSessions();
});

/** Fails the first save of a request. */
function failSaves(error = saveError()): void {
  sessions.save = () => {
    sessions.save = () => undefined;
    return Promise.reject(error);
  };
}

function serve(app: H3): Promise<TestServer> {
  return TestServer.start(toNodeHandler(app));
}

function silencePrints() {
  const print = vi.spyOn(console, "error").mockReturnValue();
  onTestFinished(() => print.mockRestore());
  return print;
}

describe("a failed save", () => {
  test("goes to onError once, whose response keeps no header of the page's body", async () => {
    const errors: unknown[] = [];
    const app = new H3({
      silent: true,
      onError(error) {
        errors.push(error.cause);
        return "sorry";
      },
    });
    app.use((event) => {
      event.res.headers.set("X-Frame-Options", "DENY");
    });
    app.use(h3Sessions(sessions));
    app.get("/", (event) => {
      sessions.use(event.req);
      event.res.headers.set("ETag", '"page"');
      return "page";
    });
    failSaves();
    const response = await app.request("/");
    expect(await response.text()).toBe("sorry");
    expect([response.headers.get("x-frame-options"), response.headers.get("etag")]).toEqual(["DENY", null]);
    expect(errors).toEqual([saveError()]);
  });

  test("is h3's own error without a handler, with the headers for errors and the cookie of a login", async () => {
    const app = new H3({ silent: true });
    app.use((event) => {
      handleCors(event, { origin: ["https://shop.example"] });
    });
    app.use(h3Sessions(sessions));
    app.get("/", (event) => {
      sessions.use(event.req);
      return { page: true };
    });
    failSaves(saveError(503));
    const response = await app.request("/", { headers: { origin: "https://shop.example" } });
    expect(response.status).toBe(503);
    expect(await response.json()).not.toHaveProperty("page");
    const allowed = HAS_HEADERS_FOR_ERRORS ? "https://shop.example" : null;
    expect(response.headers.get("access-control-allow-origin")).toBe(allowed);
    expect(response.headers.getSetCookie()).toEqual([COOKIE]);
    failSaves(saveError(503));
    const reply = await (await serve(app)).get();
    expect([reply.status, reply.headers["set-cookie"]]).toEqual([503, [COOKIE]]);
  });

  test("keeps the cookie in a Response that onError returns", async () => {
    const app = new H3({ silent: true, onError: () => new Response("sorry", { status: 502 }) });
    app.use(h3Sessions(sessions));
    app.get("/", (event) => {
      sessions.use(event.req);
      throw new HTTPError({ status: 500 });
    });
    const response = await app.request("/");
    expect([response.status, response.headers.getSetCookie()]).toEqual([502, [COOKIE]]);
  });

  test("of a handler of Node is a bare error, and is printed", async () => {
    const print = silencePrints();
    const app = new H3();
    app.use(h3Sessions(sessions));
    app.use((event) => {
      sessions.use(event.req);
    });
    app.get(
      "/",
      fromNodeHandler((_request, response) => {
        response.end("page");
      }),
    );
    failSaves(saveError(503));
    expect(await (await serve(app)).get()).toMatchObject({ status: 503, body: "Service Unavailable\n" });
    expect(print.mock.calls).toEqual([[expect.objectContaining({ statusCode: 503 })]]);
  });
});

describe("the session of a request", () => {
  test("is that of mounted applications and of the web request", async () => {
    const { sessions: real } = openSessions();
    const shop = new H3();
    shop.get("/page", async (event) => {
      (await real.from(event)).data.n = 1;
      return { ...(await real.from(event.req)).data };
    });
    const app = new H3();
    app.use(h3Sessions(real));
    app.mount("/shop", shop);
    const response = await app.request("/shop/page");
    expect(await response.json()).toEqual({ n: 1 });
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect((await (await serve(app)).get("/shop/page")).headers["set-cookie"]).toHaveLength(1);
  });

  test("is saved before the page of an address that no route has", async () => {
    const { sessions: real } = openSessions();
    const app = new H3({ silent: true });
    app.use(h3Sessions(real));
    app.use(async (event) => {
      (await real.from(event)).data.n = 1;
    });
    const response = await app.request("/missing");
    expect([response.status, response.headers.getSetCookie().length]).toEqual([404, 1]);
  });

  test("is saved before a page with the status 404 of a handler", async () => {
    const { sessions: real } = openSessions();
    const app = new H3();
    app.use(h3Sessions(real));
    app.get("/", async (event) => {
      (await real.from(event)).data.n = 1;
      return new Response("sold out", { status: 404 });
    });
    const response = await app.request("/");
    expect([response.status, await response.text()]).toEqual([404, "sold out"]);
    expect(response.headers.getSetCookie()).toHaveLength(1);
    const reply = await (await serve(app)).get();
    expect([reply.status, reply.body, reply.headers["set-cookie"]?.length]).toEqual([404, "sold out", 1]);
  });

  test("is explained without a mount", async () => {
    const { sessions: real } = openSessions();
    const app = new H3();
    app.get("/", async (event) => {
      await expect(real.from(event)).rejects.toThrow("that no adapter has seen");
      return "page";
    });
    expect((await app.request("/")).status).toBe(200);
  });
});

describe("a handler whose response is cached for all visitors has no session", () => {
  /** Gives an event a copy of its request, as `defineCachedHandler` of Nitro 3 and ocache, of h3's rules, do. */
  function giveCopy(event: H3Event): void {
    const { url, method, headers } = event.req;
    Object.assign(event, { req: new Request(url, { method, headers: [...headers] }) });
  }

  /** Asks for a page on a web server and on Node, as the visitor of a session. */
  async function ask(real: Sessions<TestData>, app: H3, method = "GET"): Promise<string[]> {
    const { cookieHeader: cookie = "" } = await real.create({ n: 7 });
    const { port } = await serve(app);
    const options = { method, headers: { cookie }, ...(method === "POST" && { body: "{}" }) };
    const answers = [await app.request("/", options), await fetch(`http://127.0.0.1:${port}/`, options)];
    return Promise.all(answers.map((answer) => answer.text()));
  }

  const READS: Record<string, (real: Sessions<TestData>, event: H3Event) => unknown> = {
    "sessions.from(event)": (real, event) => real.from(event),
    "sessions.from(event.req)": (real, event) => real.from(event.req),
    "event.context.session, with eager": (_real, event) => (event as WithSession<H3Event>).context.session,
  };

  test.each(Object.entries(READS))("%s is refused", async (name, read) => {
    const { sessions: real } = openSessions();
    const thrown: unknown[] = [];
    const app = new H3();
    app.use(h3Sessions(real, { eager: name.includes("eager") }));
    app.get("/", async (event) => {
      giveCopy(event);
      try {
        await read(real, event);
      } catch (error) {
        thrown.push(error);
      }
      return "page";
    });
    expect(await ask(real, app)).toEqual(["page", "page"]);
    expect(thrown).toEqual([expect.any(SessionUsageError), expect.any(SessionUsageError)]);
    expect(String(thrown[0])).toMatch(name.includes("req") ? "no adapter has seen" : "defineCachedHandler");
  });

  test("one with another proxy of its request has one, as h3 makes them, and so has a POST with a new body", async () => {
    const { sessions: real } = openSessions();
    const app = new H3();
    app.use(h3Sessions(real, { eager: true }));
    const read = async (event: H3Event) => {
      const { session } = (event as WithSession<H3Event>).context;
      return { ...session.data, ...(await real.from(event)).data };
    };
    app.get("/", (event) => {
      const { req } = event;
      Object.assign(event, { req: new Proxy(req, { get: (request, part) => Reflect.get(request, part) }) });
      return read(event);
    });
    app.post("/", (event) => {
      giveCopy(event);
      return read(event);
    });
    for (const method of ["GET", "POST"]) {
      const [web, node] = await ask(real, app, method);
      expect([web, node]).toEqual(['{"n":7}', '{"n":7}']);
    }
  });
});

describe("what h3 does otherwise stays", () => {
  test("an application used as a handler leaves an unknown address to the next one", async () => {
    const shop = new H3();
    shop.use(h3Sessions(sessions));
    const app = new H3();
    app.use(shop.handler);
    app.get("/other", () => "other");
    expect(await (await app.request("/other")).text()).toBe("other");
  });

  test("onResponse is called once, with the cookie; middleware around it may add headers", async () => {
    const seen: string[][] = [];
    const app = new H3({
      onResponse(response) {
        seen.push(response.headers.getSetCookie());
      },
    });
    app.use(async (event, next) => {
      const value = await next();
      event.res.headers.set("Server-Timing", "all;dur=1");
      return value;
    });
    app.use(h3Sessions(sessions));
    app.get("/", (event) => {
      sessions.use(event.req);
      return "page";
    });
    const response = await app.request("/");
    expect(seen).toEqual([[COOKIE]]);
    expect(response.headers.get("server-timing")).toBe("all;dur=1");
  });

  test("a handler without a value answers with an empty page", async () => {
    const app = new H3();
    app.use(h3Sessions(sessions));
    app.get("/", () => undefined);
    const response = await app.request("/");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});

test("wrong arguments are explained", () => {
  expect(() => h3Sessions({} as never)).toThrow("Write app.use(h3Sessions(sessions))");
  expect(() => h3Sessions(sessions, { eager: "yes" } as never)).toThrow("h3Sessions.eager");
  expect(() => h3Sessions(sessions, { crossSite: "no" } as never)).toThrow("h3Sessions.crossSite");
});
