import { expect, onTestFinished } from "vitest";

import type { CacheLock } from "../../../src/cache/lock/lock.ts";
import type { LockOptions } from "../../../src/cache/lock/lock-options.ts";
import { CacheLockError, StoreConnectionError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { ownKeyOf } from "../../../src/stores/redis/cache/own-keys.ts";
import { whileAlive } from "../../../src/testing/while-alive.ts";
import { errorOf, MARGIN, serverForTest, timeOf, within } from "../../support/redis-connections.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis, freePort, type RedisServer } from "../../support/redis-server.ts";
import { openCacheOn } from "./support.ts";

/** A lock with a connection of its own, as in another process. */
function openLock(server: RedisServer, key: string, options: Partial<LockOptions> = {}): CacheLock {
  const redis = new RedisRegistry({ default: server.settings });
  onTestFinished(() => redis.close());
  return openCacheOn(redis, { keyPrefix: "shop" }).lock(key, { timeout: "20s", ...options });
}

/** Asks for a number that tells of the lock of an entry's key. */
async function askFor(server: RedisServer, command: string, key: string): Promise<number> {
  const redis = new RedisRegistry({ default: server.settings });
  onTestFinished(() => redis.close());
  return Number(await redis.get().command([command, ownKeyOf(key, "lock")], within()));
}

describeWithRedis("a lock on Redis", () => {
  test("is one command to acquire, one to extend and one to release, and its entry has the lock's life", async ({
    server,
  }) => {
    const lock = openLock(server, "commands", { timeout: "1m" });
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await lock.acquire();
    expect(await monitor.take()).toHaveLength(1);
    const ask = (command: string): Promise<number> => askFor(server, command, "shop:1:commands");
    const life = (): Promise<number> => ask("PTTL");
    expect(await life()).toBeGreaterThan(40_000);
    expect(await life()).toBeLessThanOrEqual(60_000);
    await monitor.take();
    await lock.extend("100s");
    expect(await monitor.take()).toHaveLength(1);
    expect(await life()).toBeGreaterThan(80_000);
    await monitor.take();
    await lock.release();
    expect(await monitor.take()).toHaveLength(1);
    expect(await ask("EXISTS")).toBe(0);
  });

  test("of four processes with five callers each, one works at a time, and all come to it", async ({
    server,
  }) => {
    let [running, most, done] = [0, 0, 0];
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await server.command("PING");
      running--;
      done++;
    };
    const locks = Array.from({ length: 4 }, () =>
      Array.from({ length: 5 }, () => openLock(server, "turns", { sleep: "5ms" })),
    ).flat();
    await Promise.all(locks.map((lock) => lock.run(work)));
    expect({ most, done }).toEqual({ most: 1, done: 20 });
  });

  test("and an entry of its name leave each other alone, whatever is done to the entry", async ({
    server,
  }) => {
    const redis = new RedisRegistry({ default: server.settings });
    onTestFinished(() => redis.close());
    const cache = openCacheOn(redis, { keyPrefix: "apart" });
    const lock = cache.lock("report", { timeout: "1m" });
    await lock.acquire();
    expect(await cache.has("report")).toBe(false);
    expect(await cache.getOrSet("report", () => "made")).toBe("made");
    await cache.getOrSet("other", () => undefined);
    expect(await cache.keys("*")).toEqual(["report"]);
    expect(await cache.touch("report", 1)).toBe(true);
    await cache.set("report", 5, { timeout: 10 });
    expect(await cache.incr("report")).toBe(6);
    await cache.invalidateTags(["report"]);
    expect(await cache.incrVersion("report")).toBe(2);
    expect(await cache.deletePattern("*")).toBe(0);
    await cache.delete("report");
    await cache.clear();
    expect(await cache.lock("report", { timeout: "1m", blocking: false }).acquire()).toBe(false);
    expect(await lock.isOwned()).toBe(true);
    await lock.release();
    await lock.run(() => cache.set("report", "made under it"));
    expect(await cache.get("report")).toBe("made under it");
  });

  test("on its server's clock, of 50 holders in turn each has a greater fencing token", async ({
    server,
  }) => {
    const tokens: number[] = [];
    for (let holder = 0; holder < 50; holder++) {
      const lock = openLock(server, "fenced");
      tokens.push(await lock.run((_, fencingToken) => fencingToken));
    }
    expect(tokens).toEqual([...new Set(tokens)].toSorted((one, other) => one - other));
  });

  test("a holder that has crashed keeps it for its life, and no longer", async ({ server }) => {
    await whileAlive(300, async ({ ttl, assertAlive }) => {
      const key = `crash-${ttl}`;
      const crashed = openLock(server, key, { timeout: `${ttl}ms` });
      await crashed.acquire();
      expect(await openLock(server, key, { blocking: false }).acquire()).toBe(false);
      assertAlive();
      expect(await openLock(server, key, { sleep: "10ms" }).acquire()).toBe(true);
      await expect(crashed.release()).rejects.toThrow(CacheLockError);
    });
  });

  test("the signal of run aborts when the lock's life ends, and it is nobody's then", async ({ server }) => {
    const lock = openLock(server, "late", { timeout: "50ms" });
    const running = lock.run(
      (signal) =>
        new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    );
    // By Redis's clock it may still be there for an instant, and then it is given back.
    const error: unknown = await running.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error === undefined || error instanceof CacheLockError).toBe(true);
    expect(await askFor(server, "EXISTS", "shop:1:late")).toBe(0);
  });
});

describeWithRedis("a lock on a Redis that does not answer", () => {
  test("acquire, extend and release end with the deadline, and say what may have happened", async () => {
    const server = await serverForTest();
    const [held, other] = [openLock(server, "frozen"), openLock(server, "other")];
    await held.acquire();
    await other.isLocked();
    server.freeze();
    for (const call of [() => other.acquire(), () => held.extend(), () => held.release()]) {
      const operation = call();
      expect(await timeOf(operation)).toBeLessThan(1000 + MARGIN);
      const error = await errorOf(operation);
      expect(error).toBeInstanceOf(StoreConnectionError);
    }
    server.thaw();
  });

  test('also in a cache with onStoreError: "miss": what is not stored is no lock, and nobody waits for it', async () => {
    const redis = new RedisRegistry({ default: `redis://127.0.0.1:${await freePort()}` });
    onTestFinished(() => redis.close());
    const lock = openCacheOn(redis, { onStoreError: "miss" }).lock("job", {
      timeout: "20s",
      blockingTimeout: "3s",
    });
    expect(await errorOf(lock.acquire())).toBeInstanceOf(StoreConnectionError);
  });
});
