import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { RedisConnectionError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { CacheStore } from "../../../src/stores/cache-store.ts";
import { redisCacheStore, type RedisCacheStoreOptions } from "../../../src/stores/redis/index.ts";
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
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";

const later = () => within();
const entries = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `${prefix}${index}`, value: "1", ttl: 60_000 }));

describeWithRedis("the Redis cache store", () => {
  let server: RedisServer;
  let redis: RedisRegistry;

  beforeAll(async () => {
    server = await RedisServer.start();
    redis = new RedisRegistry({ default: server.settings });
  });

  afterAll(async () => {
    await redis?.close();
    await server?.stop();
  });

  const openStore = (options?: RedisCacheStoreOptions): CacheStore =>
    redisCacheStore(options)({ redis, clock: systemClock });

  describeCacheStore({ describe, it }, "redis", { open: () => ({ store: openStore() }) });

  describe("layout", () => {
    it("is a string under the very key, with a time to live in milliseconds", async () => {
      await openStore().setMany([{ key: "shop:1:k", value: "text", ttl: 5000.5 }], "always", later());
      expect(await server.command("GET", "shop:1:k")).toBe("text");
      const ttl = Number(await server.command("PTTL", "shop:1:k"));
      expect(ttl).toBeGreaterThan(4000);
      expect(ttl).toBeLessThanOrEqual(5001);
    });

    it("uses the connection named cache if there is one", async () => {
      const both = new RedisRegistry({ default: server.settings, cache: { ...server.settings, database: 5 } });
      onTestFinished(() => both.close());
      const context = { redis: both, clock: systemClock };
      await redisCacheStore()(context).setMany([{ key: "choice", value: "cache", ttl: 1000 }], "always", later());
      const other = redisCacheStore({ connection: "default" })(context);
      await other.setMany([{ key: "choice", value: "default", ttl: 1000 }], "always", later());
      expect(await both.get("cache").command(["GET", "choice"], within())).toBe("cache");
      expect(await both.get("default").command(["GET", "choice"], within())).toBe("default");
    });

    it("refuses unknown options and connections, naming the nearest", () => {
      expect(() => openStore({ conection: "a" } as RedisCacheStoreOptions)).toThrow('did you mean "connection"?');
      expect(() => openStore({ connection: "defualt" })).toThrow("redis.defualt: is not a setting");
    });
  });

  describe("commands", () => {
    it("are one a call for up to 500 keys, one an entry to store, and none for no keys", async () => {
      const own = new RedisRegistry({ default: server.settings });
      onTestFinished(() => own.close());
      const store = redisCacheStore()({ redis: own, clock: systemClock });
      const monitor = await server.monitor();
      onTestFinished(() => monitor.stop());
      const expectCommands = async (call: Promise<unknown>, commands: string[]): Promise<void> => {
        await call;
        expect(await monitor.take()).toEqual(commands);
      };
      const keys = entries("n", 501).map(({ key }) => key);
      await expectCommands(store.getMany([], later()), []);
      await expectCommands(store.setMany([], "always", later()), []);
      await expectCommands(store.deleteMany([], later()), []);
      await expectCommands(store.setMany(entries("n", 3), "if-absent", later()), ["SET", "SET", "SET"]);
      await expectCommands(store.getMany(keys.slice(0, 1), later()), ["GET"]);
      await expectCommands(store.getMany(keys.slice(0, 500), later()), ["MGET"]);
      await expectCommands(store.getMany([...keys, ...keys], later()), ["MGET", "MGET", "MGET"]);
      await expectCommands(store.deleteMany(keys, later()), ["UNLINK", "UNLINK"]);
      await expectCommands(store.touch("n", 1000, later()), ["PEXPIRE"]);
      await expectCommands(store.touch("n", null, later()), ["EVAL"]);
      await expectCommands(store.touch("n", null, later()), ["EVALSHA"]);
      await expectCommands(store.ttl("n", later()), ["PTTL"]);
      await expectCommands(store.incr("n", 1n, later()), ["EVAL"]);
      await expectCommands(store.incr("n", 1n, later()), ["EVALSHA"]);
    });
  });

  describe("data of another type under its keys", () => {
    it("is an error where one key is read or counted, a miss among many, and is overwritten by a write", async () => {
      const store = openStore();
      await server.command("RPUSH", "list", "x");
      await expectServiceError(store.getMany(["list"], later()), "not-sent");
      await expectServiceError(store.incr("list", 1n, later()), "not-sent");
      expect(await store.getMany(["list", "none"], later())).toEqual([undefined, undefined]);
      expect(await store.setMany([{ key: "list", value: "1", ttl: null }], "if-absent", later())).toEqual([false]);
      expect(await store.setMany([{ key: "list", value: "1", ttl: null }], "always", later())).toEqual([true]);
      expect(await store.incr("list", 1n, later())).toEqual({ status: "incremented", value: 2n });
    });
  });
});

