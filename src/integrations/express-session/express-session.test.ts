import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { inherits } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Jar } from "../../../test/support/cookie-jar.ts";
import { serve } from "../../../test/support/serve.ts";
import { openCache } from "../../../test/support/cache-harness.ts";
import { call } from "./callbacks.ts";
import session, {
  Cookie,
  expressSessionStore,
  type ExpressSessionOptions,
  MemoryStore,
  type RequestSession,
  type SessionData,
  type SessionRequest,
  Store,
} from "./index.ts";

type Handler = (session: RequestSession, request: SessionRequest) => unknown;

const SECRET = "keyboard cat";

/** Serves one handler a path; an answer is the JSON of what it returns. */
async function open(handlers: Readonly<Record<string, Handler>>, options: ExpressSessionOptions = {}) {
  const store = (options.store ?? new MemoryStore()) as MemoryStore;
  const mount = session({ secret: SECRET, resave: false, saveUninitialized: false, ...options, store });
  const origin = await serve((request, response) => {
    mount(request, response, (error) => {
      if (error) fail(error, response);
      else void answerBy(handlers[request.url ?? ""], request, response);
    });
  });
  return { origin, store, visitor: new Jar() };
}

async function answerBy(
  handle: Handler | undefined,
  request: SessionRequest,
  response: ServerResponse,
): Promise<void> {
  try {
    response.end(JSON.stringify((await handle?.(request.session as RequestSession, request)) ?? null));
  } catch (error) {
    fail(error, response);
  }
}

function fail(error: unknown, response: ServerResponse): void {
  const { statusCode = 500, message } = error as Error & { statusCode?: number };
  response.statusCode = statusCode;
  response.end(message);
}

const count: Handler = (data) => (data["n"] = ((data["n"] as number | undefined) ?? 0) + 1);

describe("a session", () => {
  test("is stored, found again, and named by a signed cookie", async () => {
    const { origin, visitor, store } = await open({ "/": count });
    const first = await visitor.get(origin);
    expect(first.setCookie[0]).toMatch(/^connect\.sid=s%3A[\w-]{32}\.[\w%]+; Path=\/; HttpOnly$/);
    expect((await visitor.get(origin)).body).toBe("2");
    expect(Object.keys(store.sessions)).toHaveLength(1);
  });

  test.each([
    ["with another signature", (cookie: string) => cookie.replace(/\..*$/, ".forged")],
    ["without one", (cookie: string) => cookie.replace(/\..*$/, "")],
    ["whose signature is cut", (cookie: string) => cookie.slice(0, -2)],
  ])("is not found by a cookie %s", async (_name, forge) => {
    const { origin, visitor } = await open({ "/": count });
    await visitor.get(origin);
    expect(
      (await new Jar(new Map([["connect.sid", forge(visitor.cookies.get("connect.sid") ?? "")]])).get(origin))
        .body,
    ).toBe("1");
  });

  test("is found by a cookie that an earlier secret has signed, which then signs no more", async () => {
    const { store, visitor, origin } = await open({ "/": count }, { secret: "old" });
    await visitor.get(origin);
    const renewed = await open({ "/": count }, { store, secret: [SECRET, "old"], rolling: true });
    expect((await visitor.get(renewed.origin)).body).toBe("2");
    const last = await open({ "/": count }, { store });
    expect((await visitor.get(last.origin)).body).toBe("3");
  });

  test("without data is neither stored nor named, unless `saveUninitialized` says so", async () => {
    const { origin, visitor, store } = await open({});
    expect((await visitor.get(origin)).setCookie).toEqual([]);
    expect(store.sessions).toEqual({});
    const stored = await open({}, { saveUninitialized: true });
    expect((await stored.visitor.get(stored.origin)).setCookie).toHaveLength(1);
    expect(Object.keys(stored.store.sessions)).toHaveLength(1);
  });

  test("that was only read is stored again with `resave`, and touched without", async () => {
    const { store, origin, visitor } = await open({ "/": count });
    await visitor.get(origin);
    const [set, touch] = [vi.spyOn(store, "set"), vi.spyOn(store, "touch")];
    await visitor.get(origin, "/read");
    expect([set.mock.calls.length, touch.mock.calls.length]).toEqual([0, 1]);
    const resaving = await open({}, { store, resave: true });
    await visitor.get(resaving.origin);
    expect([set.mock.calls.length, touch.mock.calls.length]).toEqual([1, 1]);
  });

  test("that was only read, and has been ended meanwhile, is not brought back by `resave`", async () => {
    const { store, origin, visitor } = await open(
      { "/": count, "/end": () => store.clear() },
      { resave: true },
    );
    await visitor.get(origin);
    expect((await visitor.get(origin, "/end")).status).toBe(200);
    expect(store.sessions).toEqual({});
  });

  test("sends its cookie with each response with `rolling`", async () => {
    const { origin, visitor } = await open({ "/": count }, { rolling: true, cookie: { maxAge: 60_000 } });
    await visitor.get(origin);
    expect((await visitor.get(origin, "/read")).setCookie[0]).toMatch(/Expires=/);
  });

  test("of `req.session = null` is destroyed with `unset`, and kept without", async () => {
    const forget: Handler = (_session, request) => void (request.session = null);
    const kept = await open({ "/": count, "/forget": forget });
    await kept.visitor.get(kept.origin);
    await kept.visitor.get(kept.origin, "/forget");
    expect((await kept.visitor.get(kept.origin)).body).toBe("2");
    const ended = await open({ "/": count, "/forget": forget }, { unset: "destroy" });
    await ended.visitor.get(ended.origin);
    await ended.visitor.get(ended.origin, "/forget");
    expect((await ended.visitor.get(ended.origin)).body).toBe("1");
  });

  test.each([true, false])("of `secure: 'auto'` follows the connection (proxy: %s)", async (proxy) => {
    const { origin } = await open({ "/": count }, { proxy, cookie: { secure: "auto", sameSite: "auto" } });
    const response = await fetch(origin, { headers: { "x-forwarded-proto": "https, http" } });
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie.includes("Secure")).toBe(proxy);
    expect(cookie).toContain(proxy ? "SameSite=None" : "SameSite=Lax");
  });

  test("with a Secure cookie is not named over plain HTTP", async () => {
    const { origin, visitor } = await open({ "/": count }, { cookie: { secure: true } });
    expect((await visitor.get(origin)).setCookie).toEqual([]);
  });

  test("begins outside of the cookie's path nowhere", async () => {
    const { origin } = await open(
      { "/shop": (own) => typeof own, "/": (own) => typeof own },
      { cookie: { path: "/shop" } },
    );
    expect((await new Jar().get(origin, "/shop")).body).toBe('"object"');
    expect((await new Jar().get(origin)).body).toBe('"undefined"');
  });
});

