import { describe, expect, onTestFinished } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisConnectionError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { type CacheStore, FENCE_AFTERLIFE, MAX_LEASE } from "../../../src/stores/cache-store.ts";
import { redisCacheStore, type RedisCacheStoreOptions } from "../../../src/stores/redis/index.ts";
import { ownKeyOf } from "../../../src/stores/redis/cache/own-keys.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import {
  errorOf,
  expectConnectionError,
  expectServiceError,
  MARGIN,
  serverForTest,
  timeOf,
  within,
} from "../../support/redis-connections.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { concurrently, entries, later, leaseOn, promisedAlone } from "./cache-store-support.ts";

describeWithRedis("the Redis cache store", () => {
  let server: RedisServer;
  let redis: RedisRegistry;

  test.beforeAll(async ({ server: started, redis: opened }) => {
    server = started;
    redis = opened;
  });

  const openStore = (options?: RedisCacheStoreOptions, values: "text" | "bytes" = "text"): CacheStore =>
    redisCacheStore(options)({ redis, clock: systemClock, values });

  describeCacheStore(concurrently, "redis", { open: () => ({ store: openStore() }), hasTracking: true });
  describeCacheStore(concurrently, "redis, read as bytes", {
    open: () => ({ store: openStore({}, "bytes") }),
    values: "bytes",
    hasTracking: true,
  });
  describeCacheStore(promisedAlone, "redis, with the locks of django-redis", {
    open: () => ({ store: openStore({ locks: "django-redis" }) }),
    hasTracking: true,
    skip: [
      {
        reason: "there, a lock is an entry",
        tests: [
          "a lock is not an entry: every method finds nothing under its key, and leaves the lock",
          "an entry is not a lock: the lock can be held while the entry exists, is stored and deleted",
          "neither scan nor clear includes locks",
        ],
      },
    ],
  });

  describe("layout", () => {
    test("is a string under the very key, with a time to live in milliseconds", async () => {
      await openStore().setMany([{ key: "shop:1:k", value: "text", ttl: 60_000.5 }], "always", later());
      expect(await server.command("GET", "shop:1:k")).toBe("text");
      const ttl = Number(await server.command("PTTL", "shop:1:k"));
      expect(ttl).toBeGreaterThan(30_000);
      expect(ttl).toBeLessThanOrEqual(60_001);
    });

    test("has leases beside the entries, under keys that no text makes", async () => {
      const store = openStore();
      const ask = (...args: [string, Buffer]) => redis.get().command(args, within());
      for (const key of ["shop:1:k", "shop:1:{user}k", "shop:1:a}b"]) {
        const lease = leaseOn(key);
        const leaseKey = ownKeyOf(key, "lease");
        await store.deleteMany([key], later());
        await store.lease(lease, 20_000.5, later());
        expect(await ask("GET", leaseKey)).toBe("t 0 9999");
        const ttl = Number(await ask("PTTL", leaseKey));
        expect(ttl).toBeGreaterThan(20_000);
        expect(ttl).toBeLessThanOrEqual(MAX_LEASE);
        await store.fill(lease, { value: "v", ttl: 60_000 }, later());
        expect(await ask("EXISTS", leaseKey)).toBe(0);
      }
    });

    test("has locks beside the entries, under keys that no text makes, and forgets their fence an hour later", async () => {
      const ask = (...args: [string, Buffer | string]) => redis.get().command(args, within());
      for (const [locks, lockKeyOf] of [
        ["own", (key: string) => ownKeyOf(key, "lock")],
        ["django-redis", (key: string) => key],
      ] as const) {
        const store = openStore({ locks });
        for (const name of ["k", "{user}k", "a}b"]) {
          const key = `${locks}:1:${name}`;
          const fence = await store.acquireLock(key, "t", 20_000.5, later());
          expect(await ask("GET", lockKeyOf(key))).toBe("t");
          expect(await ask("GET", ownKeyOf(key, "fence"))).toBe(String(fence));
          const ttls = [await ask("PTTL", lockKeyOf(key)), await ask("PTTL", ownKeyOf(key, "fence"))].map(
            Number,
          );
          expect(ttls[0]).toBeGreaterThan(10_000);
          expect(ttls[0]).toBeLessThanOrEqual(20_001);
          expect(ttls[1]).toBeGreaterThan(FENCE_AFTERLIFE + 10_000);
          expect(ttls[1]).toBeLessThanOrEqual(FENCE_AFTERLIFE + 20_001);
          await store.releaseLock(key, "t", later());
          expect(await ask("EXISTS", lockKeyOf(key))).toBe(0);
        }
      }
    });

    test("gives fencing tokens that grow when the server's clock was ahead, and when the fence is gone", async () => {
      const store = openStore();
      const take = async (): Promise<number> => {
        const fence = await store.acquireLock("shop:1:fenced", "t", 20_000, later());
        await store.releaseLock("shop:1:fenced", "t", later());
        return fence ?? Number.NaN;
      };
      const first = await take();
      const ahead = String(first + 60_000_000);
      await redis.get().command(["SET", ownKeyOf("shop:1:fenced", "fence"), ahead], within());
      expect(await take()).toBe(first + 60_000_001);
      await redis.get().command(["DEL", ownKeyOf("shop:1:fenced", "fence")], within());
      expect(await take()).toBeGreaterThan(first);
    });

    test("uses the connection named cache if there is one", async () => {
      const both = new RedisRegistry({
        default: server.settings,
        cache: { ...server.settings, database: 5 },
      });
      onTestFinished(() => both.close());
      const context = { redis: both, clock: systemClock };
      await redisCacheStore()(context).setMany(
        [{ key: "choice", value: "cache", ttl: 60_000 }],
        "always",
        later(),
      );
      const other = redisCacheStore({ connection: "default" })(context);
      await other.setMany([{ key: "choice", value: "default", ttl: 60_000 }], "always", later());
      expect(await both.get("cache").command(["GET", "choice"], within())).toBe("cache");
      expect(await both.get("default").command(["GET", "choice"], within())).toBe("default");
    });

    test("refuses unknown options and connections, naming the nearest", () => {
      expect(() => openStore({ conection: "a" } as RedisCacheStoreOptions)).toThrow(
        'did you mean "connection"?',
      );
      expect(() => openStore({ connection: "defualt" })).toThrow("redis.defualt: is not a setting");
    });
  });

  describe("commands", () => {
    async function start() {
      const own = new RedisRegistry({ default: server.settings });
      onTestFinished(() => own.close());
      const store = redisCacheStore()({ redis: own, clock: systemClock });
      const monitor = await server.monitor();
      onTestFinished(() => monitor.stop());
      const expectCommands = async (call: Promise<unknown>, commands: string[]): Promise<void> => {
        await call;
        expect(await monitor.take()).toEqual(commands);
      };
      return { store, expectCommands };
    }
    const keys = entries("n", 501).map(({ key }) => key);

    test("to read are one a call for up to 500 keys, and none for no keys", async () => {
      const { store, expectCommands } = await start();
      await expectCommands(store.getMany([], later()), []);
      await expectCommands(store.get("n", later()), ["GET"]);
      await expectCommands(store.getMany(["n"], later()), ["GET"]);
      await expectCommands(store.getMany(keys.slice(0, 500), later()), ["MGET"]);
      await expectCommands(store.getMany([...keys, ...keys], later()), ["MGET", "MGET", "MGET"]);
      await expectCommands(store.ttlMany(["n", "m"], later()), ["PTTL", "PTTL"]);
      await expectCommands(store.ttlMany([], later()), []);
    });

    test("to store are one an entry; one more a call where an entry lives for less than a load may take", async () => {
      const { store, expectCommands } = await start();
      const setMany = (ttls: readonly (number | null)[]) =>
        store.setMany(
          ttls.map((ttl, index) => ({ key: `n${index}`, value: "1", ttl })),
          "always",
          later(),
        );
      await expectCommands(store.setMany([], "always", later()), []);
      await expectCommands(store.setMany(entries("n", 3), "if-absent", later()), ["SET", "SET", "SET"]);
      await expectCommands(setMany([30_000, null]), ["SET", "SET"]);
      await expectCommands(setMany([29_999, null, 1000]), ["UNLINK", "SET", "SET", "SET"]);
      await expectCommands(store.ensureMany(entries("n", 2), later()), ["EVAL", "EVALSHA"]);
      await expectCommands(store.ensureMany([], later()), []);
      await expectCommands(store.touchMany(["n", "m"], 1000, later()), ["PEXPIRE", "PEXPIRE"]);
      await expectCommands(store.touchMany(["n", "m"], null, later()), ["EVAL", "EVALSHA"]);
      await expectCommands(store.touchMany([], null, later()), []);
      await expectCommands(store.incr("n", 1n, later()), ["EVAL"]);
      await expectCommands(store.incr("m", 1n, later(), { begin: { value: "1", ttl: 1000 } }), ["EVALSHA"]);
      await expectCommands(store.compareAndSet("n", "1", undefined, later()), ["EVAL"]);
      await expectCommands(store.compareAndSet("n", "1", { value: "2", ttl: null }, later()), ["EVALSHA"]);
    });

    test("of locks are one each", async () => {
      const { store, expectCommands } = await start();
      await expectCommands(store.acquireLock("n", "t", 1000, later()), ["EVAL"]);
      await expectCommands(store.acquireLock("n", "t", 1000, later()), ["EVALSHA"]);
      await expectCommands(store.extendLock("n", "t", 1000, later()), ["EVAL"]);
      await expectCommands(store.lockHolder("n", later()), ["GET"]);
      await expectCommands(store.releaseLock("n", "t", later()), ["EVALSHA"]);
    });

    test("to delete are two for up to 500 keys: the leases first", async () => {
      const { store, expectCommands } = await start();
      await expectCommands(store.deleteMany([], later()), []);
      await expectCommands(store.deleteMany(["n"], later()), ["UNLINK", "UNLINK"]);
      await expectCommands(store.deleteMany(keys, later()), ["UNLINK", "UNLINK", "UNLINK", "UNLINK"]);
    });

    test("to load are one to lease, one to fill and one to release", async () => {
      const { store, expectCommands } = await start();
      const lease = leaseOn("load");
      await expectCommands(store.lease(lease, 1000, later()), ["EVAL"]);
      await expectCommands(store.lease(lease, 1000, later()), ["EVALSHA"]);
      await expectCommands(store.release(lease, later()), ["EVAL"]);
      await expectCommands(store.fill(lease, { value: "v", ttl: null }, later()), ["EVAL"]);
    });
  });

  describe("data of another type under its keys", () => {
    test("is an error where one key is read or counted, a miss among many, and is overwritten by a write", async () => {
      const store = openStore();
      await server.command("RPUSH", "list", "x");
      await expectServiceError(store.get("list", later()), "not-sent");
      await expectServiceError(store.getMany(["list"], later()), "not-sent");
      await expectServiceError(
        store.ensureMany([{ key: "list", value: "1", ttl: null }], later()),
        "not-sent",
      );
      await expectServiceError(store.compareAndSet("list", "1", undefined, later()), "not-sent");
      await expectServiceError(store.lease(leaseOn("list"), 1000, later()), "not-sent");
      await expectServiceError(store.incr("list", 1n, later()), "not-sent");
      expect(await store.getMany(["list", "none"], later())).toEqual([undefined, undefined]);
      expect(await store.setMany([{ key: "list", value: "1", ttl: null }], "if-absent", later())).toEqual([
        false,
      ]);
      expect(await store.setMany([{ key: "list", value: "1", ttl: null }], "always", later())).toEqual([
        true,
      ]);
      expect(await store.incr("list", 1n, later())).toEqual({ status: "incremented", value: 2n });
    });
  });
});

