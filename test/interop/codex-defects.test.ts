import { afterAll, expect } from "vitest";
import { Browser } from "../support/session-harness.ts";
import {
  createSojourn,
  RedisConnectionError,
  RedisServiceError,
  SessionInterrupted,
  type Sojourn,
} from "sojourn";
import { errorOf } from "../support/redis-connections.ts";
import { redisTest as test } from "../support/fixtures/redis.ts";
import { describeWithRedis, freePort, type RedisServer } from "../support/redis-server.ts";
import { DjangoSite, USER } from "./support/django-site.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { PROJECT } from "./support/site-settings.ts";

type Data = Record<string, unknown>;

/**
 * As codex-django's guide sets them: sessions and cache of one project in one database, the same name in
 * front.
 */
function openProject(
  url: string,
  deadline: `${number}s` = "20s",
): Sojourn<Data, "default" | "starred" | "pages"> {
  return createSojourn({
    projectName: PROJECT,
    secretKey: "a secret of the tests, long enough",
    redis: { default: { url, connectTimeout: deadline } },
    sessions: { deadline },
    caches: {
      default: { keyPrefix: PROJECT, deadline },
      starred: { keyPrefix: "a*", deadline },
      pages: { keyPrefix: "pages", sharedVersion: true, deadline },
    },
  });
}

const connectionsAt = async (server: RedisServer) =>
  Number(/total_connections_received:(\d+)/.exec(String(await server.command("INFO", "stats")))?.[1]);

const isThere = async (server: RedisServer, key: string) => (await server.command("EXISTS", key)) === 1;