describeWithRedis("the Redis cache store on a cluster of three masters", () => {
  let cluster: RedisCluster;
  let redis: RedisRegistry;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    redis = new RedisRegistry({ default: { cluster: cluster.urls } });
  });

  afterAll(async () => {
    await redis?.close();
    await cluster?.stop();
  });

  describeCacheStore({ describe, it }, "redis cluster", {
    open: () => ({ store: redisCacheStore()({ redis, clock: systemClock }) }),
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

  it("frozen: every method ends within its deadline, whatever number of keys it has", async () => {
    const { server, store } = await start();
    server.freeze();
    onTestFinished(() => server.thaw());
    const keys = entries("k", 1700).map(({ key }) => key);
    const walk = async (pages: AsyncIterable<unknown>): Promise<void> => {
      for await (const _ of pages);
    };
    const deadline = within(1000);
    const calls = [
      store.getMany(keys, deadline),
      store.setMany(entries("k", 1700), "always", deadline),
      store.deleteMany(keys, deadline),
      store.touch("k", 1000, deadline),
      store.touch("k", null, deadline),
      store.ttl("k", deadline),
      store.incr("k", 1n, deadline),
      store.ping(deadline),
      walk(store.scan("k", () => deadline)),
      walk(store.clear("k", () => deadline)),
    ];
    const errors = calls.map(errorOf);
    expect(Math.max(...(await Promise.all(calls.map(timeOf))))).toBeLessThan(1000 + MARGIN);
    for (const error of await Promise.all(errors)) expect(error).toBeInstanceOf(RedisConnectionError);
  });

  it("gone: the error says that nothing was sent", async () => {
    const { server, store } = await start();
    await server.kill();
    // The first command may still find the connection that is about to break.
    await errorOf(store.ping(later()));
    await expectConnectionError(store.setMany(entries("k", 3), "always", later()), "not-sent");
    await expectConnectionError(store.deleteMany(["k"], later()), "not-sent");
  });

  it("refusing some of the keys of a call: what was written is not passed off as not sent", async () => {
    // A user who may write the first chunk of keys, but not the second.
    const { server, store } = await start();
    await server.command("ACL", "SETUSER", "default", "resetkeys", "~a*");
    const mixed = [...entries("a", 500), ...entries("b", 1)];
    const error = await expectServiceError(store.setMany(mixed, "always", later()), "unknown");
    expect(error.message).toMatch(/^Some of the keys were written, then it failed\. .*NOPERM/);
    expect(await server.command("GET", "a0")).toBe("1");
    await expectServiceError(store.setMany([...entries("a", 1), ...entries("b", 1)], "always", later()), "unknown");
    await expectServiceError(store.setMany(entries("b", 2), "always", later()), "not-sent");
    const keys = mixed.map(({ key }) => key);
    await expectServiceError(store.deleteMany(keys, later()), "unknown");
    await expectServiceError(store.deleteMany(["b1"], later()), "not-sent");
  });
});
