import { describe, expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import type { RedisRegistry } from "../../../src/redis/registry.ts";
import { cachedDbSessionStore } from "../../../src/stores/cached-db/index.ts";
import { memorySessionStore } from "../../../src/stores/memory/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { within } from "../../support/redis-connections.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

/** Each test has records of its own, and many wait for something to expire. */
const concurrently = { describe, it: test.concurrent };

describeWithRedis("the cached-db session store, with its copies in Redis", () => {
  let redis: RedisRegistry;
  let projects = 0;

  test.beforeAll(async ({ redis: opened }) => {
    redis = opened;
  });

  const open = () => {
    const context = { projectName: `project${++projects}`, redis, clock: systemClock };
    return cachedDbSessionStore({ database: memorySessionStore() })(context);
  };

  describeSessionStore(concurrently, "cached-db", { hasReadWithTtl: true, open: () => ({ store: open() }) });

  test("a read of what is copied is one GET; a first read is three commands, a write four in three round trips", async ({
    server,
  }) => {
    const [store, key] = [open(), newSessionKey()];
    await store.ping(within());
    await store.create(key, "one", 60_000, within());
    const monitor = await server.monitor();
    const take = async () => (await monitor.take()).map((command) => command.replace(/^EVAL$/, "EVALSHA"));
    expect(await store.read(key, within())).toBe("one");
    expect(await take()).toEqual(["GET", "SET", "EVALSHA"]);
    expect(await store.read(key, within())).toBe("one");
    expect(await take()).toEqual(["GET"]);
    await store.commit(key, "two", { start: 0, text: "one" }, 60_000, within());
    expect(await take()).toEqual(["GET", "PTTL", "EVALSHA", "EVALSHA"]);
  });
});
