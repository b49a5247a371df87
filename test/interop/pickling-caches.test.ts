import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Cache, CacheNotIntegerError, CacheUsageError } from "sojourn";
import { errorOf } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import type { DjangoCacheClient } from "./support/shared-cache.ts";
import { CacheSite, INTEGERS, PICKLING, titled, VALUES } from "./support/cache-site.ts";

await describeWithEnvironment("lts", (django) => {
  describeWithRedis("caches on one Redis", () => {
    let both: CacheSite;

    beforeAll(async () => {
      both = await CacheSite.start(django, PICKLING);
    });

    afterAll(() => both?.stop());

    beforeEach(async () => void (await both.redis.command("FLUSHALL")));

    describe.for(titled(PICKLING))("with %s", ([, alias]) => {
      let node: Cache;
      let there: DjangoCacheClient;

      beforeAll(() => {
        node = both.shared.node(alias);
        there = both.shared.django(alias);
      });

      test("it is said that only integers are shared", () => {
        const { unsupported } = both.shared;
        expect(unsupported.filter(({ setting }) => setting.includes(`"${alias}"`))).toEqual([
          {
            setting: `CACHES["${alias}"]["OPTIONS"]["SERIALIZER"]`,
            reason: expect.stringContaining("only integers are shared") as string,
          },
        ]);
      });

      test("integers are read, written and counted by both, with their time", async () => {
        for (const value of INTEGERS) {
          await there.call("set", ["theirs", value]);
          await node.set("ours", value);
          expect([await node.get("theirs"), await there.call("get", ["ours"])]).toEqual([value, value]);
        }
        await there.call("set", ["hits", 1, 1000]);
        expect([
          await node.incr("hits"),
          await there.call("incr", ["hits", 5]),
          await node.decr("hits"),
        ]).toEqual([2, 7, 6]);
        expect(await node.ttl("hits")).toBeGreaterThan(900);
        expect(await node.getOrSet("hits", 99)).toBe(6);
        expect(await there.call("get_or_set", ["hits", 99])).toBe(6);
        expect([await node.delete("hits"), await there.call("get", ["hits", "gone"])]).toEqual([
          true,
          "gone",
        ]);
      });

      test("anything else is a pickle there: Node does not read it, nor write one, and overwrites nothing", async () => {
        await there.call("set", ["count", 1]);
        for (const value of VALUES) {
          await there.call("set", ["k", value]);
          const attempts = [
            () => node.get("k"),
            () => node.getMany(["count", "k"]),
            () => node.getOrSet("k", () => 5),
            () => node.getOrSetMany(["k"], () => ({ k: 5 })),
            () => node.has("k"),
            () => node.incrVersion("k"),
            () => node.set("k", value),
            () => node.set("k", value, { nx: true }),
            () => node.setMany({ other: 1, k: value }),
            () => node.add("k", value),
            () => node.getOrSet("new", () => value),
          ];
          for (const attempt of attempts) {
            const error = await errorOf(attempt());
            expect(error, attempt.toString()).toBeInstanceOf(CacheUsageError);
            expect((error as Error).message).toContain(`CACHES["${alias}"]`);
          }
          expect(await errorOf(node.incr("k"))).toBeInstanceOf(CacheNotIntegerError);
          expect(await there.call("get", ["k", "gone"])).toEqual(value);
        }
        const keys = (await both.redis.command("KEYS", "*")) as string[];
        expect(keys.toSorted()).toEqual([`${alias}:1:count`, `${alias}:1:k`]);
      });

      test("what Django has pickled can be touched and deleted", async () => {
        await there.call("set", ["k", { a: 1 }]);
        expect(await node.touch("k", 60)).toBe(true);
        expect(await node.ttl("k")).toBeLessThanOrEqual(60);
        expect(await there.call("get", ["k"])).toEqual({ a: 1 });
        expect([await node.delete("k"), await there.call("get", ["k", "gone"])]).toEqual([true, "gone"]);
      });
    });
  });
});
