import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { say } from "../../../scripts/lib/project.mjs";
import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { RedisQueueFullError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import { COMMANDS_AT_ONCE } from "../../../src/stores/chunks.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { errorOf, serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { scaled } from "../../support/scale.ts";
import { newPrefix, openCacheOn } from "./support.ts";

/** More than the client takes at once (5000). */
const COUNT = scaled(6000, 50_000);
const KEYS = Array.from({ length: COUNT }, (_, index) => `key${index}`);
const OPTIONS = { timeout: scaled(120_000, 900_000) };

function openOn(settings: RedisConnectionSettings, more: CacheSettings = {}): Cache {
  const redis = new RedisRegistry({ default: settings });
  onTestFinished(() => redis.close());
  return openCacheOn(redis, { deadline: "60s", ...more });
}

function valuesOf(keys: readonly string[], value: (index: number) => number): Map<string, number> {
  return new Map(keys.map((key, index) => [key, value(index)]));
}

/** Times of another caller's gets, on the same connection, while a task runs. */
async function besides(
  cache: Cache,
  task: () => Promise<unknown>,
): Promise<{ result: unknown; failures: unknown[]; p99: number; took: number }> {
  const spans: number[] = [];
  const failures: unknown[] = [];
  const begin = performance.now();
  let isOver = false;
  const running = task().finally(() => void (isOver = true));
  const other = (async () => {
    while (!isOver) {
      const start = performance.now();
      await cache.get("other").catch((error: unknown) => failures.push(error));
      spans.push(performance.now() - start);
      await sleep(1);
    }
  })();
  const result = await running;
  await other;
  spans.sort((a, b) => a - b);
  return {
    result,
    failures,
    p99: spans[Math.floor(spans.length * 0.99)] ?? 0,
    took: performance.now() - begin,
  };
}

describeWithRedis("calls of more keys than the client takes at once", () => {
  let server: RedisServer;
  let cluster: RedisCluster;

  beforeAll(async () => {
    server = await RedisServer.start();
    cluster = await RedisCluster.start();
  });

  afterAll(() => Promise.all([server?.stop(), cluster?.stop()]));

  const places = [
    ["one server", () => server.settings],
    ["a cluster", () => ({ cluster: cluster.urls })],
  ] as const;
  const variants = places.flatMap(([place, settings]) => [
    [place, "without tags", settings, {}] as const,
    [place, "with tags", settings, { tags: ["red", "round"] }] as const,
  ]);

  test.for(variants)(
    "succeed on %s, %s, and so do another caller's",
    OPTIONS,
    async ([place, kind, settings, tagged]) => {
      const cache = openOn(settings());
      const table: string[] = [];
      const attempt = async (name: string, task: () => Promise<unknown>): Promise<unknown> => {
        const { result, failures, p99, took } = await besides(cache, task);
        expect([name, failures]).toEqual([name, []]);
        table.push(
          `  ${name.padEnd(30)} ${took.toFixed(0).padStart(6)} ms, p99 of the other's get ${p99.toFixed(1)} ms`,
        );
        return result;
      };
      let loaded = 0;
      const load = (missing: readonly string[]): Map<string, number> => {
        loaded += missing.length;
        return valuesOf(missing, (index) => index);
      };
      const get = () => cache.getOrSetMany(KEYS, load, tagged);
      expect(await attempt("getOrSetMany, none there", get)).toEqual(valuesOf(KEYS, (index) => index));
      expect(await attempt("getOrSetMany, all there", get)).toEqual(valuesOf(KEYS, (index) => index));
      expect(loaded).toBe(COUNT);
      const values = valuesOf(KEYS, (index) => index + 1);
      expect(await attempt("setMany", () => cache.setMany(values, tagged))).toEqual([]);
      expect(await attempt("getMany", () => cache.getMany(KEYS, tagged))).toEqual(values);
      expect(await attempt("getMany, tags not named", () => cache.getMany(KEYS))).toEqual(values);
      const brief = { ...tagged, timeout: 20 };
      expect(await attempt("setMany that ends leases", () => cache.setMany(values, brief))).toEqual([]);
      expect(await attempt("hasMany", () => cache.hasMany(KEYS))).toEqual(new Set(KEYS));
      expect(await attempt("touchMany", () => cache.touchMany(KEYS, 600))).toEqual(new Set(KEYS));
      expect(await attempt("persistMany", () => cache.persistMany(KEYS))).toEqual(new Set(KEYS));
      expect(await attempt("ttlMany", () => cache.ttlMany(KEYS))).toEqual(
        new Map(KEYS.map((key) => [key, null])),
      );
      expect(await attempt("touchMany to 0", () => cache.touchMany(KEYS, 0))).toEqual(new Set(KEYS));
      expect(await attempt("addMany", () => cache.addMany(values))).toEqual(KEYS);
      expect(await attempt("takeMany", () => cache.takeMany(KEYS))).toEqual(values);
      await cache.setMany(values);
      expect(await attempt("incrMany", () => cache.incrMany(KEYS))).toEqual(
        valuesOf(KEYS, (index) => index + 2),
      );
      expect(await attempt("keys", async () => (await cache.keys("*")).length)).toBe(COUNT);
      expect(await attempt("deleteMany", () => cache.deleteMany(KEYS))).toBe(COUNT);
      await cache.setMany(values);
      expect(await attempt("clear", () => cache.clear())).toBeGreaterThanOrEqual(COUNT);
      say([`${COUNT} keys on ${place}, ${kind}:`, ...table].join("\n"));
    },
  );

  test("that another process is loading are waited for, and loaded once", OPTIONS, async () => {
    const keyPrefix = newPrefix();
    const [first, second] = [openOn(server.settings, { keyPrefix }), openOn(server.settings, { keyPrefix })];
    let loaded = 0;
    const load = async (missing: readonly string[]): Promise<Map<string, number>> => {
      loaded += missing.length;
      await sleep(200);
      return valuesOf(missing, () => 7);
    };
    const both = await Promise.all([first, second].map((cache) => cache.getOrSetMany(KEYS, load)));
    expect(both).toEqual([valuesOf(KEYS, () => 7), valuesOf(KEYS, () => 7)]);
    expect(loaded).toBe(COUNT);
  });
});

describeWithRedis("of one call", () => {
  test("no more commands are under way at once than a twentieth of what the client takes, while leases are renewed too", async () => {
    const server = await serverForTest();
    const client = createClient({ url: server.url, disableOfflineQueue: true });
    await client.connect();
    onTestFinished(() => client.destroy());
    const sendCommand = client.sendCommand.bind(client);
    let underWay = 0;
    let most = 0;
    let renewals = 0;
    client.sendCommand = (async (args: readonly string[], options: object) => {
      most = Math.max(most, ++underWay);
      if (args[0]?.startsWith("EVAL") === true) renewals++;
      return sendCommand([...args], options).finally(() => void underWay--);
    }) as typeof client.sendCommand;
    const cache = openOn({ client }, { lease: "300ms" });
    const keys = KEYS.slice(0, 2000);
    const values = valuesOf(keys, () => 1);
    const load = async (): Promise<Map<string, number>> => {
      const before = renewals;
      while (renewals < before + keys.length) await sleep(10);
      return values;
    };
    await cache.getOrSetMany(keys, load, { tags: ["a"] });
    await cache.getMany(keys);
    await cache.setMany(values, { timeout: 20, tags: ["b"] });
    await cache.setMany(values, { timeout: 100 });
    await cache.incrMany(keys);
    await cache.touchMany(keys, null);
    await cache.ttlMany(keys);
    await cache.touchMany(keys, 0);
    await cache.setMany(values, { tags: ["b"] });
    await cache.touchMany(keys, 60);
    await cache.takeMany(keys);
    await cache.getOrSetMany(keys, () => Promise.reject(new Error("the source is down"))).catch(() => {});
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(5000 / 20);
  });

  test("of which a part was executed, an error says that the outcome is unknown", async () => {
    const rules = "~*:1:mine* +@all";
    const server = await serverForTest({ user: { name: "app", password: "pw", rules } });
    const cache = openOn({ ...server.settings, username: "app", password: "pw" });
    const keys = [...KEYS.slice(0, COMMANDS_AT_ONCE).map((key) => `mine:${key}`), "others"];
    await cache.setMany(valuesOf(keys.slice(0, -1), () => 1));
    expect(await errorOf(cache.incrMany(keys))).toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "unknown",
    });
    expect(await cache.get("mine:key0")).toBe(2);
    expect(await errorOf(cache.touchMany(keys, 0))).toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "unknown",
    });
    expect(await cache.get("mine:key0")).toBeUndefined();
    expect(await errorOf(cache.incrMany(["others"]))).toMatchObject({ outcome: "not-sent" });
  });

  test("incrMany adds to all counters that are there, and then tells of the first that is not", async () => {
    const cache = openOn((await serverForTest()).settings);
    await cache.setMany({ a: 1, c: 1, text: "x", z: 1 });
    expect(await errorOf(cache.incrMany(["a", "b", "c"]))).toMatchObject({
      code: "ERR_CACHE_KEY_NOT_FOUND",
      key: "b",
    });
    expect(await errorOf(cache.incrMany(["a", "text", "z"]))).toMatchObject({
      code: "ERR_CACHE_NOT_INTEGER",
      key: "text",
    });
    expect(await cache.getMany(["a", "c", "z"])).toEqual(new Map(Object.entries({ a: 3, c: 2, z: 2 })));
  });
});