describeWithRedis("a cache store whose server fails", () => {
  async function start(config: readonly string[] = []) {
    const server = await serverForTest({ config });
    const redis = new RedisRegistry({ default: server.settings });
    onTestFinished(() => redis.close());
    const store = redisCacheStore()({ redis, clock: systemClock });
    await store.ping(later());
    return { server, store };
  }

  test("frozen: every method ends within its deadline, whatever number of keys it has", async () => {
    const { server, store } = await start();
    server.freeze();
    onTestFinished(() => server.thaw());
    const keys = entries("k", 1700).map(({ key }) => key);
    const walk = async (pages: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of pages);
    };
    const lease = leaseOn("k");
    const deadline = within(1000);
    const calls = [
      store.getMany(keys, deadline),
      store.setMany(entries("k", 1700), "always", deadline),
      store.deleteMany(keys, deadline),
      store.get("k", deadline),
      store.ensureMany(entries("k", 1700), deadline),
      store.touchMany(keys, 1000, deadline),
      store.touchMany(keys, null, deadline),
      store.ttlMany(keys, deadline),
      store.compareAndSet("k", "1", undefined, deadline),
      store.lease(lease, 1000, deadline),
      store.fill(lease, { value: "1", ttl: null }, deadline),
      store.release(lease, deadline),
      store.incr("k", 1n, deadline),
      store.ping(deadline),
      walk(store.scan("k", () => deadline)),
      walk(store.clear("k", () => deadline)),
    ];
    const errors = calls.map(errorOf);
    expect(Math.max(...(await Promise.all(calls.map(timeOf))))).toBeLessThan(1000 + MARGIN);
    for (const error of await Promise.all(errors)) expect(error).toBeInstanceOf(RedisConnectionError);
  });

  test("gone: the error says that nothing was sent", async () => {
    const { server, store } = await start();
    await server.kill();
    // The first command may still find the connection that is about to break.
    await errorOf(store.ping(later()));
    await expectConnectionError(store.setMany(entries("k", 3), "always", later()), "not-sent");
    await expectConnectionError(store.deleteMany(["k"], later()), "not-sent");
  });

  test("refusing some of the keys of a call: what was written is not passed off as not sent", async () => {
    // A user who may write the first chunk of keys, but not the second.
    const { server, store } = await start();
    await server.command("ACL", "SETUSER", "default", "resetkeys", "~a*");
    const mixed = [...entries("a", 500), ...entries("b", 1)];
    const error = await expectServiceError(store.setMany(mixed, "always", later()), "unknown");
    expect(error.message).toMatch(/^A part of the call was written, then it failed\. .*NOPERM/);
    expect(await server.command("GET", "a0")).toBe("1");
    await expectServiceError(
      store.setMany([...entries("a", 1), ...entries("b", 1)], "always", later()),
      "unknown",
    );
    await expectServiceError(store.setMany(entries("b", 2), "always", later()), "not-sent");
    const keys = mixed.map(({ key }) => key);
    await expectServiceError(store.deleteMany(keys, later()), "unknown");
    await expectServiceError(store.deleteMany(["b1"], later()), "not-sent");
  });
});
