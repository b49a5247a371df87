import { describe, expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { ImproperlyConfigured } from "../../../src/core/errors.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisSessionStore, type RedisSessionStoreOptions } from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { expectServiceError, serverForTest, within } from "../../support/redis-connections.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

const later = () => within();

/** Each test has records of its own, and many wait for something to expire. */
const concurrently = { describe, it: test.concurrent };

describeWithRedis("the Redis session store", () => {
  let redis: RedisRegistry;
  let projects = 0;

  test.beforeAll(async ({ redis: opened }) => {
    redis = opened;
  });

  const openStore = (
    options?: RedisSessionStoreOptions,
    projectName = `project${++projects}`,
  ): SessionStore => redisSessionStore(options)({ projectName, redis, clock: systemClock });

  describeSessionStore(concurrently, "redis", { hasWatch: true, open: () => ({ store: openStore() }) });

  describeSessionStore(concurrently, "redis, with a key generator", {
    hasWatch: true,
    open: () => ({ store: openStore({ keyGenerator: (key) => `s:${key}` }) }),
  });

  describe("layout", () => {
    test("is {project}:{prefix}:{key}: a string with a time to live in milliseconds", async ({ server }) => {
      const [store, key] = [openStore({}, "myproject"), newSessionKey()];
      await store.create(key, "a record", 60_000.5, later());
      expect(await server.command("GET", `myproject:session:${key}`)).toBe("a record");
      const ttl = Number(await server.command("PTTL", `myproject:session:${key}`));
      expect(ttl).toBeGreaterThan(30_000);
      expect(ttl).toBeLessThanOrEqual(60_001);
    });

    test("takes the name of the string from keyGenerator, also when it deletes and walks", async ({
      server,
    }) => {
      const [store, key] = [openStore({ keyGenerator: (each) => `s:${each}` }, "generated"), newSessionKey()];
      await store.create(key, "a record", 60_000, later());
      await server.command("SET", `generated:session:${newSessionKey()}`, "foreign");
      expect(await server.command("GET", `generated:session:s:${key}`)).toBe("a record");
      const keys: string[] = [];
      for await (const each of store.scan(later)) keys.push(each);
      expect(keys).toEqual([key]);
      expect(await store.delete(key, later())).toBe(true);
      expect(await server.command("EXISTS", `generated:session:s:${key}`)).toBe(0);
    });

    test("takes the prefix from the options, braces being no hash tag of ours", async ({ server }) => {
      const [store, key] = [openStore({ prefix: "{admin}" }, "myproject"), newSessionKey()];
      await store.create(key, "a record", 60_000, later());
      expect(await server.command("EXISTS", `myproject:{admin}:${key}`)).toBe(1);
    });

    test("has tombstones beside it, {project}:{prefix}-moved:{name}, each method of which is one command", async ({
      server,
    }) => {
      const store = openStore({}, "tombstoned");
      const [at, monitor] = ["tombstoned:session-moved:Name.1", await server.monitor()];
      await store.tombstones?.add("Name.1", "login 1", 60_000, within());
      await store.tombstones?.add("Name.1", "login 2", 60_000, within());
      await store.tombstones?.read("Name.1", within());
      await store.tombstones?.replace("Name.1", "ended", 60_000, within());
      expect((await monitor.take()).map((name) => name.replace(/^EVAL$/, "EVALSHA"))).toEqual([
        "EVALSHA",
        "EVALSHA",
        "GET",
        "SET",
      ]);
      expect(await server.command("GET", at)).toBe("ended");
      expect(Number(await server.command("PTTL", at))).toBeGreaterThan(50_000);
      await store.tombstones?.delete("Name.1", within());
      expect(await server.command("EXISTS", at)).toBe(0);
      monitor.stop();
    });

    test.each(["", "1", "42", "1:sessions"])(
      "refuses the prefix %j, which lies in a cache's namespace",
      (prefix) => {
        expect(() => openStore({ prefix })).toThrow(ImproperlyConfigured);
        expect(() => openStore({ prefix })).toThrow(
          "redisSessionStore.prefix: expected a text that does not begin",
        );
        expect(() => openStore({ prefix: `-${prefix || "1"}` })).toThrow("redisSessionStore.prefix");
        expect(() => openStore({ prefix: `${prefix}a-user` })).toThrow("redisSessionStore.prefix");
        expect(() => openStore({ prefix: `${prefix}a-moved` })).toThrow("redisSessionStore.prefix");
      },
    );

    test("refuses an empty project name", () => {
      expect(() => openStore({}, "")).toThrow("projectName: expected a name, got an empty string.");
    });

    test("refuses unknown options and connections, naming the nearest", () => {
      expect(() => openStore({ prefxi: "a" } as RedisSessionStoreOptions)).toThrow('did you mean "prefix"?');
      expect(() => openStore({ connection: "defualt" })).toThrow(
        'redis.defualt: is not a setting; did you mean "default"',
      );
    });

    test("uses the connection named session if there is one", async ({ server }) => {
      const key = newSessionKey();
      const both = new RedisRegistry({
        default: server.settings,
        session: { ...server.settings, database: 5 },
      });
      const context = { projectName: "choice", redis: both, clock: systemClock };
      await redisSessionStore()(context).create(key, "in session", 60_000, later());
      await redisSessionStore({ connection: "default" })(context).create(key, "in default", 60_000, later());
      expect(await both.get("session").command(["GET", `choice:session:${key}`], within())).toBe(
        "in session",
      );
      expect(await both.get("default").command(["GET", `choice:session:${key}`], within())).toBe(
        "in default",
      );
      await both.close();
    });
  });

  describe("commands", () => {
    test("each method is one command, a script's text being sent once", async ({ server }) => {
      const [store, key, etag] = [openStore(), newSessionKey(), { start: 0, text: "a" }];
      const monitor = await server.monitor();
      const fresh = new RedisRegistry({ default: server.settings });
      const counted = redisSessionStore()({ projectName: "counted", redis: fresh, clock: systemClock });
      for (let round = 0; round < 2; round++) {
        await counted.create(key, "a", 60_000, later());
        await counted.read(key, later());
        await counted.commit(key, "ab", etag, 60_000, later());
        await counted.touch(key, etag, 60_000, later());
        await counted.deleteIfMatch(key, etag, later());
        await counted.delete(key, later());
      }
      const first = ["SET", "GET", "EVAL", "EVAL", "EVAL", "DEL"];
      const second = ["SET", "GET", "EVALSHA", "EVALSHA", "EVALSHA", "DEL"];
      expect(await monitor.take()).toEqual([...first, ...second]);
      monitor.stop();
      await fresh.close();
      await store.close();
    });

    test("an answer to a conflict is the stored record, not a second read", async ({ server }) => {
      const [store, key] = [openStore(), newSessionKey()];
      await store.create(key, "theirs", 60_000, later());
      const monitor = await server.monitor();
      const result = await store.commit(key, "mine", { start: 0, text: "old" }, 60_000, later());
      expect(result).toEqual({ status: "conflict", record: "theirs" });
      expect(await monitor.take()).toHaveLength(1);
      monitor.stop();
    });
  });

  describe("its namespace", () => {
    test("scan sees session keys of this project and prefix only, glob characters being taken as they are", async ({
      server,
    }) => {
      const store = openStore({ prefix: "s*[a-z]?\\" }, "my*project");
      const key = newSessionKey();
      await store.create(key, "record", 60_000, later());
      for (const foreign of [
        `my*project:s*[a-z]?\\:${key}x`,
        `my*project:s*[a-z]?\\:${key.toUpperCase()}`,
        `my*project:s*[a-z]?\\:short`,
        `myXproject:s*[a-z]?\\:${newSessionKey()}`,
        `my*project:sXbY\\:${newSessionKey()}`,
        `other:${newSessionKey()}`,
        newSessionKey(),
      ]) {
        await server.command("SET", foreign, "foreign");
      }
      const found = [];
      for await (const each of store.scan(later)) found.push(each);
      expect(found).toEqual([key]);
    });

    test("scan yields no key twice though Redis does, when its table shrinks during the walk", async () => {
      const own = await serverForTest();
      const registry = new RedisRegistry({ default: own.settings });
      const store = redisSessionStore()({ projectName: "shrinking", redis: registry, clock: systemClock });
      const keys = Array.from({ length: 5000 }, newSessionKey);
      await Promise.all(keys.map((key) => store.create(key, "record", 60_000, later())));
      const found: string[] = [];
      let pages = 0;
      const shrinkBeforeSecondPage = () => {
        if (++pages === 2) shrinkTo(found.slice(-32), keys, registry);
        return later();
      };
      for await (const key of store.scan(shrinkBeforeSecondPage)) found.push(key);
      expect(new Set(found).size).toBe(found.length);
      await registry.close();
    });

    /**
     * Deletes all records but those of the keys that were found last, which lie where Redis goes on, and
     * gives it the time to make its table smaller. Commands that are sent later on this connection wait until
     * then.
     */
    function shrinkTo(kept: readonly string[], all: readonly string[], registry: RedisRegistry): void {
      const redisKeys = all.filter((key) => !kept.includes(key)).map((key) => `shrinking:session:${key}`);
      void registry.get().command(["DEL", ...redisKeys], later());
      void registry.get().command(["WAIT", "1", "500"], later());
    }

    test("data of another type under a session's key is an error that says so, and stays", async ({
      server,
    }) => {
      const [store, key] = [openStore({}, "foreign"), newSessionKey()];
      await server.command("RPUSH", `foreign:session:${key}`, "x");
      const etag = { start: 0, text: "x" };
      const error = await expectServiceError(store.read(key, later()), "not-sent");
      expect(error.message).toBe(
        'Redis connection "default": Redis answered GET with WRONGTYPE. The key holds other data. Check that no other ' +
          "application uses this prefix.",
      );
      await expectServiceError(store.commit(key, "record", etag, 1000, later()), "not-sent");
      await expectServiceError(store.touch(key, etag, 1000, later()), "not-sent");
      await expectServiceError(store.deleteIfMatch(key, etag, later()), "not-sent");
      expect(await store.create(key, "record", 1000, later())).toEqual({ status: "exists" });
      expect(await server.command("LRANGE", `foreign:session:${key}`, "0", "-1")).toEqual(["x"]);
    });
  });
});
