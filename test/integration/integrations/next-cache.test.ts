import { expect, onTestFinished, test } from "vitest";

import { StoreConnectionError } from "../../../src/core/errors.ts";
import { nextCacheHandler } from "../../../src/integrations/next-cache/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { entryOf, textOf } from "../../support/next-cache.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "../cache/support.ts";
import { openUnreachable } from "./support.ts";

const SOFT = ["_N_T_/layout", "_N_T_/page"];

/** Two processes of one application. */
function openReplicas(server: RedisServer) {
  const settings = { keyPrefix: newPrefix(), deadline: "20s" } as const;
  const errors: unknown[] = [];
  const open = () =>
    nextCacheHandler(openCache(server, settings), { onError: (error) => errors.push(error), maxWait: "20s" });
  return { one: open(), other: open(), errors };
}

const now = (): number => performance.timeOrigin + performance.now();

describeWithRedis("the cache handler of Next on Redis", () => {
  redisTest("20 misses at two processes: one makes each entry, the others get it", async ({ server }) => {
    const { one, other, errors } = openReplicas(server);
    for (let round = 0; round < 5; round++) {
      let made = 0;
      const render = async (index: number): Promise<string | undefined> => {
        const handler = index % 2 === 0 ? one : other;
        const entry = await handler.get(`key ${round}`, SOFT);
        if (entry !== undefined) return textOf(entry);
        made++;
        const text = `by ${index}`;
        await handler.set(`key ${round}`, Promise.resolve(entryOf(text, now(), { tags: ["a"] })));
        return text;
      };
      const texts = await Promise.all(Array.from({ length: 20 }, (_, index) => render(index)));
      expect([made, new Set(texts).size]).toEqual([1, 1]);
    }
    expect(errors).toEqual([]);
  });

  redisTest("an invalidation at one process is seen by the next get of the other", async ({ server }) => {
    const { one, other } = openReplicas(server);
    for (let round = 0; round < 20; round++) {
      expect(await one.get("key", SOFT)).toBeUndefined();
      await one.set("key", Promise.resolve(entryOf(`round ${round}`, now(), { tags: ["a", "b"] })));
      expect(await textOf(await other.get("key", SOFT))).toBe(`round ${round}`);
      await other.updateTags(round % 2 === 0 ? ["a"] : ["_N_T_/page"]);
    }
  });

  redisTest("a hit is one command, and an invalidation of a tag three", async ({ server }) => {
    const { one } = openReplicas(server);
    await one.get("key", SOFT);
    await one.set("key", Promise.resolve(entryOf("page", now(), { tags: ["a"] })));
    await one.get("key", SOFT);
    const monitor = await server.monitor();
    onTestFinished(() => monitor.stop());
    await one.refreshTags();
    await one.get("key", SOFT);
    expect(await monitor.take()).toEqual(["MGET"]);
    await one.updateTags(["a"], { expire: 60 });
    expect(await monitor.take()).toHaveLength(3);
  });

  redisTest("entries, and the states of tags, have an end", async ({ server }) => {
    const { one } = openReplicas(server);
    await one.get("key", SOFT);
    await one.set("key", Promise.resolve(entryOf("page", now(), { tags: ["a"], expire: 2 ** 32 - 2 })));
    await one.updateTags(["_N_T_/page"]);
    const keys = (await server.command("KEYS", "*:next:*")) as string[];
    const times = new Map<string, number>();
    for (const key of keys) times.set(key, Number(await server.command("TTL", key)));
    const endless = [...times].filter(([, ttl]) => ttl < 0).map(([key]) => key.replace(/^.*:next:/, ""));
    expect(new Set(endless)).toEqual(new Set(["invalidations"]));
    expect(Math.max(...times.values())).toBeLessThanOrEqual(30 * 86_400 + 3600);
  });
});

test("the cache handler of Next with a server that cannot be reached: misses, and errors for onError", async () => {
  const errors: unknown[] = [];
  const handler = nextCacheHandler(await openUnreachable(), { onError: (error) => errors.push(error) });
  await handler.refreshTags();
  expect(await handler.get("key", SOFT)).toBeUndefined();
  await handler.set("key", Promise.resolve(entryOf("page", now())));
  expect(errors).toHaveLength(1);
  await expect(handler.updateTags(["a"])).rejects.toThrow(StoreConnectionError);
});
