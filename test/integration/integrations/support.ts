import { memoryCacheStore } from "sojourn/stores/memory";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { describeWithRedis, freePort, RedisServer } from "../../support/redis-server.ts";
import { openCacheOn } from "../cache/support.ts";

/** Opens a cache; on Redis with a connection of its own, as in another process. */
export type OpenCache = (settings?: CacheSettings) => Cache;

/** Describes tests twice: on memory and on a real Redis. */
export function describeOnEngines(title: string, define: (open: OpenCache) => void): void {
  describe(`${title} on memory`, () => {
    define((settings) => openCacheOn(new RedisRegistry(), { store: memoryCacheStore(), ...settings }));
  });
  describeWithRedis(`${title} on Redis`, () => {
    let server: RedisServer;
    const registries: RedisRegistry[] = [];
    beforeAll(async () => {
      server = await RedisServer.start();
    });
    afterAll(async () => {
      await Promise.all(registries.map((each) => each.close()));
      await server.stop();
    });
    define((settings) => {
      const registry = new RedisRegistry({ default: { ...server.settings, connectTimeout: "20s" } });
      registries.push(registry);
      return openCacheOn(registry, { deadline: "20s", ...settings });
    });
  });
}

/** A cache whose server cannot be reached. */
export async function openUnreachable(settings: CacheSettings = {}): Promise<Cache> {
  const redis = new RedisRegistry({ default: `redis://127.0.0.1:${await freePort()}` });
  onTestFinished(() => redis.close());
  return openCacheOn(redis, settings);
}
