import { EventEmitter, once } from "node:events";
import express, { type NextFunction, type Request, type RequestHandler, type Response } from "express";
import { createLimiter, createSojourn, isSojournError, type Session, type Sojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { sqlSessionStore } from "sojourn/stores/sql";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { TestServer } from "./support/http.ts";

// Mistakes of newcomers, in JavaScript or past the types: each gets an error of ours that says what
// came and what was expected, or by a warning; what is right is done.

const BASE = { projectName: "shop", secretKey: "a secret of the tests, long enough" };

type Anything = Record<string, unknown>;

/** Settings, past the types. */
const start = (settings: unknown) => (): unknown => createSojourn(settings as never);
const withSettings = (settings: Anything) => start({ ...BASE, ...settings });
const withSessions = (sessions: Anything) => withSettings({ sessions });
const withCookie = (cookie: Anything) => withSessions({ cookie });

const inMemory = (): Sojourn<Anything, "default"> =>
  createSojourn.withData<Anything>()({
    ...BASE,
    sessions: { store: memorySessionStore(), cookie: { secure: false } },
    caches: { default: { store: memoryCacheStore() } },
  });

class MyStore {
  readonly name = "mine";
}

function expectTold(error: unknown, message: string): void {
  expect(isSojournError(error), String(error)).toBe(true);
  expect((error as Error).message).toContain(message);
  expect((error as Error).message).not.toMatch(/\ba undefined|\ba object|\ba array|\[object/);
}

describe("settings: an error at start", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a secret that is a number",
      withSettings({ secretKey: 12345678 }),
      "sojourn.secretKey: expected a secret text",
    ],
    [
      "a secret that is not set",
      withSettings({ secretKey: undefined }),
      "got nothing. Is the environment variable set",
    ],
    [
      "an empty secret",
      withSettings({ secretKey: "" }),
      "got an empty text. Is the environment variable set",
    ],
    ["a short secret", withSettings({ secretKey: "secret" }), "of at least 32 characters, got one of 6."],
    [
      "no project name",
      start({ secretKey: BASE.secretKey }),
      'sojourn.projectName: expected a name such as "myproject"',
    ],
    ["a project name with a space", withSettings({ projectName: "my shop" }), "without spaces"],
    ["no settings", start(undefined), "sojourn: expected an object, got nothing."],
    [
      "a misspelt setting",
      withSettings({ sesions: {} }),
      'sojourn.sesions: is not a setting; did you mean "sessions"?',
    ],
    [
      "the store at the top",
      withSettings({ store: memorySessionStore() }),
      "sojourn.store: is not a setting",
    ],
    [
      "a store's name",
      withSessions({ store: "memory" }),
      "sessions.store: expected a store such as redisSessionStore()",
    ],
    [
      "a store not called",
      withSessions({ store: memorySessionStore }),
      "got the function memorySessionStore. Call",
    ],
    ["a store not called", withSessions({ store: redisSessionStore }), "Call redisSessionStore()."],
    ["a store not called", withSessions({ store: cookieSessionStore }), "Call cookieSessionStore()."],
    ["a store not called", withSessions({ store: sqlSessionStore }), "Call sqlSessionStore()."],
    [
      "a store not called within another",
      withSessions({ store: cachedDbSessionStore({ database: memorySessionStore as never }) }),
      "cachedDbSessionStore.database: expected a store such as redisSessionStore(), got the function memorySessionStore.",
    ],
    [
      "a cache's store not called",
      withSettings({ caches: { default: { store: memoryCacheStore } } }),
      "Call memoryCacheStore()",
    ],
    [
      "a store's class",
      withSessions({ store: MyStore }),
      "got the class MyStore. Give a function that makes one: () => new",
    ],
    ["a store's instance", withSessions({ store: new MyStore() }), "got an object of class MyStore."],
    [
      "a store that lacks methods",
      withSessions({ store: () => new MyStore() }),
      'got the store "mine", which has no read().',
    ],
    ["a store that comes later", withSessions({ store: async () => new MyStore() }), 'an "await" is missing'],
    ["a cache's store for sessions", withSessions({ store: memoryCacheStore() }), "which has no read()"],
    [
      "sessions' store for a cache",
      withSettings({ caches: { default: { store: memorySessionStore() } } }),
      "has no get()",
    ],
    [
      "14 dayz",
      withCookie({ age: "14 dayz" }),
      'sessions.cookie.age: expected seconds or text such as "14d"',
    ],
    ["an age in milliseconds", withCookie({ age: 1_209_600_000 }), "at most 400 days"],
    ["an age of ten years", withCookie({ age: "10y" }), "at most 400 days"],
    ["maxAge", withCookie({ maxAge: 1000 }), "sessions.cookie.maxAge: is not a setting"],
    ['sameSite "Lax"', withCookie({ sameSite: "Lax" }), 'expected "lax", "strict" or "none", got "Lax"'],
    [
      "sameSite none without Secure",
      withCookie({ sameSite: "none", secure: false }),
      "sessions.cookie.secure: expected true",
    ],
    [
      "__Host- with a domain",
      withCookie({ name: "__Host-s", domain: "a.example" }),
      "sessions.cookie.domain: expected none",
    ],
    [
      "a cookie name with a space",
      withCookie({ name: "my session" }),
      "sessions.cookie.name: expected a name such as",
    ],
    ["encrypt: yes", withSessions({ encrypt: "yes" }), "sessions.encrypt: expected true or false"],
    [
      "redis as a URL",
      withSettings({ redis: "redis://localhost" }),
      "redis: expected an object of named connections",
    ],
    ["an http URL", withSettings({ redis: { default: "http://localhost" } }), "redis.default: expected"],
    [
      "a URL without a scheme",
      withSettings({ redis: { default: "localhost:6379" } }),
      "redis.default: expected",
    ],
    [
      "a client of ioredis",
      withSettings({ redis: { default: { client: new EventEmitter() } } }),
      "redis.default",
    ],
    [
      "ttl for timeout",
      withSettings({ caches: { default: { ttl: 60 } } }),
      "caches.default.ttl: is not a setting",
    ],
    [
      "a time without a unit",
      withSettings({ caches: { default: { timeout: "10" } } }),
      "caches.default.timeout: expected",
    ],
    ["users in cookies", () => signedCookies().revokeUser(1), 'the store "cookie" keeps no index of users'],
    [
      "crossSite: true",
      () => expressSessions(inMemory().sessions, { crossSite: true as never }),
      "expressSessions.crossSite",
    ],
    [
      "an option of an adapter",
      () => expressSessions(inMemory().sessions, { eagre: true } as never),
      'did you mean "eager"?',
    ],
    [
      "all for the sessions",
      () => expressSessions(inMemory() as never),
      "got the whole result of createSojourn(). Give its part",
    ],
    [
      "nothing for the sessions",
      () => expressSessions(undefined as never),
      "expressSessions() expected the sessions",
    ],
    [
      "a limiter on all caches",
      () => createLimiter(inMemory().caches as never, { prefix: "a", limit: 1, window: "1m" }),
      "createLimiter() expected a cache, such as caches.default",
    ],
    [
      "a limit as text",
      () => createLimiter(inMemory().caches.default, { prefix: "a", limit: "5" as never, window: "1m" }),
      "limiter.limit: expected an integer of at least 0",
    ],
  ])("%s", async (_mistake, run, message) => {
    expectTold(await errorOf(run), message);
  });
});

