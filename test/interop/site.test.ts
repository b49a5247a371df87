import { afterAll, describe, expect, onTestFinished } from "vitest";
import { type Cache, createSojourn } from "sojourn";
import { djangoRatelimit } from "sojourn/django";
import { redisTest as test } from "../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { describeWithEnvironment, type DjangoName, DJANGOS } from "./support/djangos.ts";
import { DjangoSite, USER } from "./support/django-site.ts";
import { SECRET } from "./support/django-peer.ts";
import { PROJECT, type SessionEngine } from "./support/site-settings.ts";

/** That of the site's page `/limited`. */
const LIMIT = { group: "site.limited", rate: "3/30d" };

const ENGINES: Record<DjangoName, SessionEngine[]> = {
  // engines.test.ts visits this one on every engine.
  lts: ["db"],
  oldest: ["db", "cache"],
  newest: ["db", "cache"],
  codex: ["codex"],
};

for (const name of Object.keys(DJANGOS) as DjangoName[]) {
  await describeWithEnvironment(name, (django) => {
    describeWithRedis("on Redis", () => {
      describe.for(ENGINES[name])("sessions of the engine %s", (engine) => {
        let site: DjangoSite;
        test.beforeAll(
          async ({ server }) =>
            void (site = await DjangoSite.start({ django, engine, redisUrl: server.url })),
        );
        afterAll(() => site?.stop());

        test("a visitor logs in, fills the cart, finds it again and logs out", async () => {
          const visitor = site.visitor();
          expect(await visitor.get("/whoami")).toBeNull();
          expect(visitor.cookieHeader).toBeUndefined();
          await visitor.post("/cart", { product: "tea" });
          expect(await visitor.post("/login", USER)).toEqual({ id: "1", name: "ada" });
          expect(await visitor.get("/whoami")).toEqual({ id: "1", name: "ada" });
          expect(await visitor.post("/cart", { product: "tea", quantity: 2 })).toEqual({ tea: 3 });
          expect(await site.visitor(visitor.cookieHeader).get("/cart")).toEqual({ tea: 3 });
          await visitor.post("/logout");
          expect(visitor.cookie("sessionid")).toBeUndefined();
          expect([await visitor.get("/whoami"), await visitor.get("/cart")]).toEqual([null, {}]);
        });
      });

      // codex-defects.test.ts has the limits of codex-django's cache.
      if (name === "codex") return;
      test("a limit of @ratelimit counts Node's hits, and Node those at the site", async ({ server }) => {
        const site = await DjangoSite.start({ django, redisUrl: server.url });
        onTestFinished(() => site.stop());
        const cache = cacheOn(server);
        const call = async () =>
          (await site.visitor().request("/limited", { headers: { "x-visitor": name } })).status;
        const hit = () => djangoRatelimit(cache, { ...LIMIT, value: name, increment: true });
        expect(await call()).toBe(200);
        expect([await hit(), await hit()]).toMatchObject([{ count: 2 }, { count: 3, shouldLimit: false }]);
        expect(await call()).toBe(403);
        expect(await hit()).toMatchObject({ count: 5, limit: 3, shouldLimit: true });
      });
    });
  });
}

await describeWithEnvironment("lts", (django) => {
  describeWithRedis("the pages of the site", () => {
    let site: DjangoSite;

    test.beforeAll(async ({ server }) => {
      site = await DjangoSite.start({ django, redisUrl: server.url });
    });

    afterAll(async () => {
      await site?.stop();
    });

    const call = (operation: string, args: unknown[], options = {}) =>
      site.visitor().post("/cache", { operation, arguments: args, options });

    test("call the methods of Django's cache, and tell its errors", async ({ server }) => {
      expect(await call("set", ["k", 1, 60])).toBe(true);
      expect([await call("incr", ["k", 4]), await call("get", ["k"])]).toEqual([5, 5]);
      expect(await call("get_or_set", ["other", { a: [1.5, null] }])).toEqual({ a: [1.5, null] });
      expect([await call("touch", ["k", 100]), await call("ttl", ["k"])]).toEqual([true, 100]);
      expect([await call("delete", ["k"]), await call("get", ["k", "gone"])]).toEqual([true, "gone"]);
      expect(await call("incr", ["k"])).toEqual({ error: "ValueError" });
      expect(await call("get", ["other"], { version: 2 })).toBeNull();
      expect(await server.command("GET", "myproject:1:other")).toBe('{"a": [1.5, null]}');
    });

    test("render a part of a page from the cache", async () => {
      const part = { name: "news", vary: "ada" };
      expect(await site.visitor().post("/fragment", { ...part, text: "first" })).toBe("first");
      expect(await site.visitor().post("/fragment", { ...part, text: "second" })).toBe("first");
      expect(await site.visitor().post("/fragment", { ...part, vary: "bob", text: "third" })).toBe("third");
    });

    test("set when a session ends, and pass messages on once", async () => {
      const visitor = site.visitor();
      expect(await visitor.post("/expiry", { seconds: 60 })).toEqual({ age: 60, endsWithBrowser: false });
      expect(await visitor.post("/expiry", { seconds: 0 })).toMatchObject({ endsWithBrowser: true });
      const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
      expect((await visitor.post<{ age: number }>("/expiry", { at: inAnHour })).age).toBeGreaterThan(3500);
      await visitor.post("/messages", { text: "saved", tags: "cart" });
      expect(await visitor.get("/messages")).toEqual([{ level: 20, text: "saved", tags: "cart" }]);
      expect(await visitor.get("/messages")).toEqual([]);
    });

    test("refuse a form without the token", async () => {
      const visitor = site.visitor();
      const token = await visitor.get<string>("/csrf");
      expect(await visitor.post("/protected", {}, { "x-csrftoken": token })).toBe("done");
      expect((await visitor.request("/protected", { method: "POST" })).status).toBe(403);
    });

    test("run at the same time: while one waits, the others are answered", async () => {
      const visitor = site.visitor();
      await visitor.post("/cart", { product: "tea" });
      const slow = visitor.post("/cart", { product: "cake", delay: 1 });
      const others = Array.from({ length: 3 }, () => visitor.post("/session", { seen: true }));
      const first = await Promise.race([slow.then(() => "slow"), Promise.all(others).then(() => "others")]);
      expect([first, await slow]).toEqual(["others", { tea: 1, cake: 1 }]);
    });
  });
});

function cacheOn(server: RedisServer): Cache {
  const { caches, close } = createSojourn({
    projectName: PROJECT,
    secretKey: SECRET,
    redis: { default: { url: server.url, connectTimeout: "20s" } },
    caches: { default: { keyPrefix: PROJECT, deadline: "20s" } },
  });
  onTestFinished(close);
  return caches.default;
}
