import { expect, onTestFinished, test } from "vitest";

import { RedisRegistry } from "../../../src/redis/registry.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { errorOf, serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache, openCacheOn } from "./support.ts";

const KEYS = Array.from({ length: 100 }, (_, index) => `ticket:${index}`);
const VALUES = new Map(KEYS.map((key, index) => [key, index]));

describeWithRedis("take", () => {
  test("of 40 callers on 4 connections, one gets each entry", async () => {
    const server = await serverForTest();
    const caches = Array.from({ length: 4 }, () => openCache(server, { keyPrefix: "shop", deadline: "10s" }));
    for (const tags of [undefined, ["red", "round"]]) {
      await caches[0]?.setMany(VALUES, { tags });
      const takers = Array.from({ length: 10 }, () => caches).flat();
      const taken = await Promise.all(
        takers.map((each, index) =>
          index % 2 === 0 ? each.takeMany(KEYS) : each.takeMany(KEYS.toReversed(), { tags }),
        ),
      );
      const all = taken.flatMap((each) => [...each]);
      expect(all).toHaveLength(KEYS.length);
      expect(new Map(all)).toEqual(VALUES);
    }
  });

  test("on a cluster, whatever slots the keys lie in", async () => {
    const cluster = await RedisCluster.start(2);
    onTestFinished(() => cluster.stop());
    const redis = new RedisRegistry({ default: { cluster: cluster.urls } });
    onTestFinished(() => redis.close());
    const cache = openCacheOn(redis, { deadline: "10s" });
    const keys = [...KEYS, "a{b", "a}b", "{}a", "{a}b", "é ü"];
    await cache.setMany(new Map(keys.map((key) => [key, 1])), { tags: ["red"] });
    const [one, two] = await Promise.all([cache.takeMany(keys), cache.takeMany(keys)]);
    expect(one.size + two.size).toBe(keys.length);
    expect((await cache.getMany(keys)).size).toBe(0);
  });

  test("leaves an entry that is no string where it is", async () => {
    const server = await serverForTest();
    const cache = openCache(server, { keyPrefix: "shop" });
    await server.command("RPUSH", "shop:1:list", "1");
    expect(await errorOf(cache.take("list"))).toMatchObject({ outcome: "not-sent" });
    expect(await server.command("LLEN", "shop:1:list")).toBe(1);
  });

  test("whose answer does not come is of unknown outcome", async () => {
    const server = await serverForTest();
    const cache = openCache(server, { keyPrefix: "shop", deadline: "200ms" });
    await cache.set("a", 1);
    await cache.take("warm");
    await server.command("CLIENT", "PAUSE", "500", "WRITE");
    expect(await errorOf(cache.take("a"))).toMatchObject({
      code: "ERR_STORE_CONNECTION",
      outcome: "unknown",
    });
  });
});