describe("calls: an error that says what came", () => {
  test.each<[string, (sojourn: Sojourn<Anything, "default">) => unknown, string]>([
    [
      "seconds for options",
      ({ caches }) => caches.default.set("k", 1, 60 as never),
      "such as { timeout: 60 }, got 60",
    ],
    [
      "ttl",
      ({ caches }) => caches.default.set("k", 1, { ttl: 60 } as never),
      'has no option "ttl". Did you mean "timeout"?',
    ],
    [
      "seconds for options",
      ({ caches }) => caches.default.getOrSet("k", () => 1, 60 as never),
      "got 60 (number)",
    ],
    [
      "tag",
      ({ caches }) => caches.default.getOrSet("k", () => 1, { tag: ["a"] } as never),
      'Did you mean "tags"?',
    ],
    [
      "tags as text",
      ({ caches }) => caches.default.set("k", 1, { tags: "a" as never }),
      "Write one tag as [tag].",
    ],
    [
      "a Date in the cache",
      ({ caches }) => caches.default.set("k", { at: new Date() }),
      "value.at is a Date",
    ],
    [
      "a promise in the cache",
      ({ caches }) => caches.default.set("k", Promise.resolve(1)),
      "value is a Promise",
    ],
    [
      "a load for a loader",
      ({ caches }) => caches.default.getOrSet("k", Promise.resolve(1)),
      "Write () => load()",
    ],
    [
      "an array of many",
      ({ caches }) => caches.default.getOrSetMany(["a"], () => [1] as never),
      "got an array.",
    ],
    [
      "a cache that is not configured",
      ({ caches }) => (caches as Anything)["pages"],
      "caches.pages: is not configured",
    ],
    [
      "a request for its header",
      ({ sessions }) => sessions.open({ headers: {} } as never),
      "Give request.headers.cookie",
    ],
    ["no adapter", ({ sessions }) => sessions.from({}), "given a request that no adapter has seen"],
    [
      "a web Request",
      ({ sessions }) => sessions.from(new globalThis.Request("http://a")),
      "sessions.open(request.headers.get(",
    ],
    [
      "no request",
      ({ sessions }) => sessions.from(undefined as never),
      "sessions.from() expected a request, got nothing.",
    ],
    [
      "a foreign session",
      ({ sessions }) => sessions.restore("Xy_".repeat(10), "{}", 1000),
      "expected a session key, 32",
    ],
    [
      "a text without a unit",
      ({ sessions }) => sessions.restore("k".repeat(32), "{}", "60" as never),
      'seconds or text such as "14d"',
    ],
    [
      "login(undefined)",
      login(undefined),
      "session.login() expected a user id (text, an integer or a bigint), got nothing.",
    ],
    ["login(user)", login({ id: 1 }), "got an object."],
    ["login(promise)", login(Promise.resolve(1)), 'an "await" is missing'],
    [
      "an async update",
      withSession((session) => session.update(async () => {})),
      "expected a synchronous function",
    ],
    [
      "update(data)",
      withSession((session) => session.update({} as never)),
      "has to be a function, got an object.",
    ],
    [
      "a Date in the data",
      withSession((session) => write(session, { at: new Date() })),
      "session.data.at is a Date",
    ],
    [
      "replaced data",
      withSession((session) => void (session.data = {} as never)),
      "session.data cannot be replaced",
    ],
    [
      "revoke without a ref",
      ({ sessions }) => sessions.revoke(1, undefined as never),
      "expected the ref of a session",
    ],
    [
      "except: true",
      ({ sessions }) => sessions.revokeUser(1, { except: true as never }),
      "got true or false.",
    ],
    [
      "except a promise",
      ({ sessions }) => sessions.revokeUser(1, { except: sessions.open("") as never }),
      "await",
    ],
    [
      "a flash of one text",
      withSession((session) => session.flash("saved", undefined as never)),
      "both texts",
    ],
    ["a misspelt event", ({ sessions }) => sessions.on("logins" as never, () => {}), 'Did you mean "login"?'],
    [
      "options of revokeUser",
      ({ sessions }) => sessions.revokeUser(1, { exept: "a" } as never),
      'Did you mean "except"?',
    ],
  ])("%s", async (_mistake, run, message) => {
    expectTold(await errorOf(() => run(inMemory())), message);
  });
});

