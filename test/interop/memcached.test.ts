import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cache, CacheNotIntegerError, CacheUsageError } from "sojourn";
import { djangoRatelimit, djangoSettings } from "sojourn/django";
import { gate } from "../support/cache-harness.ts";
import { describeWithMemcached } from "../support/memcached-server.ts";
import { errorOf } from "../support/redis-connections.ts";
import { INTEGERS, VALUES } from "./support/cache-site.ts";
import { SECRET } from "./support/django-peer.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { dumpOfSerde, MemcachedSite, TIMEOUT } from "./support/memcached-site.ts";
import type { DjangoCacheClient } from "./support/shared-cache.ts";

/** Values that cross without any serializer. */
const SCALARS = [...INTEGERS, true, false, null, "", "text", "42", 'é😀\u007f\u2028\u0000"\\/', 0.1, -2.5e-7];
const LARGE = "long ".repeat(100_000);
const MONTH = 30 * 86_400;

await describeWithEnvironment("lts", (django) => {
  describeWithMemcached("caches on memcached", () => {
    let both: MemcachedSite;

    beforeAll(async () => {
      both = await MemcachedSite.start(django);
    });

    afterAll(() => both?.stop());

    const sides = (alias: string): [Cache, DjangoCacheClient] => [both.node(alias), both.django(alias)];

    test("the settings of the site are honoured, and what does not cross is said", async () => {
      const named = both.shared.unsupported.map(({ setting }) => setting);
      expect(named.filter((setting) => !setting.includes("libmc"))).toEqual([
        'CACHES["plain"]["OPTIONS"]["serde"]',
      ]);
      const CACHES = {
        default: {
          BACKEND: "django.core.cache.backends.memcached.PyMemcacheCache",
          LOCATION: "127.0.0.1:11211",
          OPTIONS: { serde: await dumpOfSerde(django) },
        },
      };
      const engine = "django.contrib.sessions.backends.cache";
      const { unsupported } = djangoSettings({ SECRET_KEY: SECRET, SESSION_ENGINE: engine, CACHES });
      expect(unsupported).toEqual([]);
    });

    describe.each(["default", "plain"])("the cache %s", (alias) => {
      test("single values cross both ways, with equal bytes", async () => {
        const [node, there] = sides(alias);
        for (const value of [...SCALARS, LARGE]) {
          await there.call("set", ["theirs", value]);
          await node.set("ours", value);
          expect([await node.get("theirs"), await there.call("get", ["ours", "gone"])]).toEqual([
            value,
            value,
          ]);
        }
      });

      test("counters are counted by both, and keep their time", async () => {
        const [node, there] = sides(alias);
        await there.call("set", ["hits", 9, 1000]);
        expect([await node.incr("hits"), await there.call("incr", ["hits", 5])]).toEqual([10, 15]);
        expect([await node.decr("hits", 6), await there.call("get", ["hits"])]).toEqual([9, 9]);
        expect([await there.call("decr", ["hits", 2]), await node.get("hits")]).toEqual([7, 7]);
        expect([await node.incr("begun", 1, { initial: 0 }), await there.call("incr", ["begun"])]).toEqual([
          1, 2,
        ]);
        expect(await there.call("add", ["hits", 1])).toBe(false);
        expect(await node.add("hits", 1)).toBe(false);
        expect(await node.ttl("hits")).toBeGreaterThan(900);
      });

      test("Django does not count below 0, nor a number that is below", async () => {
        const [node, there] = sides(alias);
        await node.set("low", 1);
        expect([await there.call("decr", ["low", 5]), await node.get("low")]).toEqual([0, 0]);
        expect([await node.decr("low", 5), await there.call("get", ["low"])]).toEqual([-5, -5]);
        expect(await there.call("incr", ["low"])).toEqual({ error: "MemcacheClientError" });
        expect([await node.incr("low", 7), await there.call("incr", ["low"])]).toEqual([2, 3]);
        await there.call("incr", ["none"]);
        expect(await there.call("incr", ["none"])).toEqual({ error: "ValueError" });
        await there.call("set", ["text", "5"]);
        expect(await errorOf(node.incr("text"))).toBeInstanceOf(CacheNotIntegerError);
      });

      test("times are the same at both sides: of the settings, none, 0, and beyond 30 days", async () => {
        const [node, there] = sides(alias);
        for (const set of [
          (key: string, timeout?: number | null) =>
            node.set(key, 1, timeout === undefined ? {} : { timeout }),
          (key: string, timeout?: number | null) =>
            there.call("set", timeout === undefined ? [key, 1] : [key, 1, timeout]),
        ]) {
          await set("preset");
          await set("never", null);
          await set("long", 3 * MONTH);
          await set("month", MONTH);
          expect(await node.ttl("preset")).toBeGreaterThan(TIMEOUT - 20);
          expect(await node.ttl("preset")).toBeLessThanOrEqual(TIMEOUT);
          expect(await node.ttl("never")).toBeNull();
          for (const [key, seconds] of [
            ["long", 3 * MONTH],
            ["month", MONTH],
          ] as const) {
            expect(await node.ttl(key)).toBeGreaterThan(seconds - 20);
            expect(await node.ttl(key)).toBeLessThanOrEqual(seconds + 2);
          }
          await set("never", 0);
          expect([await node.get("never"), await there.call("get", ["never", "gone"])]).toEqual([
            undefined,
            "gone",
          ]);
        }
        expect(await there.call("touch", ["long", 50])).toBe(true);
        expect(await node.ttl("long")).toBeLessThanOrEqual(50);
        expect(await node.ttl("long")).toBeGreaterThan(30);
        expect([await node.touch("month", null), await node.ttl("month")]).toEqual([true, null]);
        expect([await there.call("touch", ["none", 50]), await node.touch("none", 50)]).toEqual([
          false,
          false,
        ]);
      });

      test("adds, loads, deletions and moves to another version count at both sides", async () => {
        const [node, there] = sides(alias);
        expect([await node.add("a", 1), await there.call("add", ["a", 2])]).toEqual([true, false]);
        expect([await there.call("add", ["b", 1]), await node.add("b", 2)]).toEqual([true, false]);
        expect([await node.getOrSet("c", () => 3), await there.call("get_or_set", ["c", 4])]).toEqual([3, 3]);
        expect([await there.call("get_or_set", ["d", 4]), await node.getOrSet("d", () => 5)]).toEqual([4, 4]);
        await there.call("set_many", [{ e: 1, f: "x" }]);
        expect(Object.fromEntries(await node.getMany(["e", "f", "none"]))).toEqual({ e: 1, f: "x" });
        await node.setMany({ e: 2, g: 3 });
        expect(await there.call("get_many", [["e", "f", "g"]])).toEqual({ e: 2, f: "x", g: 3 });
        await there.call("delete_many", [["e", "f"]]);
        expect([await node.deleteMany(["e", "g"]), await there.call("has_key", ["g"])]).toEqual([1, false]);
        const version = alias === "plain" ? 8 : 2;
        expect([await node.incrVersion("a"), await there.call("get", ["a", "gone"], { version })]).toEqual([
          version,
          1,
        ]);
        await there.call("incr_version", ["b"]);
        expect(await node.get("b", { version })).toBe(1);
      });

      test("keys beyond ASCII are the same at both sides, also those with two units a character", async () => {
        const [node, there] = sides(alias);
        for (const key of ["é", "ключ", "😀".repeat(50), "a😀b", "x".repeat(240)]) {
          await node.set(key, "ours");
          expect(await there.call("get", [key, "gone"])).toBe("ours");
          await there.call("set", [key, "theirs"]);
          expect(await node.get(key)).toBe("theirs");
        }
      });

      test("keys that Django refuses are refused here, and nothing is written", async () => {
        const [node, there] = sides(alias);
        for (const key of ["x".repeat(250), "a b", "line\n", "\u0000", "\u007f"]) {
          expect(await there.call("set", [key, 1])).toEqual({ error: "InvalidCacheKey" });
          const attempts = [
            node.get(key),
            node.set(key, 1),
            node.incr(key),
            node.delete(key),
            node.getOrSet(key, () => 1),
          ];
          for (const attempt of attempts) expect(await errorOf(attempt)).toBeInstanceOf(CacheUsageError);
        }
        // 250 characters of more bytes pass Django's check, and fail in pymemcache.
        expect(await there.call("set", ["é".repeat(200), 1])).toEqual({ error: "MemcacheIllegalInputError" });
        expect(await errorOf(node.set("é".repeat(200), 1))).toBeInstanceOf(CacheUsageError);
      });

      /** A load of Node's, during which Django does something. */
      async function loadDuring(change: (there: DjangoCacheClient) => Promise<unknown>) {
        const [node, there] = sides(alias);
        await node.delete("k");
        const [loading, started] = [gate<string>(), gate()];
        const load = node.getOrSet("k", () => (started.open(), loading.promise));
        await started.promise;
        await change(there);
        loading.open("ours");
        return [await load, await node.get("k"), await there.call("get", ["k", "gone"])];
      }

      test.each(["set", "add"])("what Django stores by %s during a load of Node's stays", async (name) => {
        const stored = await loadDuring((there) => there.call(name, ["k", "theirs"]));
        expect(stored).toEqual(["theirs", "theirs", "theirs"]);
      });

      test("known limit: Django's deletion of what is not there leaves no trace, so a load is stored", async () => {
        const stored = await loadDuring((there) => there.call("delete", ["k"]));
        expect(stored).toEqual(["ours", "ours", "ours"]);
      });
    });

    test("with the guide's serde any JSON crosses both ways, with equal bytes", async () => {
      const [node, there] = sides("default");
      for (const value of VALUES) {
        await there.call("set", ["theirs", value]);
        await node.set("ours", value);
        expect([await node.get("theirs"), await there.call("get", ["ours", "gone"])]).toEqual([value, value]);
      }
    });

    test("without it Node's other values are texts of JSON there", async () => {
      const [node, there] = sides("plain");
      for (const value of VALUES.filter((each) => typeof each === "object" && each !== null)) {
        await node.set("ours", value);
        expect(JSON.parse((await there.call("get", ["ours"])) as string)).toEqual(value);
        expect(await node.get("ours")).toEqual(value);
      }
    });

    test("items are those of pymemcache to the byte", async () => {
      const [node, there] = sides("plain");
      for (const value of SCALARS) {
        await there.call("set", ["theirs", value, 100]);
        await node.set("ours", value, { timeout: 100 });
        const [theirs, ours] = [await both.raw("mg p:7:theirs v f"), await both.raw("mg p:7:ours v f")];
        expect(ours).toBe(theirs);
      }
    });

    test("pickles and bytes are not read, nor overwritten by anything but a write", async () => {
      const [node, there] = sides("plain");
      await there.call("set", ["count", 1]);
      const pickle = async () => void (await there.call("set", ["k", { a: [1] }]));
      const bytes = async () => void (await both.raw("ms p:7:k 3 F0 T100\r\n\xffab"));
      for (const write of [pickle, bytes]) {
        await write();
        const item = await both.raw("mg p:7:k v f");
        const attempts = [
          () => node.get("k"),
          () => node.getMany(["count", "k"]),
          () => node.getOrSet("k", () => 5),
          () => node.getOrSetMany(["k"], () => ({ k: 5 })),
          () => node.has("k"),
          () => node.take("k"),
          () => node.incrVersion("k"),
        ];
        for (const attempt of attempts)
          expect(await errorOf(attempt()), attempt.toString()).toBeInstanceOf(CacheUsageError);
        expect(await errorOf(node.incr("k"))).toBeInstanceOf(CacheNotIntegerError);
        expect(await node.add("k", 1)).toBe(false);
        expect(await both.raw("mg p:7:k v f")).toBe(item);
        expect(await node.touch("k", 60)).toBe(true);
        expect(await node.ttl("k")).toBeLessThanOrEqual(60);
        expect(await both.raw("mg p:7:k v f")).toBe(item);
        expect([await node.delete("k"), await there.call("get", ["k", "gone"])]).toEqual([true, "gone"]);
      }
    });

    test("pylibmc reads and counts what Node writes, and the other way round", async () => {
      if (!both.shared.has("libmc")) return;
      const [node, there] = sides("libmc");
      for (const value of SCALARS) {
        await there.call("set", ["theirs", value]);
        await node.set("ours", value);
        // pylibmc itself reads its booleans as integers.
        const read = typeof value === "boolean" ? Number(value) : value;
        expect([await node.get("theirs"), await there.call("get", ["ours", "gone"])]).toEqual([read, value]);
        expect(await there.call("get", ["theirs"])).toEqual(read);
      }
      await there.call("set", ["hits", 9]);
      expect([await node.incr("hits"), await there.call("incr", ["hits"]), await node.get("hits")]).toEqual([
        10, 11, 11,
      ]);
      await node.set("object", { a: 1 });
      expect(await there.call("get", ["object"])).toBe('{"a":1}');
      for (let index = 0; index < 30; index++) {
        const key = `${["a", "é", "ключ", "😀"][index % 4]}${index}`;
        await there.call("set", [key, index]);
        expect(await node.get(key), key).toBe(index);
      }
    });

    test("known limit: Django's counters wrap around at 64 bits, and Node's do not", async () => {
      const [node, there] = sides("plain");
      await node.set("high", 2n ** 63n - 1n);
      expect(await errorOf(node.incr("high"))).toBeInstanceOf(CacheNotIntegerError);
      await both.raw(`ms p:7:high 20 F2 T0\r\n${2n ** 64n - 1n}`);
      expect(await errorOf(node.incr("high"))).toBeInstanceOf(CacheNotIntegerError);
      expect([await there.call("incr", ["high"]), await node.incr("high")]).toEqual([0, 1]);
    });

    test("a limit of django-ratelimit counts the hits of both sides", async () => {
      const limit = { group: "site.limited", rate: "3/30d", value: "ada", increment: true };
      const node = () => djangoRatelimit(both.node("default"), limit);
      const call = async () =>
        (await both.site.visitor().request("/limited", { headers: { "x-visitor": "ada" } })).status;
      expect(await call()).toBe(200);
      expect([await node(), await node()]).toMatchObject([{ count: 2 }, { count: 3, shouldLimit: false }]);
      expect(await call()).toBe(403);
      expect(await node()).toMatchObject({ count: 5, limit: 3, shouldLimit: true });
    });

    test("while both sides count at the same time, every hit sees another count", async () => {
      const limit = { group: "parallel", rate: "5/30d", value: "ada", increment: true };
      const hits = Array.from({ length: 40 }, async (_, index) => {
        const theirs = () => both.site.visitor().post<{ count: number }>("/usage", limit);
        return (await (index % 2 === 0 ? theirs() : djangoRatelimit(both.node("default"), limit)))?.count;
      });
      const counts = (await Promise.all(hits)).toSorted((one, other) => Number(one) - Number(other));
      expect(counts).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    });
  });
});
