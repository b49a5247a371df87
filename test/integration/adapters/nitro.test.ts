import { createApp, eventHandler, type H3Event, sendRedirect, toNodeListener } from "h3v1";
import { fetchNodeRequestHandler } from "node-mock-http";
import {
  nitroSessions,
  type NitroSessionsOptions,
  type SessionSource,
  type WithSession,
} from "sojourn/adapters/nitro";
import { nodeSessions } from "sojourn/adapters/node";
import { isSojournError, SessionUsageError, StoreConnectionError } from "sojourn";
import { beforeEach, describe, expect, test } from "vitest";
import { TestServer } from "./support/http.ts";
import { cachedEventOf, createTestNitro } from "./support/nitro-application.ts";
import { openSessions } from "./support/stores.ts";
import { saveError, StubSessions } from "./support/stub-sessions.ts";

let sessions: StubSessions;
let errors: unknown[];

beforeEach(() => {
  sessions = new StubSessions();
  errors = [];
});

/** Fails the first save of a request. */
function failSaves(): void {
  sessions.save = () => {
    sessions.save = () => undefined;
    return Promise.reject(saveError());
  };
}

type Handler = Parameters<typeof eventHandler>[0];

function applicationOf(handler: Handler, kept: SessionSource<object>, options: NitroSessionsOptions) {
  const nitro = createTestNitro((error) => {
    errors.push(error);
    return { status: 500, body: "sorry" };
  });
  nitroSessions(kept, options)(nitro);
  nitro.h3App.use(eventHandler(handler));
  return toNodeListener(nitro.h3App);
}

type Answer = (
  handler: Handler,
  kept?: SessionSource<object>,
  options?: NitroSessionsOptions,
  cookie?: string,
) => Promise<Response>;

/** Answers a request over HTTP, and one within the process. */
const WAYS: Record<"over HTTP" | "within the process", Answer> = {
  "over HTTP": async (handler, kept = sessions, options = {}, cookie = "") => {
    const listener = applicationOf(handler, kept, options);
    const server = await TestServer.start((request, response) => listener(request, response));
    return fetch(`http://127.0.0.1:${server.port}/`, { redirect: "manual", headers: { cookie } });
  },
  "within the process": (handler, kept = sessions, options = {}, cookie = "") =>
    fetchNodeRequestHandler(applicationOf(handler, kept, options), "/", { headers: { cookie } }),
};

