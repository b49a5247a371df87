import fc from "fast-check";
import { afterAll, expect, onTestFinished } from "vitest";
import { createSojourn, type Sojourn } from "sojourn";
import {
  djangoRatelimit,
  djangoRatelimitKey,
  type DjangoRatelimitOptions,
  type DjangoRatelimitUsage,
  djangoSettings,
} from "sojourn/django";
import { redisCacheStore } from "sojourn/stores/redis";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { errorOf } from "../support/redis-connections.ts";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { DjangoSite } from "./support/django-site.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { PROJECT } from "./support/site-settings.ts";

const MONTH = 30 * 86_400;

/** So long that no window ends while a test runs. */
const COUNTER = { value: "Žofie@example.org", rate: "5/30d" };

/** The limit of the site's view `/limited`. */
const VIEW = { group: "site.limited", rate: "3/30d" };

/** Result of `get_usage`. */
interface TheirUsage {
  readonly count: number;
  readonly limit: number;
  readonly should_limit: boolean;
  readonly time_left: number;
}

await describeWithEnvironment("lts", ({ python, ...django }) => {
  describeWithRedis("rate limits and locks on one Redis", () => {
    const test = redisTest
      .extend(
        "timeToLive",
        ({ server }) =>
          async (key: string) =>
            Number(await server.command("TTL", `${PROJECT}:1:${key}`)),
      )
      .extend("python3", ({ server }) => async <Result>(operation: string, args: object): Promise<Result> => {
        const script = inProject("test", "interop", "peer", "limits.py");
        const { status, output } = await run(python, [
          "-B",
          script,
          server.url,
          operation,
          JSON.stringify(args),
        ]);
        if (status !== 0) throw new Error(output);
        return JSON.parse(output) as Result;
      });

    let site: DjangoSite;
    let sojourn: Sojourn<object, "shared">;

    test.beforeAll(async ({ server }) => {
      site = await DjangoSite.start({ django: { python, ...django }, redisUrl: server.url });
      sojourn = createSojourn({
        projectName: PROJECT,
        secretKey: "a secret of the tests, long enough",
        redis: { default: { url: server.url, connectTimeout: "20s" } },
        caches: {
          default: { keyPrefix: PROJECT, deadline: "20s" },
          shared: {
            keyPrefix: PROJECT,
            deadline: "20s",
            store: redisCacheStore({ locks: "django-redis" }),
          },
        },
      });
    });

    afterAll(async () => {
      await sojourn?.close();
      await site?.stop();
    });

    const nodeHit = (group: string, options: Partial<DjangoRatelimitOptions> = {}) =>
      djangoRatelimit(sojourn.caches.default, { ...COUNTER, group, increment: true, ...options });

    const djangoHit = (group: string, options: object = {}) =>
      site.visitor().post<TheirUsage>("/usage", { ...COUNTER, group, increment: true, ...options });

    const ourView = ({ count, limit, should_limit }: TheirUsage): Omit<DjangoRatelimitUsage, "timeLeft"> => ({
      count,
      limit,
      shouldLimit: should_limit,
    });

    const callLimitedView = async (visitor: string) => {
      const response = await site.visitor().request("/limited", { headers: { "x-visitor": visitor } });
      return response.status;
    };

    test("each counts on from the other, and the limit is reached at the same hit, in the same window", async () => {
      expect(ourView(await djangoHit("turns"))).toEqual({ count: 1, limit: 5, shouldLimit: false });
      expect(await nodeHit("turns")).toMatchObject({ count: 2, shouldLimit: false });
      expect(ourView(await djangoHit("turns"))).toMatchObject({ count: 3 });
      expect(await nodeHit("turns")).toMatchObject({ count: 4 });
      const [theirs, ours] = [await djangoHit("turns"), await nodeHit("turns", { increment: false })];
      expect(ourView(theirs)).toEqual({ count: 5, limit: 5, shouldLimit: false });
      expect(ours).toMatchObject({ count: 5, limit: 5, shouldLimit: false });
      expect(Math.abs(theirs.time_left - (ours?.timeLeft ?? NaN))).toBeLessThanOrEqual(60);
      expect(await nodeHit("turns")).toMatchObject({ count: 6, limit: 5, shouldLimit: true });
      expect(ourView(await djangoHit("turns"))).toEqual({ count: 7, limit: 5, shouldLimit: true });
    });

    test("looking counts nothing, on either side, and each sees the other's limit reached", async () => {
      const isLimited = (group: string) => site.visitor().post("/is-ratelimited", { ...COUNTER, group });
      for (let hit = 1; hit <= 6; hit++) await nodeHit("at-node");
      expect([await isLimited("at-node"), await isLimited("at-node")]).toEqual([true, true]);
      expect(await nodeHit("at-node", { increment: false })).toMatchObject({ count: 6, shouldLimit: true });
      for (let hit = 1; hit <= 6; hit++) await djangoHit("at-django");
      expect(await nodeHit("at-django", { increment: false })).toMatchObject({ count: 6, shouldLimit: true });
      expect(await isLimited("nobody")).toBe(false);
    });

    test("the time to live is that of the first hit, at either side: the period and 5 seconds", async ({
      timeToLive,
      server,
    }) => {
      await nodeHit("begun-by-node");
      await djangoHit("begun-by-django");
      for (const group of ["begun-by-node", "begun-by-django"]) {
        const key = djangoRatelimitKey({ ...COUNTER, group, at: Date.now() });
        expect(await timeToLive(key)).toBeGreaterThan(MONTH - 60);
        expect(await timeToLive(key)).toBeLessThanOrEqual(MONTH + 5);
        await server.command("EXPIRE", `${PROJECT}:1:${key}`, "1000");
        expect(await djangoHit(group)).toMatchObject({ count: 2 });
        expect(await nodeHit(group)).toMatchObject({ count: 3 });
        expect(await timeToLive(key)).toBeLessThanOrEqual(1000);
      }
    });

    test("methods are counted together or apart as django-ratelimit has them", async () => {
      await nodeHit("methods", { methods: ["get", "POST"] });
      expect(await djangoHit("methods", { method: ["POST", "GET"] })).toMatchObject({ count: 2 });
      expect(await djangoHit("methods", { method: "POST" })).toMatchObject({ count: 1 });
      expect(await nodeHit("methods", { methods: ["POST"] })).toMatchObject({ count: 2 });
      expect(await djangoHit("methods")).toMatchObject({ count: 1 });
    });

    test("while both sides count at the same time, every hit sees another count", async () => {
      const hits = Array.from({ length: 100 }, (_, index) => {
        return index % 2 === 0 ? djangoHit("parallel") : nodeHit("parallel");
      });
      const counts = (await Promise.all(hits)).map((usage) => usage?.count);
      expect(counts.toSorted((one, other) => Number(one) - Number(other))).toEqual(
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    });

    test("a view with @ratelimit refuses what Node's hits have used up, until Node deletes the counter", async () => {
      const visitor = "203.0.113.7";
      expect([await callLimitedView(visitor), await callLimitedView(visitor)]).toEqual([200, 200]);
      const node = () =>
        djangoRatelimit(sojourn.caches.default, { ...VIEW, value: visitor, increment: true });
      expect(await node()).toMatchObject({ count: 3, shouldLimit: false });
      expect([await callLimitedView(visitor), await callLimitedView("203.0.113.8")]).toEqual([403, 200]);
      expect(await node()).toMatchObject({ count: 5, shouldLimit: true });
      const key = djangoRatelimitKey({ ...VIEW, value: visitor, at: Date.now() });
      expect(await sojourn.caches.default.delete(key)).toBe(true);
      expect(await callLimitedView(visitor)).toBe(200);
      expect(await node()).toMatchObject({ count: 2, shouldLimit: false });
    });

    test("a counter that Django deletes is begun again by Node", async () => {
      for (let hit = 1; hit <= 6; hit++) await nodeHit("unblocked");
      const key = djangoRatelimitKey({ ...COUNTER, group: "unblocked", at: Date.now() });
      const call = { operation: "delete", arguments: [key] };
      expect(await site.visitor().post("/cache", call)).toBe(true);
      expect(await nodeHit("unblocked")).toMatchObject({ count: 1, shouldLimit: false });
    });

    test("keys are those of django-ratelimit, for any prefix, group, rate, value and methods, at any moment", async ({
      python3,
    }) => {
      const counters = fc.sample(arbitraryCounter, 500);
      const ours = counters.map(({ now, ...counter }) => djangoRatelimitKey({ ...counter, at: now * 1000 }));
      expect(ours).toEqual(await python3("keys", { counters }));
    });

    test("a lock of redis-py keeps Node out, also from releasing it, until it is given back", async ({
      python3,
    }) => {
      const theirs = { name: `${PROJECT}:1:job`, token: "theirs" };
      expect(await python3("acquire", { ...theirs, timeout: 60 })).toBe(true);
      const lock = sojourn.caches.shared.lock("job", { timeout: 60, blockingTimeout: "50ms" });
      expect([await lock.acquire(), await lock.isLocked()]).toEqual([false, true]);
      expect(await python3("extend", { ...theirs, seconds: 100 })).toBe("done");
      expect(await python3("release", theirs)).toBe("done");
      expect(await lock.acquire()).toBe(true);
      await lock.release();
    });

    test("a lock of Node keeps redis-py out, also from releasing it, until it is given back", async ({
      python3,
    }) => {
      const theirs = { name: `${PROJECT}:1:task`, token: "theirs", timeout: 60 };
      const lock = sojourn.caches.shared.lock("task", { timeout: 60 });
      await lock.acquire();
      expect(await python3("acquire", theirs)).toBe(false);
      expect(await python3("release", { name: theirs.name, token: theirs.token })).toBe("LockNotOwnedError");
      await lock.extend(60);
      expect(await lock.isOwned()).toBe(true);
      const waiting = python3("acquire", { ...theirs, blocking_timeout: 60 });
      await lock.release();
      expect(await waiting).toBe(true);
      expect(await errorOf(lock.release())).toMatchObject({ problem: "not-held" });
    });

    test("cache.lock() of both sides excludes the other, with the settings of a site whose cache is django-redis", async ({
      server,
      python3,
    }) => {
      const backend = {
        BACKEND: "django_redis.cache.RedisCache",
        LOCATION: server.url,
        KEY_PREFIX: PROJECT,
        OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer" },
      };
      const { settings } = djangoSettings({
        SECRET_KEY: "a secret of the tests, long enough",
        SESSION_ENGINE: "django.contrib.sessions.backends.signed_cookies",
        CACHES: { default: backend },
      });
      const { caches, close } = createSojourn(settings);
      onTestFinished(close);
      const lock = caches.default.lock("nightly", { timeout: 60, blocking: false });
      const theirs = { prefix: PROJECT, key: "nightly" };
      expect(await lock.acquire()).toBe(true);
      expect(await python3("acquire_by_django", theirs)).toBe(false);
      await lock.release();
      expect(await python3("acquire_by_django", theirs)).toBe(true);
      expect([await lock.acquire(), await lock.isLocked()]).toEqual([false, true]);
    });

    test("fencing tokens grow over holders of both sides", async ({ python3 }) => {
      const theirs = { name: `${PROJECT}:1:fenced`, token: "theirs" };
      const lock = sojourn.caches.shared.lock("fenced", { timeout: 60 });
      await lock.acquire();
      const first = lock.fencingToken ?? Number.NaN;
      await lock.release();
      expect(await python3("acquire", { ...theirs, timeout: 60 })).toBe(true);
      expect(await python3("release", theirs)).toBe("done");
      expect(await lock.run((_, fencingToken) => fencingToken)).toBeGreaterThan(first);
    });

    test("where a site has no locks to share, an entry of a lock's name is left alone, and leaves the lock alone", async () => {
      const { default: cache } = sojourn.caches;
      await cache.set("apart", "value");
      await cache.lock("apart", { timeout: 60 }).run(async () => {
        expect(await site.visitor().post("/cache", { operation: "get", arguments: ["apart"] })).toBe("value");
        expect(await site.visitor().post("/cache", { operation: "delete", arguments: ["apart"] })).toBe(true);
        expect(await cache.lock("apart", { timeout: 60, blocking: false }).acquire()).toBe(false);
      });
    });
  });
});

/** The arguments of `djangoRatelimitKey`, but for its moment: seconds since 1970. */
const arbitraryCounter = fc.record({
  prefix: fc.constantFrom("rl:", "limit:", ""),
  group: fc.string({ unit: "grapheme", minLength: 1 }),
  rate: fc
    .tuple(fc.nat(1000), fc.integer({ min: 1, max: 100 }), fc.constantFrom("s", "m", "h", "d"))
    .map(([limit, count, unit]) => `${limit}/${count}${unit}`),
  value: fc.string({ unit: "grapheme" }),
  methods: fc.subarray(["GET", "post", "Put", "PATCH", "delete"], { minLength: 1 }),
  now: fc.integer({ min: 1_500_000_000, max: 2_500_000_000 }),
});