describeWithRedis("what goes wrong in codex-django does not go wrong here", () => {
  let sojourn: ReturnType<typeof openProject>;
  let other: ReturnType<typeof openProject>;
  const keyOf = (cookieValue: string | undefined) => `${PROJECT}:session:${cookieValue}`;

  test.beforeAll(async ({ server }) => {
    sojourn = openProject(server.url);
    other = openProject(server.url);
  });

  afterAll(async () => {
    await sojourn?.close();
    await other?.close();
  });

  test("1, incr and decr fail: here they count, by any step, exactly, and keep the time to live", async () => {
    const cache = sojourn.caches.default;
    await cache.set("hits", 1, { timeout: 50 });
    expect([await cache.incr("hits"), await cache.incr("hits", 10), await cache.decr("hits", 5)]).toEqual([
      2, 12, 7,
    ]);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 ? cache : other.caches.default).incr("hits")),
    );
    expect(await cache.get("hits")).toBe(107);
    expect(await cache.ttl("hits")).toBeLessThanOrEqual(50);
  });

  test("2, clear() logs everyone out: here it deletes entries alone, with the same name before sessions and cache", async ({
    server,
  }) => {
    const session = await sojourn.sessions.create({ cart: { tea: 1 } });
    await session.login(42);
    await server.command("SET", `${PROJECT}:jobs:1`, "another manager's");
    await sojourn.caches.default.setMany({ one: 1, two: 2 });
    await sojourn.caches.default.clear();
    expect(await sojourn.caches.default.getMany(["one", "two"])).toEqual(new Map());
    const again = await sojourn.sessions.open(session.cookieHeader);
    expect([again.userId, again.data["cart"]]).toEqual(["42", { tea: 1 }]);
    expect(await isThere(server, `${PROJECT}:jobs:1`)).toBe(true);
  });

  test("3, a prefix is taken for a pattern: here clear() of `a*` leaves what begins with `abc`", async ({
    server,
  }) => {
    await server.command("SET", "abc:1:x", "another application's");
    await sojourn.caches.starred.set("x", 1);
    expect(await sojourn.caches.starred.clear()).toBe(1);
    expect([await isThere(server, "abc:1:x"), await isThere(server, "a*:1:x")]).toEqual([true, false]);
  });

  test("4, a save brings a session back that was logged out: here it never does, in whatever order they arrive", async ({
    server,
  }) => {
    for (let round = 0; round < 50; round++) {
      const { cookieHeader, cookieValue } = await sojourn.sessions.create({ round });
      const leaving = await sojourn.sessions.open(cookieHeader);
      const staying = await other.sessions.open(cookieHeader);
      staying.data["late"] = true;
      const acts = [() => leaving.logout(), () => staying.save()];
      if (round % 2 === 1) acts.reverse();
      const outcomes = await Promise.allSettled(acts.map((act) => act()));
      const errors = outcomes.flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason as unknown] : [],
      );
      expect(errors.filter((error) => !(error instanceof SessionInterrupted))).toEqual([]);
      expect(await isThere(server, keyOf(cookieValue))).toBe(false);
    }
  });

  test("5, a cookie whose session was evicted is answered with 400 for ever: here the visitor gets a new session", async ({
    server,
  }) => {
    const { cookieHeader, cookieValue } = await sojourn.sessions.create({ cart: { tea: 1 } });
    await server.command("DEL", keyOf(cookieValue));
    const browser = new Browser(sojourn.sessions, cookieHeader);
    await browser.request((session) => {
      expect(session.data).toEqual({});
      session.data["cart"] = { cake: 1 };
    });
    expect(browser.cookie).not.toBe(cookieHeader);
    expect((await sojourn.sessions.open(browser.cookie)).data).toEqual({ cart: { cake: 1 } });
    expect(await isThere(server, keyOf(cookieValue))).toBe(false);
  });

  test("6, an expiry in the past is an error of Redis: here the session or the entry is over at once", async ({
    server,
  }) => {
    const session = await sojourn.sessions.create({ cart: { tea: 1 } });
    const { cookieHeader, cookieValue } = session;
    session.setExpiry(-1);
    await session.save();
    expect((await sojourn.sessions.open(cookieHeader)).data).toEqual({});
    expect(await isThere(server, keyOf(cookieValue))).toBe(false);
    for (const timeout of [0, -1]) {
      await sojourn.caches.default.set("brief", 1);
      await sojourn.caches.default.set("brief", 2, { timeout });
      expect(await sojourn.caches.default.has("brief")).toBe(false);
    }
  });

  test("7, some operations fail with errors of the driver: here each fails with one of ours", async ({
    server,
  }) => {
    const unreachable = openProject(`redis://127.0.0.1:${await freePort()}`, "1s");
    const cache = unreachable.caches.default;
    const operations = {
      get: () => cache.get("k"),
      add: () => cache.add("k", 1),
      touch: () => cache.touch("k", null),
      clear: () => cache.clear(),
      "a new session": () => unreachable.sessions.create({ a: 1 }),
    };
    for (const [name, operation] of Object.entries(operations)) {
      expect(await errorOf(operation()), name).toBeInstanceOf(RedisConnectionError);
    }
    await unreachable.close();
    await server.command("RPUSH", `${PROJECT}:1:list`, "no string");
    expect(await errorOf(sojourn.caches.default.get("list"))).toBeInstanceOf(RedisServiceError);
    expect(await errorOf(sojourn.caches.default.incr("list"))).toBeInstanceOf(RedisServiceError);
  });

  test("8, each operation opens a connection: here thousands share one, those of sessions and cache together", async ({
    server,
  }) => {
    const before = await connectionsAt(server);
    const fresh = openProject(server.url);
    const cache = fresh.caches.default;
    await Promise.all(Array.from({ length: 1000 }, (_, index) => cache.set(`k${index}`, index)));
    for (let index = 0; index < 1000; index++) expect(await cache.get(`k${index}`)).toBe(index);
    await Promise.all(Array.from({ length: 500 }, (_, n) => fresh.sessions.create({ n })));
    expect((await connectionsAt(server)) - before).toBe(1);
    await fresh.close();
  });

  test("9, entries written during clear() may survive it: here bumpVersion() forgets in one step all that was there", async () => {
    const { pages } = sojourn.caches;
    const written: string[] = [];
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        const key = `k${written.length}`;
        await other.caches.pages.set(key, 1);
        written.push(key);
      }
    })();
    while (written.length < 200) await pages.get("k0");
    const before = [...written];
    await pages.bumpVersion();
    const left = await other.caches.pages.getMany(before);
    isOver = true;
    await writing;
    expect(left).toEqual(new Map());
    expect(await other.caches.pages.getMany(written)).toEqual(await pages.getMany(written));
  });
});