describe.each(Object.entries(WAYS))("%s", (_, answer) => {
  test("a failed save goes to the error handler, as the cause, and none of the page is sent", async () => {
    failSaves();
    const response = await answer((event) => {
      sessions.use(event.node.req);
      event.node.res.setHeader("ETag", '"page"');
      return "page";
    });
    expect([response.status, await response.text()]).toEqual([500, "sorry"]);
    expect(response.headers.get("etag")).toBeNull();
    expect(errors).toEqual([saveError()]);
  });

  test("an error that has a cause itself is told whole: of a save, and of Sojourn in a handler", async () => {
    const cause = new Error("connection refused");
    const failed = new Error("a store of the application", { cause });
    sessions.save = () => Promise.reject(failed);
    await answer((event) => {
      sessions.use(event.node.req);
      return "page";
    });
    sessions.save = () => undefined;
    const thrown = new StoreConnectionError("The store is down.", { outcome: "not-sent", cause });
    await answer(() => Promise.reject(thrown));
    expect([errors[0] === failed, errors[1] === thrown]).toEqual([true, true]);
  });

  test("so does that of a redirect, which h3 sends past its hooks", async () => {
    failSaves();
    const response = await answer((event) => {
      sessions.use(event.node.req);
      return sendRedirect(event, "/done", 303);
    });
    expect([response.status, await response.text()]).toEqual([500, "sorry"]);
    expect(response.headers.get("location")).toBeNull();
    expect(errors).toEqual([saveError()]);
  });

  test("a response waits for its save, also a redirect", async () => {
    let isSaved = false;
    sessions.save = async () => {
      await new Promise((resolve) => void setImmediate(resolve));
      isSaved = true;
    };
    const response = await answer((event) => {
      sessions.use(event.node.req);
      return sendRedirect(event, "/done", 303);
    });
    expect([isSaved, response.status, response.headers.get("location")]).toEqual([true, 303, "/done"]);
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(await response.text()).toContain("/done");
  });

  test("an error of the handler goes to the error handler, and a cookie of a login out with its answer", async () => {
    const response = await answer((event) => {
      sessions.use(event.node.req);
      throw new Error("a fault of the handler");
    });
    expect(response.status).toBe(500);
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(String(errors[0])).toContain("a fault of the handler");
  });

  test("a page that leaves its session alone is as without the plugin", async () => {
    const response = await answer(() => "page");
    expect([await response.text(), response.headers.get("vary")]).toEqual(["page", null]);
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});

test("with eager, the session is there before the handler", async () => {
  const { sessions: opened } = openSessions();
  const nitro = { h3App: createApp() };
  nitroSessions(opened, { eager: true })(nitro);
  nitro.h3App.use(
    eventHandler((event) => {
      const { session } = (event as WithSession<typeof event, { n?: number }>).context;
      return { n: (session.data.n = 1) };
    }),
  );
  const response = await fetchNodeRequestHandler(toNodeListener(nitro.h3App), "/", {});
  expect([await response.json(), response.headers.getSetCookie().length]).toEqual([{ n: 1 }, 1]);
});

describe("a handler whose response Nitro caches for all visitors has no session", () => {
  interface Given {
    readonly kept: ReturnType<typeof openSessions>["sessions"];
    /** The event of the cached handler. */
    readonly event: H3Event;
  }
  const READS: Record<string, (given: Given) => unknown> = {
    "sessions.from(event)": ({ kept, event }) => kept.from(event),
    "sessions.from(event.node.req)": ({ kept, event }) => kept.from(event.node.req),
    "event.context.session, with eager": ({ event }) =>
      (event as WithSession<H3Event, { n?: number }>).context.session,
  };

  describe.each(Object.entries(WAYS))("%s", (_way, answer) => {
    test.each(Object.entries(READS))("%s is refused, and says what to do", async (name, read) => {
      const { sessions: kept } = openSessions();
      const eager = name.includes("eager");
      const { cookieHeader } = await kept.create({ n: 7 });
      const thrown: unknown[] = [];
      const handler: Handler = async (incoming) => {
        const event = cachedEventOf(incoming);
        try {
          await read({ kept, event });
        } catch (error) {
          thrown.push(error);
        }
        return "page";
      };
      const response = await answer(handler, kept, { eager }, cookieHeader);
      expect(await response.text()).toBe("page");
      expect(thrown).toEqual([expect.any(SessionUsageError)]);
      expect(String(thrown[0])).toContain("cachedEventHandler");
      expect(isSojournError(thrown[0])).toBe(true);
    });
  });

  test("nor by a context that Nitro copies, as on platforms other than Node", async () => {
    const { sessions: kept } = openSessions();
    const thrown: unknown[] = [];
    const handler: Handler = (incoming) => {
      const { context } = cachedEventOf(incoming) as WithSession<H3Event, { n?: number }>;
      try {
        return context.session.data;
      } catch (error) {
        thrown.push(error);
        return "page";
      }
    };
    const listener = applicationOf(handler, kept, { eager: true });
    await fetchNodeRequestHandler(listener, "/", { context: { _platform: {} } });
    expect(thrown).toEqual([expect.any(SessionUsageError)]);
  });

  test("also where its cache varies by the cookie, and under nodeSessions", async () => {
    const { sessions: kept } = openSessions();
    const h3App = createApp();
    const listener = toNodeListener(h3App);
    const refused: unknown[] = [];
    h3App.use(
      eventHandler(async (incoming) => {
        const event = cachedEventOf(incoming, { cookie: incoming.node.req.headers.cookie ?? "" });
        for (const given of [event, event.node.req])
          refused.push(await kept.from(given).catch((error: unknown) => error));
        return (await kept.from(incoming)).data;
      }),
    );
    const server = await TestServer.start(
      nodeSessions(kept, (request, response) => listener(request, response)),
    );
    const { cookieHeader = "" } = await kept.create({ n: 7 });
    const response = await fetch(`http://127.0.0.1:${server.port}/`, { headers: { cookie: cookieHeader } });
    expect(await response.json()).toEqual({ n: 7 });
    expect(refused).toEqual([expect.any(SessionUsageError), expect.any(SessionUsageError)]);
  });

  test("a handler beside it has one, also with a `cache` of its own in the context", async () => {
    const { sessions: kept } = openSessions();
    const { cookieHeader } = await kept.create({ n: 7 });
    const handler: Handler = async (event) => {
      const { context } = event as WithSession<typeof event, { n?: number }>;
      Object.assign(context, { cache: { options: {} } });
      return { ...context.session.data, ...(await kept.from(event)).data };
    };
    const response = await WAYS["over HTTP"](handler, kept, { eager: true }, cookieHeader);
    expect(await response.json()).toEqual({ n: 7 });
  });
});

test("wrong arguments are refused", () => {
  expect(() => nitroSessions({} as never)).toThrow(SessionUsageError);
  expect(() => nitroSessions(sessions, { eagre: true } as object)).toThrow("eagre");
});