describe("req.session", () => {
  test("hides its methods from loops and its request from JSON", async () => {
    const { origin, visitor } = await open({
      "/": (own) => {
        const names = [];
        for (const name in own) names.push(name);
        return { names, text: JSON.parse(JSON.stringify(own)) as object };
      },
    });
    expect(JSON.parse((await visitor.get(origin)).body)).toMatchObject({
      names: ["cookie"],
      text: { cookie: { originalMaxAge: null, httpOnly: true, path: "/" } },
    });
  });

  test("save() tells a callback or returns a promise, and the end of the response saves nothing more", async () => {
    const { origin, visitor, store } = await open({
      "/promise": async (own) => {
        count(own, own.req);
        await own.save();
        return store.sessions[own.id] !== undefined;
      },
      "/callback": (own) => {
        count(own, own.req);
        return call((done) => own.save((error) => done(error, "saved")));
      },
    });
    const set = vi.spyOn(store, "set");
    expect((await visitor.get(origin, "/promise")).body).toBe("true");
    expect((await visitor.get(origin, "/callback")).body).toBe('"saved"');
    expect(set).toHaveBeenCalledTimes(2);
  });

  test("reload() shows what another request has changed, and drops what this one has", async () => {
    const { origin, visitor } = await open({
      "/": count,
      "/reload": async (own, request) => {
        await visitor.copy().get(origin);
        own["other"] = 1;
        await own.reload();
        return request.session;
      },
    });
    await visitor.get(origin);
    const { body } = await visitor.get(origin, "/reload");
    expect(JSON.parse(body)).toMatchObject({ n: 2 });
    expect(body).not.toContain("other");
  });

  test("regenerate() puts a new session on the request, and leaves the old object as it is", async () => {
    const { origin, visitor, store } = await open({
      "/": count,
      "/regenerate": async (own, request) => {
        await own.regenerate();
        return [own["n"], request.session?.["n"] ?? null, request.session === own];
      },
    });
    await visitor.get(origin);
    const before = Object.keys(store.sessions);
    expect((await visitor.get(origin, "/regenerate")).body).toBe("[1,null,false]");
    expect(Object.keys(store.sessions)).toHaveLength(1);
    expect(Object.keys(store.sessions)).not.toEqual(before);
  });

  test("destroy() ends the session, and takes it from the request", async () => {
    const { origin, visitor, store } = await open({
      "/": count,
      "/destroy": async (own, request) => {
        await own.destroy();
        return request.session === undefined;
      },
    });
    await visitor.get(origin);
    expect((await visitor.get(origin, "/destroy")).body).toBe("true");
    expect(store.sessions).toEqual({});
  });

  test("merges what parallel requests change, also within objects, and deletes what one of them deletes", async () => {
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let waiting = 0;
    const together = async (): Promise<void> => {
      if (++waiting === 3) arrive();
      await arrived;
    };
    const { origin, visitor } = await open({
      "/": (own) => void Object.assign(own, { cart: { tea: 1 }, old: 1, list: [1] }),
      "/add": async (own) => (await together(), void Object.assign(own["cart"] as object, { milk: 1 })),
      "/remove": async (own) => (await together(), void delete (own["cart"] as { tea?: 1 }).tea),
      "/other": async (own) => (await together(), delete own["old"], void (own["list"] = [2])),
      "/show": (own) => ({ ...own, cookie: undefined }),
    });
    await visitor.get(origin);
    await Promise.all(["/add", "/remove", "/other"].map((path) => visitor.copy().get(origin, path)));
    expect(JSON.parse((await visitor.get(origin, "/show")).body)).toEqual({ cart: { milk: 1 }, list: [2] });
  });

  test("keeps what other requests have written between two saves of one request", async () => {
    const { origin, visitor } = await open({
      "/": count,
      "/twice": async (own) => {
        await visitor.copy().get(origin);
        own["a"] = 1;
        await own.save();
        own["b"] = 1;
        await own.save();
      },
      "/show": (own) => ({ ...own, cookie: undefined }),
    });
    await visitor.get(origin);
    await visitor.get(origin, "/twice");
    expect(JSON.parse((await visitor.get(origin, "/show")).body)).toEqual({ n: 2, a: 1, b: 1 });
  });

  test("that JSON cannot hold fails the response, without a cookie", async () => {
    const { origin, visitor } = await open({ "/": (own) => void (own["n"] = 1n) });
    expect(await visitor.get(origin)).toMatchObject({ status: 500, setCookie: [] });
  });
});

