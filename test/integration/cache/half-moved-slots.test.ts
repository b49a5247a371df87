import { createCluster } from "@redis/client";
import { describe, expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { slotOf } from "../../../src/redis/key-slot.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { openCacheOn } from "./support.ts";

const PREFIX = "{shop}";
const KEYS = Array.from({ length: 20 }, (_, index) => `key${index}`);

async function givenClient(cluster: RedisCluster): Promise<RedisConnectionSettings> {
  const client = createCluster({
    rootNodes: cluster.urls.map((url) => ({ url })),
    defaults: { disableOfflineQueue: true },
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return { client };
}

const KINDS = [
  ["with a connection of its own", (cluster: RedisCluster) => Promise.resolve({ cluster: cluster.urls })],
  ["with a client of the application", givenClient],
] as const;

interface HalfMoved {
  readonly cache: Cache;
  readonly other: Cache;
  /** Ends the move. */
  readonly arrive: () => Promise<void>;
}

/**
 * Two caches whose keys all lie in one slot, half of whose keys have moved to another node when `prepare` is
 * through.
 */
async function halfMoved(
  settingsFor: (typeof KINDS)[number][1],
  prepare: (cache: Cache) => Promise<unknown> = (cache) =>
    cache.setMany(new Map(KEYS.map((key) => [key, 1]))),
): Promise<HalfMoved> {
  const cluster = await RedisCluster.start(2);
  onTestFinished(() => cluster.stop());
  const open = async (): Promise<Cache> => {
    const redis = new RedisRegistry({ default: await settingsFor(cluster) });
    onTestFinished(() => redis.close());
    return openCacheOn(redis, { keyPrefix: PREFIX, deadline: "5s" });
  };
  const [cache, other] = [await open(), await open()];
  await prepare(cache);
  const slot = slotOf(PREFIX);
  const from = cluster.nodeOf(PREFIX);
  const to = cluster.nodes.find((node) => node !== from) as RedisServer;
  await cluster.beginMove(slot, from, to);
  return { cache, other, arrive: () => cluster.moveSlot(slot, from, to) };
}

describeWithRedis("a slot that is left half moved, as by an interrupted resharding,", () => {
  describe.each(KINDS)("%s", (_kind, settingsFor) => {
    test("is read and deleted from key by key", async () => {
      const { cache } = await halfMoved(settingsFor);
      expect(await cache.getMany([...KEYS, "missing"])).toEqual(new Map(KEYS.map((key) => [key, 1])));
      expect(await cache.deleteMany(KEYS.slice(0, 10))).toBe(10);
      expect(await cache.incrMany(KEYS.slice(10))).toEqual(new Map(KEYS.slice(10).map((key) => [key, 2])));
      await cache.setMany(new Map(KEYS.map((key) => [key, 3])), { timeout: 20, tags: ["t"] });
      expect((await cache.getMany(KEYS)).size).toBe(20);
      await cache.invalidateTags(["t"]);
      expect((await cache.getMany(KEYS, { tags: ["t"] })).size).toBe(0);
      expect((await cache.touchMany(KEYS, 60)).size).toBe(0);
      await cache.setMany(new Map(KEYS.map((key) => [key, 4])), { tags: ["t"] });
      expect((await cache.touchMany(KEYS, 60)).size).toBe(20);
      expect((await cache.touchMany(KEYS, 0)).size).toBe(20);
    });

    test("gives each entry to one of those who take it", async () => {
      const { cache, other } = await halfMoved(settingsFor);
      const taken = await Promise.all(
        [cache, other, cache, other].map((each) => each.takeMany([...KEYS, "missing"])),
      );
      expect(taken.flatMap((each) => [...each.keys()]).toSorted()).toEqual(KEYS.toSorted());
      expect((await cache.getMany(KEYS)).size).toBe(0);
    });

    test("gives what is loaded, once for all callers, and stores it when the slot has arrived", async () => {
      const { cache, other, arrive } = await halfMoved(settingsFor);
      const refused: string[] = [];
      cache.on("storeError", ({ operation, error }) => refused.push(`${operation} ${error.outcome}`));
      let loads = 0;
      const load = (): number => ++loads;
      expect(await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet("new", load)))).toEqual([
        1, 1, 1, 1, 1,
      ]);
      expect(refused).toEqual(["fill not-sent"]);
      // The lease of the first one has ended.
      expect(await other.getOrSet("new", load)).toBe(2);
      const many = await cache.getOrSetMany(
        [...KEYS, "a", "b"],
        (missing) => new Map(missing.map((key) => [key, 2])),
      );
      expect(many).toEqual(new Map([...KEYS.map((key) => [key, 1] as const), ["a", 2], ["b", 2]]));
      await arrive();
      expect(await cache.getOrSet("new", load)).toBe(3);
      expect(await other.getOrSet("new", load)).toBe(3);
    });

    test("lets a lock be released, extended and taken by the next, and a lock's function has run once", async () => {
      const locks = KEYS.slice(0, 6).map((key) => `lock:${key}`);
      const held = new Map<string, ReturnType<Cache["lock"]>>();
      const { cache, other } = await halfMoved(settingsFor, async (first) => {
        for (const name of locks) {
          const lock = first.lock(name, { timeout: "1m", blockingTimeout: 0 });
          expect(await lock.acquire()).toBe(true);
          held.set(name, lock);
        }
      });
      for (const lock of held.values()) {
        await lock.extend("2m");
        await lock.release();
      }
      let runs = 0;
      const fences: number[] = [];
      for (const [cacheOf, name] of [cache, other, cache, other].map((each) => [each, "fenced"] as const)) {
        await cacheOf.lock(name, { timeout: "1m" }).run((_, fencingToken) => fences.push(fencingToken));
      }
      expect(fences).toEqual([...new Set(fences)].toSorted((one, next) => one - next));
      for (const name of locks) {
        await other.lock(name, { timeout: "1m", blockingTimeout: 0 }).run(() => runs++);
        await cache.lock(name, { timeout: 20, blockingTimeout: 0 }).run(() => runs++);
      }
      expect(runs).toBe(12);
    });
  });
});