describe("in a request: the error handlers are told", () => {
  test.each<[string, (sojourn: Sojourn<Anything, "default">) => RequestHandler | RequestHandler[], string]>([
    [
      "forgotten await, written",
      unawaited((session) => (session.data["views"] = 1)),
      'an "await" is missing',
    ],
    ["forgotten await, read", unawaited((session) => session.userId), 'an "await" is missing'],
    ["forgotten await, called", unawaited((session) => session.flash("a", "b")), 'an "await" is missing'],
    [
      "forgotten await, as of express-session",
      unawaited((session) => Object.assign(session, { views: 1 })),
      "await",
    ],
    ["req.session.x = 1", eager((session) => Object.assign(session, { views: 1 })), "session.data.views"],
    [
      "req.session.save(cb)",
      eager((session) => (session.save as (cb: unknown) => unknown)(() => {})),
      "calls no callback",
    ],
    [
      "req.session.destroy(cb)",
      eager((session) => foreign(session).destroy(() => {})),
      "Await session.logout()",
    ],
    [
      "req.session.regenerate(cb)",
      eager((session) => foreign(session).regenerate(() => {})),
      "Await session.cycleKey()",
    ],
    [
      "req.session.cookie.maxAge",
      eager((session) => (foreign(session).cookie.maxAge = 1)),
      "session.setExpiry()",
    ],
    [
      "a middleware not called",
      () => expressSessions as unknown as RequestHandler,
      "Write app.use(expressSessions(sessions))",
    ],
    [
      "the middleware after the route",
      ({ sessions }) =>
        async (request, response) => {
          await sessions.from(request);
          response.send("never");
        },
      "Mount one before the handlers that use sessions",
    ],
    [
      "a login after the head",
      (sojourn) => [
        expressSessions(sojourn.sessions),
        async (request: Request, response: Response) => {
          const session = await sojourn.sessions.from(request);
          response.flushHeaders();
          await session.login(1);
        },
      ],
      "the response headers were already sent",
    ],
  ])("%s", async (_mistake, handler, message) => {
    const sojourn = inMemory();
    onTestFinished(sojourn.close);
    const app = express();
    let told: unknown;
    app.use(handler(sojourn));
    app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      told = error;
      if (response.headersSent) response.end();
      else response.status(500).send("failed");
    });
    const server = await TestServer.start(app);
    const { status } = await server.get("/");
    expect(status).toBe(message.includes("headers were already sent") ? 200 : 500);
    await vi.waitFor(() => expectTold(told, message));
  });
});