// 4 and 9 are not shown: there another client has to come between two commands of one call.
await describeWithEnvironment("codex", (django) => {
  describeWithRedis("as it is installed, in these points", () => {
    let site: DjangoSite;
    const call = (operation: string, args: unknown[] = [], cache = "default") =>
      site.visitor().post("/cache", { operation, arguments: args, cache });

    test.beforeAll(async ({ server }) => {
      site = await DjangoSite.start({
        django,
        engine: "codex",
        redisUrl: server.url,
        settings: { CACHES: caches(server) },
      });
    });

    afterAll(async () => {
      await site?.stop();
    });

    test("1: incr of an entry that is there is a TypeError, so that the second request under @ratelimit is a 500", async () => {
      const visit = async () =>
        (await site.visitor().request("/limited", { headers: { "x-visitor": "ada" } })).status;
      expect([await visit(), await visit()]).toEqual([200, 500]);
      await call("set", ["hits", 1]);
      expect(await call("incr", ["hits"])).toEqual({ error: "TypeError" });
    });

    test("2: clear() logs everyone out", async () => {
      const visitor = site.visitor();
      await visitor.post("/login", USER);
      await call("clear");
      expect(await visitor.get("/whoami")).toBeNull();
    });

    test("3: clear() of the prefix `a*` deletes what begins with `abc`", async ({ server }) => {
      await server.command("SET", "abc:1:x", "another application's");
      await call("clear", [], "starred");
      expect(await isThere(server, "abc:1:x")).toBe(false);
    });

    test("5: a cookie whose session was evicted is answered with 400, again and again", async ({
      server,
    }) => {
      const visitor = site.visitor();
      await visitor.post("/cart", { product: "tea" });
      await server.command("DEL", `${PROJECT}:session:${visitor.cookie("sessionid")}`);
      const body = JSON.stringify({ product: "cake" });
      const statuses = [];
      for (let time = 1; time <= 3; time++) {
        statuses.push((await visitor.request("/cart", { method: "POST", body })).status);
      }
      expect(statuses).toEqual([400, 400, 400]);
    });

    test("6: an expiry in the past is an error of Redis for a visitor without a session", async () => {
      const body = JSON.stringify({ seconds: -1 });
      expect((await site.visitor().request("/expiry", { method: "POST", body })).status).toBe(500);
      expect(site.errors).toContain("invalid expire time in 'set' command");
    });

    test("7: what fails is the driver's error for add, and codex-platform's for get", async () => {
      expect(await call("get", ["k"], "unreachable")).toEqual({ error: "RedisConnectionError" });
      expect(await call("add", ["k", 1], "unreachable")).toEqual({ error: "ConnectionError" });
    });

    test("8: each operation opens a connection", async ({ server }) => {
      const before = await connectionsAt(server);
      for (let time = 1; time <= 20; time++) await call("get", ["k"]);
      expect((await connectionsAt(server)) - before).toBe(20);
    });
  });
});

/** Nobody listens on port 1. */
function caches(server: RedisServer): Record<string, object> {
  const BACKEND = "codex_django.cache.backends.redis.RedisCache";
  return {
    default: { BACKEND, LOCATION: server.url, KEY_PREFIX: PROJECT },
    starred: { BACKEND, LOCATION: server.url, KEY_PREFIX: "a*" },
    unreachable: { BACKEND, LOCATION: "redis://127.0.0.1:1/0", KEY_PREFIX: PROJECT },
  };
}
