import type { SessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { cacheSessionStore } from "../../src/stores/cache/index.ts";
import { memoryCacheStore, memorySessionStore } from "../../src/stores/memory/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { later } from "./store-steps.ts";

/** Opens two stores, and instances that follow or make the move of sessions between them. */
export function openMove() {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const [cache, from] = [memoryCacheStore()(context), memorySessionStore()(context)];
  const store = (moves: boolean) =>
    cacheSessionStore({ store: () => cache, from: () => from, moves })(context);
  const cacheAlone = cacheSessionStore({ store: () => cache })(context);
  const at = (key: SessionKey) => `shop:sessions:1:django.contrib.sessions.cache${key}`;
  const held = async (key: SessionKey) => (await cache.get(at(key), later()))?.toString();
  return { clock, context, cache, from, follower: store(false), mover: store(true), cacheAlone, at, held };
}
