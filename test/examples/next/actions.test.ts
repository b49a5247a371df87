import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  createSojourn,
  type Sessions,
  type SessionSettings,
  type SessionStoreFactory,
  SessionUsageError,
  StoreConnectionError,
} from "sojourn";
import { nextSessions, type NextSessions, type NextSessionsOptions } from "sojourn/adapters/next";
import { memorySessionStore } from "sojourn/stores/memory";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { faultySessionStore, ManualClock } from "sojourn/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { NextServer, type RouteHandler } from "./next-server.ts";

interface Data {
  n?: number;
}

interface Opened extends NextSessions<Data> {
  readonly sessions: Sessions<Data>;
  readonly clock: ManualClock;
  /** Whether writes, or all commands, fail. */
  isDown: boolean | "all";
  /** Commands that the store has got. */
  readonly commands: string[];
  /** Waited for by writes. */
  gate: Promise<void> | undefined;
}

const MINUTE = 60_000;
const next = NextServer.forFile();

function open(settings: Partial<SessionSettings<Data>> = {}, options: NextSessionsOptions = {}): Opened {
  const clock = new ManualClock(Date.now());
  const commands: string[] = [];
  const state: Pick<Opened, "isDown" | "gate"> = { isDown: false, gate: undefined };
  const store: SessionStoreFactory = (context) =>
    faultySessionStore(memorySessionStore()(context), ({ method }) => {
      commands.push(method);
      const isWrite = method === "create" || method === "commit";
      return {
        ...(isWrite && state.gate && { delay: state.gate }),
        ...((state.isDown === "all" || (state.isDown && isWrite)) && { fail: "not-sent" }),
      };
    });
  const { sessions, close } = createSojourn<Data>({
    projectName: "next",
    secretKey: "a secret of the tests of actions, long enough",
    clock,
    sessions: { store, cookie: { secure: false }, ...settings },
  });
  onTestFinished(close);
  return Object.assign(state, nextSessions(sessions, options), { sessions, clock, commands });
}

/** Answers one request by a handler of a route, where `cookies()` are those of an action. */
function send(
  handler: RouteHandler,
  cookie?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetchFrom(next.listener(handler), "POST", cookie === undefined ? headers : { ...headers, cookie });
}

/** Renders a page whose component shows what a function returns. */
async function render(component: () => Promise<string>, cookie: string): Promise<string | undefined> {
  const response = await fetchFrom(next.pageListener(component), "GET", { cookie });
  return /id="result">([^<]*)</.exec(await response.text())?.[1];
}