describeWithRedis("more commands at once than the client takes", () => {
  const burst = (cache: Cache): Promise<PromiseSettledResult<unknown>[]> =>
    Promise.allSettled(Array.from({ length: 6000 }, () => cache.get("k")));

  test("fail with an error of their own, which was not sent and blames no server", async () => {
    const cache = openOn((await serverForTest()).settings);
    await cache.set("k", 1);
    const results = await burst(cache);
    const failed = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as unknown] : [],
    );
    expect(failed.length).toBe(1000);
    expect(failed[0]).toBeInstanceOf(RedisQueueFullError);
    expect(failed[0]).toMatchObject({
      name: "RedisQueueFullError",
      code: "ERR_STORE_CONNECTION",
      outcome: "not-sent",
      message:
        'Redis connection "default": GET was not sent, since this process has as many commands under way as the client ' +
        "takes (The queue is full). Do less at once, or use another connection for it; the server may be well.",
    });
    expect(await cache.get("k")).toBe(1);
  });

  test('are misses with onStoreError "miss", and no outage: the store is asked again at once', async () => {
    const cache = openOn((await serverForTest()).settings, { onStoreError: "miss" });
    await cache.set("k", 1);
    const operations: string[] = [];
    cache.on("storeError", ({ operation }) => operations.push(operation));
    const results = await burst(cache);
    expect(
      results.filter((result) => result.status === "fulfilled" && result.value === undefined).length,
    ).toBe(1000);
    expect(operations.length).toBe(1000);
    expect(await cache.get("k")).toBe(1);
  });
});
