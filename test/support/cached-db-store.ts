import type { SessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { cachedDbSessionStore } from "../../src/stores/cached-db/index.ts";
import { memoryCacheStore, memorySessionStore } from "../../src/stores/memory/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { later } from "./store-steps.ts";

/** Opens a cached store, with the cache and the database that it is made of. */
export function openCachedDb({ copies }: { copies?: boolean } = {}) {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const [cache, database] = [memoryCacheStore()(context), memorySessionStore()(context)];
  const store = cachedDbSessionStore({ cache: () => cache, database: () => database, copies })(context);
  const copyOf = async (key: SessionKey) =>
    (await cache.get(`shop:cached-sessions:${key}`, later()))?.toString();
  return { clock, context, cache, database, store, copyOf };
}
