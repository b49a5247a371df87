import { createApp, eventHandler, sendRedirect, toNodeListener } from "h3v1";
import { fetchNodeRequestHandler } from "node-mock-http";
import { nitroSessions, type WithSession } from "sojourn/adapters/nitro";
import { SessionUsageError, StoreConnectionError } from "sojourn";
import { beforeEach, describe, expect, test } from "vitest";
import { TestServer } from "./support/http.ts";
import { createTestNitro } from "./support/nitro-application.ts";
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

function applicationOf(handler: Handler) {
  const nitro = createTestNitro((error) => {
    errors.push(error);
    return { status: 500, body: "sorry" };
  });
  nitroSessions(sessions)(nitro);
  nitro.h3App.use(eventHandler(handler));
  return toNodeListener(nitro.h3App);
}

/** Answers a request over HTTP, and one within the process. */
const WAYS = {
  "over HTTP": async (handler: Handler) => {
    const listener = applicationOf(handler);
    const server = await TestServer.start((request, response) => listener(request, response));
    return fetch(`http://127.0.0.1:${server.port}/`, { redirect: "manual" });
  },
  "within the process": (handler: Handler) => fetchNodeRequestHandler(applicationOf(handler), "/", {}),
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

test("wrong arguments are refused", () => {
  expect(() => nitroSessions({} as never)).toThrow(SessionUsageError);
  expect(() => nitroSessions(sessions, { eagre: true } as object)).toThrow("eagre");
});
