import { expect, onTestFinished, test } from "vitest";

import { createSojourn } from "../../../src/create-sojourn.ts";
import { ImproperlyConfigured } from "../../../src/core/errors.ts";
import type { RedisServer } from "../../support/redis-server.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCacheOn } from "./support.ts";

const SECRET = "a secret of the tests, long enough";

/**
 * An application as in the seed guide: the cache has the project's name as prefix, and all is in one
 * database.
 */
function openApplication(server: RedisServer, projectName = "myproject") {
  const sojourn = createSojourn({ projectName, secretKey: SECRET, redis: { default: server.settings } });
  onTestFinished(() => sojourn.close());
  const cache = openCacheOn(sojourn.redis, { keyPrefix: projectName });
  return { sojourn, cache };
}

async function keysOf(server: RedisServer): Promise<string[]> {
  return ((await server.command("KEYS", "*")) as string[]).toSorted();
}

describeWithRedis("clear()", () => {
  test("with keyPrefix equal to projectName deletes no session, nor anything else of the project", async () => {
    const server = await serverForTest();
    const { sojourn, cache } = openApplication(server);
    const sessions = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const session = await sojourn.sessions.create({ index });
        await session.login(String(index));
        return session;
      }),
    );
    const other = openApplication(server, "other");
    await other.cache.set("k", 1);
    await server.command("SET", "myproject:queue:1", "a job");
    await server.command("SET", "unprefixed", "1");
    const before = await keysOf(server);
    await cache.setMany(Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, index])));
    await cache.set("k", 1, { version: 2 });
    await cache.set("k", 1, { version: -1 });

    expect(await cache.clear()).toBe(3002);
    expect(await keysOf(server)).toEqual(before);
    for (const [index, session] of sessions.entries()) {
      const again = await sojourn.sessions.open(session.cookieHeader);
      expect([again.userId, again.data]).toMatchObject([String(index), { index }]);
    }
  });

  test("with the prefix `a*` deletes nothing of `abc`", async () => {
    const server = await serverForTest();
    const { sojourn } = openApplication(server);
    const prefixes = ["a*", "a?c", "[a]bc", "abc", "a", "\\", "ab\\c"];
    const caches = prefixes.map((keyPrefix) => openCacheOn(sojourn.redis, { keyPrefix }));
    for (const cache of caches) await cache.set("k", 1);
    for (const [index, cache] of caches.entries()) {
      expect(await cache.clear()).toBe(1);
      const left = prefixes.slice(index + 1).map((prefix) => `${prefix}:1:k`);
      expect(await keysOf(server)).toEqual(left.toSorted());
    }
  });

  test("refuses an empty prefix and a key function, and deletes nothing then", async () => {
    const server = await serverForTest();
    const { sojourn } = openApplication(server);
    const caches = [
      openCacheOn(sojourn.redis, { keyPrefix: "" }),
      openCacheOn(sojourn.redis, { keyPrefix: "a", keyFunction: (key, prefix) => `${prefix}-${key}` }),
    ];
    for (const cache of caches) {
      await cache.set("k", 1);
      await expect(cache.clear()).rejects.toThrow(ImproperlyConfigured);
      expect(await cache.get("k")).toBe(1);
    }
    expect(await keysOf(server)).toEqual([":1:k", "a-k"]);
  });
});