test("what cannot be an error is a warning, once", async () => {
  const codes = new Set<string | undefined>();
  const note = (warning: Error & { code?: string }): void => void codes.add(warning.code);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const { sessions } = createSojourn<Anything>({ ...BASE, sessions: { store: memorySessionStore() } });
  const app = express();
  app.use(expressSessions(sessions));
  app.get(
    "/unloaded",
    (request, response) => void response.send(typeof (request as unknown as Anything)["session"]),
  );
  app.get("/late", async (request, response) => {
    const session = await sessions.from(request);
    session.data["a"] = 1;
    response.send("saved");
    await once(response, "close");
    session.data["b"] = 2;
  });
  const server = await TestServer.start(app);
  await server.get("/unloaded");
  await server.get("/late", { headers: { Host: "shop.example" } });
  const expected = ["SOJOURN_SESSION_NOT_LOADED", "SOJOURN_LATE_CHANGE", "SOJOURN_SECURE_COOKIE"];
  await vi.waitFor(() => expect([...codes]).toEqual(expect.arrayContaining(expected)));
});

describe("what is right, though it looks like a mistake", () => {
  test('"14 days", undefined in data, localhost over http', async () => {
    expect(withCookie({ age: "14 days" })).not.toThrow();
    const { sessions } = inMemory();
    const session = await sessions.create({ a: 1, b: undefined });
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ a: 1 });
  });

  test("a login that is not awaited still sends its cookie", async () => {
    const { sessions } = inMemory();
    const app = express();
    app.use(expressSessions(sessions), async (request, response) => {
      void (await sessions.from(request)).login(42);
      response.send("welcome");
    });
    const server = await TestServer.start(app);
    const reply = await server.get("/");
    const cookie = (reply.headers["set-cookie"] ?? [])[0]?.split(";")[0];
    expect((await sessions.open(cookie)).userId).toBe("42");
  });
});

describeWithRedis("with servers: an error of the store", () => {
  const onRedis = (redis: Anything) => createSojourn({ ...BASE, redis: redis as never }).sessions;

  test("that does not run, that wants a password, that gets a wrong one, that speaks no TLS", async () => {
    const server = await RedisServer.start({ password: "secret-of-redis" });
    onTestFinished(() => server.stop());
    const { port } = server;
    const cases: [Anything, string][] = [
      [{ default: { host: "127.0.0.1", port: 1 } }, "ECONNREFUSED"],
      [{ default: { host: "127.0.0.1", port } }, "NOAUTH. The server requires a password."],
      [
        { default: { host: "127.0.0.1", port, password: "wrong" } },
        "WRONGPASS. Check `username` and `password`",
      ],
      [{ default: `rediss://127.0.0.1:${port}` }, 'Redis connection "default"'],
    ];
    for (const [redis, message] of cases) expectTold(await errorOf(() => onRedis(redis).ping()), message);
  });
});

async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

function signedCookies() {
  const store = cookieSessionStore({ acceptsLostUpdates: true });
  return createSojourn({ ...BASE, sessions: { store } }).sessions;
}

function withSession(use: (session: Session<Anything>) => unknown) {
  return async ({ sessions }: Sojourn<Anything, "default">): Promise<unknown> =>
    use(await sessions.create({ a: 1 }));
}

function login(userId: unknown) {
  return withSession((session) => session.login(userId as never));
}

async function write(session: Session<Anything>, data: Anything): Promise<void> {
  Object.assign(session.data, data);
  await session.save();
}

interface Foreign {
  readonly cookie: { maxAge: number };
  destroy(callback: () => void): void;
  regenerate(callback: () => void): void;
}

function foreign(session: Session<Anything>): Foreign {
  return session as unknown as Foreign;
}

function unawaited(use: (session: Session<Anything>) => unknown) {
  return ({ sessions }: Sojourn<Anything, "default">): RequestHandler[] => [
    expressSessions(sessions),
    (request: Request, response: Response) => {
      use(sessions.from(request) as unknown as Session<Anything>);
      response.send("never");
    },
  ];
}

function eager(use: (session: Session<Anything>) => unknown) {
  return ({ sessions }: Sojourn<Anything, "default">): RequestHandler[] => [
    expressSessions(sessions, { eager: true }),
    (request: Request, response: Response) => {
      use((request as unknown as { session: Session<Anything> }).session);
      response.send("never");
    },
  ];
}
