import { describe, expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import type { RedisRegistry } from "../../../src/redis/registry.ts";
import { cacheSessionStore } from "../../../src/stores/cache/index.ts";
import { memorySessionStore } from "../../../src/stores/memory/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { within } from "../../support/redis-connections.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";

/** Each test has records of its own, and many wait for something to expire. */
const concurrently = { describe, it: test.concurrent };

describeWithRedis("the cache session store on Redis", () => {
  let redis: RedisRegistry;
  let projects = 0;

  test.beforeAll(async ({ redis: opened }) => {
    redis = opened;
  });

  const openStore = (): SessionStore =>
    cacheSessionStore()({ projectName: `project${++projects}`, redis, clock: systemClock });

  describeSessionStore(concurrently, "cache", {
    noUsers: "a cache cannot keep one",
    open: () => ({ store: openStore() }),
  });

  for (const [name, moves] of [
    ["cache, following a move", false],
    ["cache, moving sessions into it", true],
  ] as const) {
    const open = () => {
      const context = { projectName: `project${++projects}`, redis, clock: systemClock };
      return { store: cacheSessionStore({ from: memorySessionStore(), moves })(context) };
    };
    describeSessionStore(concurrently, name, { noUsers: "a cache cannot keep one", open });
  }

  test("lies under the keys of Django's cache engine, as text with a time to live", async ({ server }) => {
    const store = cacheSessionStore({ keyPrefix: "myproject" })({
      projectName: "p",
      redis,
      clock: systemClock,
    });
    const key = newSessionKey();
    await store.create(key, '{"a":1}', 60_000, within());
    const at = `myproject:1:django.contrib.sessions.cache${key}`;
    expect(await server.command("GET", at)).toBe('{"a":1}');
    expect(Number(await server.command("PTTL", at))).toBeGreaterThan(30_000);
  });

  test("100 parallel updates from two processes' worth of connections lose none", async ({ server }) => {
    const open = () =>
      createSojourn({
        projectName: "shop",
        secretKey: "a secret of the tests, long enough",
        redis: { default: server.settings },
        sessions: { store: cacheSessionStore(), format: "json", deadline: "10s" },
      });
    const processes = [open(), open()] as const;
    const { cookieHeader } = await processes[0].sessions.create({ n: 0 });
    const updates = Array.from({ length: 100 }, async (_, index) => {
      const session = await processes[index % 2 === 0 ? 0 : 1].sessions.open(cookieHeader);
      await session.update((data) => void (data["n"] += 1));
    });
    await Promise.all(updates);
    expect((await processes[1].sessions.open(cookieHeader)).data["n"]).toBe(100);
    for (const { close } of processes) await close();
  });
});
