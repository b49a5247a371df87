import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { type CacheSettings, zlibCompressor } from "../../../src/cache/index.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { newPrefix, openCacheOn } from "./support.ts";

const HOUR = 3_600_000;
const KEYS = Array.from({ length: 150 }, (_, index) => `k${index}`);
const BIG = "a value that would be seen on the wire ".repeat(1000);

interface Servers {
  readonly settings: RedisConnectionSettings;
  command(...args: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

const SERVERS: Readonly<Record<string, () => Promise<Servers>>> = {
  "a Redis": async () => {
    const server = await RedisServer.start();
    return {
      settings: server.settings,
      command: (...args) => server.command(...args),
      stop: () => server.stop(),
    };
  },
  "a cluster": async () => {
    const cluster = await RedisCluster.start(2);
    const command = (name: string, key = "", ...rest: string[]) =>
      cluster.nodeOf(key).command(name, key, ...rest);
    return { settings: { cluster: cluster.urls }, command, stop: () => cluster.stop() };
  },
};

describeWithRedis("a touch of entries with headers", () => {
  describe.each(Object.keys(SERVERS))("on %s", (kind) => {
    let servers: Servers;

    beforeAll(async () => void (servers = (await SERVERS[kind]?.()) as Servers));
    afterAll(() => servers?.stop());

    function open(settings: CacheSettings = {}) {
      const redis = new RedisRegistry({ default: servers.settings });
      onTestFinished(() => redis.close());
      const keyPrefix = newPrefix();
      const cache = openCacheOn(redis, { keyPrefix, deadline: "10s", ...settings });
      const pttl = async (key: string) => Number(await servers.command("PTTL", `${keyPrefix}:1:${key}`));
      return { cache, redis, keyPrefix, pttl };
    }

    test.each<[string, CacheSettings]>([
      ["as text", {}],
      ["compressed", { compression: zlibCompressor() }],
    ])("moves both times and the tokens of their tags, of values kept %s", async (_, settings) => {
      const { cache, pttl } = open({ stale: "1h", ...settings });
      const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, `${key} ${BIG}`]));
      await cache.getOrSetMany(KEYS, load, { timeout: 60, tags: ["red", "round"] });
      await cache.setMany({ plain: 1, tagged: 2 }, { timeout: 60 });
      await cache.set("tagged", 2, { timeout: 60, tags: ["red"] });
      const all = [...KEYS, "plain", "tagged"];
      const before = Date.now();
      expect(await cache.touchMany([...all, "none"], "24h")).toEqual(new Set(all));
      const [last = ""] = KEYS.slice(-1);
      const peeked = await cache.peek(last);
      expect(peeked).toMatchObject({ isHit: true, state: "fresh", value: `${last} ${BIG}` });
      for (const [key, hours] of [
        [last, 25],
        ["plain", 24],
        ["tagged", 24],
      ] as const) {
        expect(await pttl(key)).toBeGreaterThan(hours * HOUR - (Date.now() - before) - 10);
        expect(await pttl(key)).toBeLessThanOrEqual(hours * HOUR + 10);
      }
      for (const tag of ["red", "round"]) expect(await pttl(`~tag:${tag}`)).toBeGreaterThan(25 * HOUR);
      expect(await cache.persistMany(all)).toEqual(new Set(all));
      for (const key of [last, "tagged", "~tag:red", "~tag:round"]) expect(await pttl(key)).toBe(-1);
      await cache.invalidateTags(["red"]);
      expect(await cache.touchMany(all, 60)).toEqual(new Set(["plain"]));
    });

    test("of ten processes at once, with readers, leaves the value and one of their times", async () => {
      const { cache, redis, keyPrefix, pttl } = open({ staleIfError: "1h" });
      await cache.getOrSet("k", () => ({ n: 1 }), { timeout: 600, tags: ["red"] });
      const others = Array.from({ length: 10 }, () => openCacheOn(redis, { keyPrefix, deadline: "10s" }));
      for (let round = 1; round <= 10; round++) {
        const calls = others.map((each, index) =>
          index % 3 === 0 ? each.get("k") : each.touch("k", round * 100 + index),
        );
        const expected = others.map((_, index) => (index % 3 === 0 ? { n: 1 } : true));
        expect(await Promise.all(calls)).toEqual(expected);
        expect(await pttl("k")).toBeGreaterThan(HOUR + round * 100_000 - 10_000);
      }
    });
  });
});
