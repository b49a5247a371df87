import { onTestFinished, vi } from "vitest";

import { type Cache, type CacheSettings, createCaches } from "../../../src/cache/index.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";

/** {@link describeWithRedis} for each of some stores by their names. */
export function describeOnEach<Store>(
  stores: Readonly<Record<string, Store>>,
  title: string,
  define: (store: Store) => void,
): void {
  for (const [name, store] of Object.entries(stores)) {
    describeWithRedis(`${title}, on ${name}`, () => define(store));
  }
}

/** Checks something, which has to hold now, or within a time in milliseconds. */
export async function holdsWithin(lag: number, check: () => Promise<void>): Promise<void> {
  await (lag === 0 ? check() : vi.waitFor(check, { timeout: lag, interval: 1 }));
}

let prefixes = 0;

/** A prefix that no other cache of the test file has. */
export function newPrefix(): string {
  return `shop${++prefixes}`;
}

/** A cache over connections that the test has already, with a prefix of its own. */
export function openCacheOn(redis: RedisRegistry, settings: CacheSettings = {}): Cache {
  const context = { projectName: "project", redis, clock: systemClock };
  return createCaches({ default: { keyPrefix: newPrefix(), ...settings } }, context).default;
}

/** A cache with a connection of its own, as in another process; it is closed when the running test ends. */
export function openCache(server: RedisServer, settings: CacheSettings = {}): Cache {
  const redis = new RedisRegistry({ default: server.settings });
  onTestFinished(() => redis.close());
  return openCacheOn(redis, settings);
}