describe("a store", () => {
  test("of old is made with util.inherits, and may answer at once", async () => {
    function OldStore(this: MemoryStore): void {
      (Store as unknown as { call(self: object): void }).call(this);
      this.sessions = {};
    }
    inherits(OldStore, Store);
    Object.assign(OldStore.prototype as object, {
      get(this: MemoryStore, sid: string, callback: (error: unknown, found?: unknown) => void) {
        callback(null, this.sessions[sid] && JSON.parse(this.sessions[sid]));
      },
      set(this: MemoryStore, sid: string, data: SessionData, callback: () => void) {
        this.sessions[sid] = JSON.stringify(data);
        callback();
      },
      destroy(this: MemoryStore, sid: string, callback: () => void) {
        delete this.sessions[sid];
        callback();
      },
    });
    const store = Reflect.construct(OldStore, []) as MemoryStore;
    expect(store).toBeInstanceOf(EventEmitter);
    const { origin, visitor } = await open({ "/": count }, { store });
    await visitor.get(origin);
    expect((await visitor.get(origin)).body).toBe("2");
  });

  test("that fails to read, to save or to end a session fails the response", async () => {
    const { origin, visitor, store } = await open({ "/": count, "/end": (own) => own.destroy() });
    await visitor.get(origin);
    const failing = (...args: unknown[]): void => (args.at(-1) as (error: Error) => void)(new Error("away"));
    for (const [method, path] of [
      ["get", "/"],
      ["set", "/"],
      ["destroy", "/end"],
    ] as const) {
      const spy = vi.spyOn(store, method).mockImplementation(failing);
      expect(await visitor.copy().get(origin, path)).toMatchObject({
        status: 500,
        body: "away",
      });
      spy.mockRestore();
    }
  });

  test("that does not answer fails the response at the deadline", async () => {
    const { origin, visitor, store } = await open({ "/": count }, { deadline: 50 });
    vi.spyOn(store, "set").mockImplementation(() => {});
    const page = await visitor.get(origin);
    expect(page).toMatchObject({
      status: 500,
      body: "The session store did not save the session within 50 ms.",
      setCookie: [],
    });
  });

  test("that does not answer once blocks no later request, and writes nothing when it answers late", async () => {
    const { origin, visitor, store } = await open(
      { "/": count, "/end": (own) => own.destroy() },
      { deadline: 50 },
    );
    await visitor.get(origin);
    const read = store.get.bind(store);
    let answerLate = (): void => {};
    let reads = 0;
    // The one right before the write.
    const spy = vi.spyOn(store, "get").mockImplementation((sid, callback) => {
      const isLast = ++reads === 2;
      read(sid, (...found) => (isLast ? (answerLate = () => callback(...found)) : callback(...found)));
    });
    expect((await visitor.get(origin)).status).toBe(500);
    spy.mockRestore();
    expect((await visitor.get(origin)).body).toBe("2");
    await visitor.get(origin, "/end");
    answerLate();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(store.sessions).toEqual({});
  });

  test("that fails to extend a session costs the visitor nothing, and the operator is told", async () => {
    const { origin, visitor, store } = await open({ "/": count });
    await visitor.get(origin);
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    vi.spyOn(store, "touch").mockImplementation((_sid, _data, callback) => callback?.(new Error("away")));
    expect((await visitor.get(origin, "/read")).status).toBe(200);
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ message: "away" }));
  });

  test("that is disconnected leaves requests without a session", async () => {
    const { origin, store } = await open({ "/": (own) => typeof own });
    store.emit("disconnect");
    expect((await new Jar().get(origin)).body).toBe('"undefined"');
    store.emit("connect");
    expect((await new Jar().get(origin)).body).toBe('"object"');
  });

  test("on a cache keeps sessions until their cookies end, lists them and clears them", async () => {
    const { cache, clock } = openCache();
    const store = expressSessionStore(cache, { prefix: "s*:", timeout: "1h" });
    const read = (sid: string) => call<SessionData>((done) => store.get(sid, done));
    const ending = { cookie: new Cookie({ expires: new Date(clock.now() + 60_000) }), a: 1 };
    await call((done) => store.set("short", ending, done));
    await call((done) => store.set("long", { cookie: new Cookie() }, done));
    expect(await call((done) => store.ids(done))).toHaveLength(2);
    expect(await read("short")).toMatchObject({ a: 1 });
    clock.advance(60_001);
    expect(await read("short")).toBeNull();
    expect(await call((done) => store.all(done))).toMatchObject([{ id: "long" }]);
    clock.advance(3_600_000);
    expect(await call((done) => store.length(done))).toBe(0);
    await call((done) => store.set("long", { cookie: new Cookie() }, done));
    await call((done) => store.clear(done));
    expect(await read("long")).toBeNull();
  });

  test("on a cache with a level in memory before it reads past that level", async () => {
    const { cache } = openCache({
      override: (store) => ({ authority: store, get: async () => '{"cookie":{},"n":"of before"}' }),
    });
    const store = expressSessionStore(cache);
    expect(await call((done) => store.get("ended", done))).toBeNull();
  });

  test("on something that is no cache is refused", () => {
    expect(() => expressSessionStore({} as never)).toThrow("expected a cache, such as caches.default");
    expect(() => expressSessionStore(openCache().cache, { timeout: "never" as never })).toThrow("timeout");
  });
});

test("a bridge to sockets, whose response only ends, loads a session and saves it by hand", async () => {
  const { origin, visitor, store } = await open({ "/": count });
  await visitor.get(origin);
  const request = { headers: { cookie: visitor.header }, url: "/", socket: {} } as unknown as SessionRequest;
  const mount = session({ secret: SECRET, resave: false, saveUninitialized: false, store });
  await new Promise<void>((resolve) => mount(request, { end() {} } as never, () => resolve()));
  count(request.session as RequestSession, request);
  await request.session?.save();
  expect((await visitor.get(origin)).body).toBe("3");
});

test.each([
  ["genid", { genid: "id" }, "genid option must be a function"],
  ["unset", { unset: "all" }, 'unset option must be "destroy" or "keep"'],
  ["secret", { secret: [] }, "secret option array must contain one or more strings"],
])("a wrong %s is refused", (_name, options, message) => {
  expect(() => session(options as never)).toThrow(message);
});

test("a request without a secret is an error, and one of cookie-parser is used", async () => {
  const { origin } = await open({ "/": count }, { secret: undefined });
  expect((await new Jar().get(origin)).body).toBe("secret option required for sessions");
});
