import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, onTestFinished, vi } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { createLimiter } from "../../../src/cache/limits/index.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { ImproperlyConfigured } from "../../../src/core/errors.ts";
import { cacheSessionStore } from "../../../src/stores/cache/index.ts";
import { memoryCacheStore } from "../../../src/stores/memory/index.ts";
import { tieredCacheStore } from "../../../src/stores/tiered/index.ts";
import { errorOf, serverForTest } from "../../support/redis-connections.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "./support.ts";

/** A cache with memory before Redis, and connections of its own, as in another process. */
function openTiered(server: RedisServer, settings: CacheSettings = {}): Cache {
  return openCache(server, { store: tieredCacheStore(), deadline: "5s", ...settings });
}

/** Waits until a value is read; until then only the one before is. */
async function expectSoon(cache: Cache, key: string, before: unknown, value: unknown): Promise<void> {
  await vi.waitUntil(
    async () => {
      const read = await cache.get(key);
      expect([before, value]).toContain(read);
      return read === value;
    },
    { interval: 1 },
  );
}

describeWithRedis("a cache in memory before Redis", () => {
  const test = redisTest.extend("pair", ({ server }) => (settings: CacheSettings = {}) => {
    const keyPrefix = newPrefix();
    const open = (): Cache => openTiered(server, { keyPrefix, ...settings });
    return { keyPrefix, one: open(), other: open() };
  });

  test("asks Redis once for each key, and for hits never", async ({ server, pair }) => {
    const { one } = pair();
    await one.setMany({ a: "x", b: "y", c: "z" });
    await one.getMany(["c"]);
    const monitor = await server.monitor();
    for (let count = 0; count < 5; count++) {
      expect(await one.get("a")).toBe("x");
      expect(await one.getOrSet("a", () => "not loaded")).toBe("x");
    }
    expect(await monitor.take()).toEqual(["PTTL", "GET"]);
    for (let count = 0; count < 5; count++) {
      expect(await one.getMany(["a", "b", "c", "none"])).toEqual(
        new Map(Object.entries({ a: "x", b: "y", c: "z" })),
      );
    }
    const each = ["PTTL", "PTTL", "MGET", ...Array.from({ length: 4 }, () => ["PTTL", "GET"]).flat()];
    expect(await monitor.take()).toEqual(each);
    expect([await one.has("a"), await one.peek("b")]).toMatchObject([true, { value: "y", source: "tiered" }]);
    expect(await monitor.take()).toEqual(["PTTL"]);
  });

  const changes: [string, (server: RedisServer, key: string) => Promise<unknown>, unknown][] = [
    ["SET", (server, key) => server.command("SET", key, '"new"'), "new"],
    ["DEL", (server, key) => server.command("DEL", key), undefined],
    ["UNLINK", (server, key) => server.command("UNLINK", key), undefined],
    ["PEXPIRE", (server, key) => server.command("PEXPIRE", key, "30"), undefined],
    ["RENAME", (server, key) => server.command("RENAME", key, `${key}-2`), undefined],
    ["a script", (server, key) => server.command("EVAL", 'redis.call("SET", KEYS[1], "[]")', "1", key), []],
    ["FLUSHDB", (server) => server.command("FLUSHDB"), undefined],
  ];

  test.for(changes)("%s by another program is seen", async ([, change, value], { server, pair }) => {
    const { one, keyPrefix } = pair();
    await one.set("k", "old");
    expect(await one.get("k")).toBe("old");
    await change(server, `${keyPrefix}:1:k`);
    await vi.waitFor(async () => expect(await one.get("k")).toEqual(value), { interval: 2 });
  });

  const writes: [string, (cache: Cache) => Promise<unknown>, unknown][] = [
    ["set", (cache) => cache.set("k", "new"), "new"],
    ["delete", (cache) => cache.delete("k"), undefined],
    ["take", (cache) => cache.take("k"), undefined],
    ["touch with 0", (cache) => cache.touch("k", 0), undefined],
    ["clear", (cache) => cache.clear(), undefined],
    ["invalidateTags", (cache) => cache.invalidateTags(["t"]), undefined],
    ["incrVersion", (cache) => cache.incrVersion("k"), undefined],
  ];

  test.for(writes)(
    "%s counts at once in its own process, and soon in the other",
    async ([, write, value], { pair }) => {
      const { one, other } = pair();
      for (let round = 0; round < 10; round++) {
        await one.set("k", "old", { tags: ["t"] });
        await expectSoon(other, "k", value, "old");
        expect(await one.get("k")).toBe("old");
        await write(one);
        expect(await one.get("k")).toBe(value);
        await expectSoon(other, "k", "old", value);
      }
    },
  );

  test("a process reads each of its own writes, whatever it reads meanwhile", async ({ pair }) => {
    const { one } = pair();
    for (let count = 0; count < 300; count++) {
      const reads = [one.get("k"), one.get("k")];
      await one.set("k", [count]);
      expect(await one.get("k")).toEqual([count]);
      await Promise.all(reads);
      expect(await one.get("k")).toEqual([count]);
    }
  });

  test("an entry ends at its time, though Redis has not deleted it", async ({ server, pair }) => {
    const { one } = pair();
    await server.command("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    onTestFinished(async () => void (await server.command("DEBUG", "SET-ACTIVE-EXPIRE", "1")));
    await one.set("k", "short", { timeout: 2 });
    const isOver = pause(2250);
    expect(await one.get("k")).toBe("short");
    await isOver;
    expect(await one.get("k")).toBeUndefined();
  });

  test("the tokens of tags are read once", async ({ server, pair }) => {
    const { one } = pair();
    await one.set("k", "x", { tags: ["s", "t"] });
    expect(await one.get("k", { tags: ["s", "t"] })).toBe("x");
    const monitor = await server.monitor();
    expect([await one.get("k"), await one.get("k", { tags: ["s", "t"] })]).toEqual(["x", "x"]);
    expect(await one.getOrSet("k", () => "not loaded", { tags: ["s", "t"] })).toBe("x");
    expect(await monitor.take()).toEqual([]);
  });

  test("values are copies, or one frozen value", async ({ pair }) => {
    const { one } = pair();
    await one.set("k", { list: [1] });
    const first = await one.get<{ list: number[] }>("k");
    first?.list.push(2);
    expect(await one.get("k")).toEqual({ list: [1] });
    const frozen = pair({ frozen: true }).one;
    await frozen.set("k", { list: [1] });
    const shared = await frozen.get<{ list: number[] }>("k");
    expect(Object.isFrozen(shared?.list)).toBe(true);
    expect(await frozen.get("k")).toBe(shared);
  });

  describe("what has to be exact asks Redis", () => {
    test("counters, of another process too", async ({ server, pair }) => {
      const { one, other } = pair();
      await one.set("n", 0);
      const monitor = await server.monitor();
      for (let count = 0; count < 3; count++) expect(await other.get("n")).toBe(0);
      expect((await monitor.take()).filter((command) => command === "GET")).toHaveLength(3);
      for (let count = 0; count < 50; count++) {
        const [from, to] = count % 2 === 0 ? [one, other] : [other, one];
        const sum = await from.incr("n");
        expect(await to.get("n")).toBe(sum);
      }
    });

    test("the version that all processes share", async ({ pair }) => {
      const { one, other } = pair({ sharedVersion: true });
      for (let count = 0; count < 20; count++) {
        await one.set("k", "old");
        expect(await other.get("k")).toBe("old");
        await one.bumpVersion();
        expect(await other.get("k")).toBeUndefined();
      }
    });

    test.for(["fixed", "sliding"] as const)("a rate limit, %s", async (algorithm, { pair }) => {
      const { one, other } = pair();
      const settings = { algorithm, prefix: "visits:", limit: 10, window: 600 };
      const limiters = [createLimiter(one, settings), createLimiter(other, settings)] as const;
      const tries = Array.from({ length: 40 }, (_, index) =>
        limiters[index % 2 === 0 ? 0 : 1].consume("visitor"),
      );
      const allowed = (await Promise.all(tries)).filter((status) => status.isAllowed);
      expect(allowed).toHaveLength(10);
      await limiters[0].reset("visitor");
      expect(await limiters[1].consume("visitor")).toMatchObject({ isAllowed: true, remaining: 9 });
    });

    test("sessions: after a logout no other process finds one", async ({ server }) => {
      const open = () => {
        const sojourn = createSojourn({
          projectName: "shop",
          secretKey: "a secret of the tests, long enough",
          redis: { default: server.settings },
          sessions: {
            store: cacheSessionStore({ store: tieredCacheStore() }),
            format: "json",
            deadline: "5s",
          },
        });
        onTestFinished(() => sojourn.close());
        return sojourn.sessions;
      };
      const [one, other] = [open(), open()];
      const { cookieHeader: kept } = await one.create({ n: 0 });
      const monitor = await server.monitor();
      for (let count = 0; count < 3; count++) expect((await other.open(kept)).data["n"]).toBe(0);
      expect(await monitor.take()).toEqual(["GET", "GET", "GET"]);
      for (let count = 0; count < 20; count++) {
        const { cookieHeader } = await one.create({ n: count });
        expect((await other.open(cookieHeader)).data["n"]).toBe(count);
        await (await one.open(cookieHeader)).flush();
        expect((await other.open(cookieHeader)).isEmpty).toBe(true);
      }
    });
  });

  test("a server that is away is told, and nothing is given from memory", async () => {
    const server = await serverForTest();
    const cache = openTiered(server);
    await cache.set("k", "x");
    expect(await cache.get("k")).toBe("x");
    await server.kill();
    await vi.waitFor(async () =>
      expect(await errorOf(cache.get("k"))).toMatchObject({ code: "ERR_STORE_CONNECTION" }),
    );
    await server.restart();
    await vi.waitFor(async () => expect(await cache.get("k")).toBeUndefined());
    // The connection for writes may have failed a moment ago.
    await vi.waitFor(() => cache.set("k", "y"));
    expect([await cache.get("k"), await cache.get("k")]).toEqual(["y", "y"]);
  });

  test("works over a unix socket", async () => {
    const server = await serverForTest({ unixSocket: true });
    const [one, other] = [1, 2].map(() => openTiered(server, { keyPrefix: "shop" })) as [Cache, Cache];
    await one.set("k", "old");
    expect(await other.get("k")).toBe("old");
    await one.set("k", "new");
    await expectSoon(other, "k", "old", "new");
  });
});

describeWithRedis("a server or client that cannot report changes", () => {
  const test = redisTest;

  test.for(["-client|tracking", "-pttl"])(
    "with an ACL of %s each read asks Redis, and one warning says so",
    async (rule) => {
      const user = { name: "app", password: "secret-of-app", rules: `~* &* +@all ${rule}` };
      const server = await serverForTest({ user });
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      onTestFinished(() => warn.mockRestore());
      const { caches, close } = createSojourn({
        projectName: "shop",
        secretKey: "a secret of the tests, long enough",
        redis: { default: { ...server.settings, username: user.name, password: user.password } },
        caches: { default: { store: tieredCacheStore(), keyPrefix: "shop" } },
      });
      onTestFinished(close);
      await caches.default.set("k", "x");
      const monitor = await server.monitor();
      for (let count = 0; count < 3; count++) expect(await caches.default.get("k")).toBe("x");
      expect((await monitor.take()).filter((command) => command === "GET").length).toBeGreaterThanOrEqual(3);
      const ours = warn.mock.calls.filter(([, options]) => JSON.stringify(options).includes("UNTRACKED"));
      expect(ours).toHaveLength(1);
      expect(ours[0]?.[0]).toContain("CLIENT TRACKING");
    },
  );

  test("a client that cannot be duplicated, and a store without reports, are refused", ({ server }) => {
    const nothing = (): void => {};
    const client = {
      isOpen: true,
      isReady: true,
      sendCommand: nothing,
      ref: nothing,
      on: nothing,
      off: nothing,
    };
    const openWith = (redis: object, store = tieredCacheStore()) =>
      createSojourn({
        projectName: "shop",
        secretKey: "a secret of the tests, long enough",
        redis: { default: redis },
        caches: { default: { store } },
      });
    for (const open of [
      () => openWith({ client }),
      () => openWith({ url: server.url }, tieredCacheStore({ remote: memoryCacheStore() })),
    ]) {
      expect(open).toThrow(ImproperlyConfigured);
      expect(open).toThrow("tieredCacheStore.remote: expected a store that reports changes");
    }
  });

  test.for([
    [{ maxStale: "100ms" }, "tieredCacheStore.maxStale"],
    [{ memory: { maxEntries: 0 } }, "tieredCacheStore.memory.maxEntries"],
    [{ memory: { maxBytes: 1.5 } }, "tieredCacheStore.memory.maxBytes"],
    [{ remote: {} }, "tieredCacheStore.remote"],
    [{ local: {} }, "tieredCacheStore"],
  ])("options such as %j are refused", ([options, setting], { server }) => {
    const store = tieredCacheStore(options as object);
    expect(() => openCache(server, { store })).toThrow(setting);
  });
});