async function fetchFrom(
  listener: RequestListener,
  method: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/page`, { method, redirect: "manual", headers });
}

function cookieOf(response: Response): string | undefined {
  return response.headers.getSetCookie()[0]?.split(";")[0];
}

async function errorOf(run: () => Promise<unknown>): Promise<unknown> {
  return run().then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("an action", () => {
  test("saves its session and sets the cookie before redirect() goes on", async () => {
    const { sessions, sessionAction } = open();
    const action = sessionAction(async (session, n: number) => {
      session.data.n = n;
      next.functions.redirect("/done;really");
    });
    const response = await send(async () => {
      await action(5);
      return new Response("never");
    });
    expect([response.status, response.headers.get("location")]).toEqual([307, "/done;really"]);
    expect((await sessions.open(cookieOf(response))).data).toEqual({ n: 5 });
  });

  test("goes on to no response before the store has acknowledged", async () => {
    const opened = open();
    let release = () => {};
    opened.gate = new Promise((resolve) => {
      release = resolve;
    });
    const events: string[] = [];
    const action = opened.sessionAction((session) => {
      session.data.n = 1;
      setImmediate(() => {
        events.push("acknowledged");
        release();
      });
    });
    await send(async () => {
      await action();
      events.push("response");
      return new Response();
    });
    expect(events).toEqual(["acknowledged", "response"]);
  });

  test("sets a cookie that carries the record, which the next request reads", async () => {
    const { sessionAction, getSession } = open({
      store: cookieSessionStore({ acceptsLostUpdates: true }),
      absoluteTimeout: "1d",
    });
    const write = sessionAction((session) => (session.data.n = 1));
    const written = await send(async () => Response.json(await write()));
    const read = async () => Response.json((await getSession()).data);
    expect(await (await send(read, cookieOf(written))).json()).toEqual({ n: 1 });
  });

  test("gives its result, and gets its arguments after the session", async () => {
    const { sessionAction } = open();
    const add = sessionAction((session, left: number, right: number) => [session.isNew, left + right]);
    const response = await send(async () => Response.json(await add(1, 2)));
    expect(await response.json()).toEqual([true, 3]);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test("whose session cannot be saved fails, also after redirect()", async () => {
    const opened = open();
    const action = opened.sessionAction(async (session) => {
      session.data.n = 1;
      opened.isDown = true;
      next.functions.redirect("/done");
    });
    let error: unknown;
    const response = await send(async () => {
      error = await errorOf(action);
      return new Response("failed", { status: 500 });
    });
    expect(error).toBeInstanceOf(StoreConnectionError);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test("that fails drops its changes, but keeps a login", async () => {
    const { sessions, sessionAction } = open();
    const action = sessionAction(async (session) => {
      await session.login(7);
      session.data.n = 1;
      throw new Error("a fault of the action");
    });
    const response = await send(async () => new Response(String(await errorOf(action)), { status: 500 }));
    expect(await response.text()).toBe("Error: a fault of the action");
    const { userId, data } = await sessions.open(cookieOf(response));
    expect([userId, data.n]).toEqual(["7", undefined]);
  });

  test("leaves the age of the cookie to the proxy: a cookie would empty the browser's cache of pages", async () => {
    const { sessions, clock, sessionAction, refreshSession } = open();
    const { cookieHeader } = await sessions.create({ n: 1 });
    clock.advance(30 * MINUTE);
    const count = sessionAction((session) => (session.data.n = (session.data.n ?? 0) + 1));
    const acted = await send(async () => Response.json(await count()), cookieHeader);
    expect([await acted.json(), acted.headers.getSetCookie()]).toEqual([2, []]);
    const refreshed = await send((request) => refreshSession(request, new Response()), cookieHeader);
    expect(cookieOf(refreshed)).toBe(cookieHeader);
    expect(refreshed.headers.getSetCookie()[0]).toContain("Max-Age=1209600");
  });

  test("whose session is changed after it, in after(): an event tells", async () => {
    const { sessions, sessionAction } = open();
    const action = sessionAction((session) => {
      next.functions.after(async () => void (session.data.n = 1));
    });
    const late = new Promise((resolve) => sessions.on("lateChange", resolve));
    await send(async () => Response.json(await action()));
    expect(await late).toEqual({});
  });

  test("may call another one, and change its session afterwards", async () => {
    const { sessions, sessionAction } = open();
    const inner = sessionAction((session) => (session.data.n = 1));
    const outer = sessionAction(async (session) => (session.data.n = 10 * (await inner())));
    const late = vi.fn();
    sessions.on("lateChange", late);
    const response = await send(async () => Response.json(await outer()));
    expect((await sessions.open(cookieOf(response))).data).toEqual({ n: 10 });
    expect(late).not.toHaveBeenCalled();
  });

  test("is refused in after(), where Next can set no cookie", async () => {
    const { sessionAction } = open();
    const action = sessionAction((session) => (session.data.n = 1));
    const failed = new Promise((resolve) => {
      void send(async () => {
        next.functions.after(async () => resolve(await errorOf(action)));
        return new Response();
      });
    });
    expect(await failed).toBeInstanceOf(SessionUsageError);
  });
});

describe("a server component", () => {
  test("reads the session by one command, however often it asks", async () => {
    const { sessions, commands, getSession } = open();
    const { cookieHeader = "" } = await sessions.create({ n: 1 });
    commands.length = 0;
    const component = async (): Promise<string> => {
      const [first, second] = await Promise.all([getSession(), getSession()]);
      return `${first.data.n} and ${second.data.n}`;
    };
    expect([await render(component, cookieHeader), commands]).toEqual(["1 and 1", ["read"]]);
  });

  test("cannot change it: an error tells where to do so", async () => {
    const { sessions, getSession } = open();
    const { cookieHeader = "" } = await sessions.create({ n: 1 });
    const component = async (): Promise<string> => {
      const { data } = await getSession();
      return String(await errorOf(async () => ((data as Data).n = 2)));
    };
    expect(await render(component, cookieHeader)).toMatch(/^SessionUsageError.*sessionAction/);
    expect((await sessions.open(cookieHeader)).data).toEqual({ n: 1 });
  });

  test("cannot call an action, before anything is written", async () => {
    const { sessions, sessionAction } = open();
    const { cookieHeader = "" } = await sessions.create({ n: 1 });
    const action = sessionAction((session) => session.update((data) => (data.n = 2)));
    expect(await render(async () => String(await errorOf(action)), cookieHeader)).toMatch(
      /^SessionUsageError.*in a server component/,
    );
    expect((await sessions.open(cookieHeader)).data).toEqual({ n: 1 });
  });
});

describe("a route handler", () => {
  test.for(["notFound", "forbidden", "unauthorized"] as const)(
    "%s() is a response that saves the session and has its cookie",
    async (name) => {
      const { sessions, withSession } = open();
      const handler = withSession((_request, session) => {
        session.data.n = 1;
        return next.functions[name]();
      });
      const response = await send((request) => handler(request, {}));
      expect(response.status).toBe({ notFound: 404, forbidden: 403, unauthorized: 401 }[name]);
      expect((await sessions.open(cookieOf(response))).data).toEqual({ n: 1 });
    },
  );

  test("redirect() is a response that saves the session and has its cookie", async () => {
    const { sessions, withSession } = open();
    const handler = withSession((_request, session) => {
      session.data.n = 1;
      return next.functions.redirect("/a;b");
    });
    const response = await send((request) => handler(request, {}));
    expect([response.status, response.headers.get("location")]).toEqual([307, "/a;b"]);
    expect((await sessions.open(cookieOf(response))).data).toEqual({ n: 1 });
  });

  test("shares its session with functions that call getSession(), and with actions", async () => {
    const { getSession, sessionAction, withSession } = open();
    const count = sessionAction((session) => (session.data.n = (session.data.n ?? 0) + 1));
    const handler = withSession(async (_request, session) => {
      session.data.n = 1;
      await count();
      return Response.json((await getSession()).data);
    });
    expect(await (await send((request) => handler(request, {}))).json()).toEqual({ n: 2 });
  });

  test("without onError, a request of another site is a 403, and no error of the server", async () => {
    const { withSession } = open({}, { crossSite: "refuse" });
    const handler = withSession(() => new Response("never"));
    const response = await send((request) => handler(request, {}), undefined, {
      origin: "https://evil.example",
    });
    expect([response.status, await response.text()]).toEqual([403, ""]);
  });

  test("without onError, an error goes to Next; after a login the cookie goes out all the same", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const { sessions, withSession } = open();
    const fail = withSession(async (_request, session) => {
      session.data.n = 1;
      throw new Error("a fault of the handler");
    });
    const failed = await send((request) => fail(request, {}));
    expect([failed.status, await failed.text(), failed.headers.getSetCookie()]).toEqual([500, "", []]);
    const logIn = withSession(async (_request, session) => {
      await session.login(7);
      throw new Error("a fault after the login");
    });
    const response = await send((request) => logIn(request, {}));
    expect([response.status, await response.text()]).toEqual([500, ""]);
    expect((await sessions.open(cookieOf(response))).userId).toBe("7");
    expect(log).toHaveBeenCalledTimes(2);
  });
});

describe("the proxy", () => {
  test("lets requests pass as they are while the store fails", async () => {
    const opened = open();
    const { cookieHeader } = await opened.sessions.create({ n: 1 });
    opened.isDown = "all";
    const response = await send(
      (request) => opened.refreshSession(request, new Response("on")),
      cookieHeader,
    );
    expect([response.status, await response.text()]).toEqual([200, "on"]);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test("leaves responses to actions as they are", async () => {
    const { sessions, refreshSession } = open();
    const { cookieHeader } = await sessions.create({ n: 1 });
    const response = await send((request) => refreshSession(request, new Response()), cookieHeader, {
      "next-action": "id",
    });
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});

describe("a request through a proxy, which Next trusts", () => {
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" };
  const requests: readonly (readonly [string, (opened: Opened) => RouteHandler])[] = [
    [
      "an action",
      ({ sessionAction }) => {
        const write = sessionAction((session) => (session.data.n = 1));
        return async () => Response.json(await write());
      },
    ],
    [
      "a route handler",
      ({ withSession }) => {
        const write = withSession((_request, session) => Response.json((session.data.n = 1)));
        return (request) => write(request, {});
      },
    ],
  ];

  test.for(requests)("%s: its TLS and host are those that the visitor used", async ([, handlerOf]) => {
    const opened = open(
      { cookie: { secure: "auto" } },
      { crossSite: "refuse", onError: (error) => new Response(String(error), { status: 403 }) },
    );
    const handler = handlerOf(opened);
    const response = await send(handler, undefined, { ...forwarded, origin: "https://shop.example" });
    expect([response.status, await response.text()]).toEqual([200, "1"]);
    expect(response.headers.getSetCookie()[0]).toContain("Secure");
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => logged.mockRestore());
    const forged = await send(handler, undefined, { ...forwarded, origin: "https://evil.example" });
    expect(forged.status).toBeGreaterThanOrEqual(403);
    expect(forged.headers.getSetCookie()).toEqual([]);
  });
});
