import { expect, onTestFinished } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { CacheCorruptError, CacheKeyNotFoundError, CacheNotIntegerError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { gate } from "../../support/cache-harness.ts";
import { checkAgainstModel, stepsOf } from "../../support/cache-model.ts";
import { expectServiceError } from "../../support/redis-connections.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { scaled } from "../../support/scale.ts";
import { openCache, openCacheOn } from "./support.ts";

describeWithRedis("a cache on Redis", () => {
  const test = redisTest.extend(
    "open",
    ({ server }) =>
      (settings?: CacheSettings): Cache =>
        openCache(server, settings),
  );

  test("lies in Redis as Django and codex-django lay it out", async ({ open, server }) => {
    const cache = open({ keyPrefix: "myproject" });
    await cache.set("user:42", { name: "Žofie", tags: [] }, { timeout: 100.5 });
    expect(await server.command("GET", "myproject:1:user:42")).toBe('{"name":"Žofie","tags":[]}');
    expect(await server.command("TYPE", "myproject:1:user:42")).toBe("string");
    const ttl = Number(await server.command("PTTL", "myproject:1:user:42"));
    expect(ttl).toBeGreaterThan(50_000);
    expect(ttl).toBeLessThanOrEqual(100_500);
    await cache.set("n", 41, { version: 2, timeout: null });
    expect(await server.command("INCR", "myproject:2:n")).toBe(42);
    expect(await server.command("TTL", "myproject:2:n")).toBe(-1);
    expect(await cache.get("n", { version: 2 })).toBe(42);
  });

  test("reads what Python's json.dumps and counters leave there", async ({ open, server }) => {
    const cache = open({ keyPrefix: "python" });
    await server.command(
      "SET",
      "python:1:k",
      '{"a": 1.0, "b": NaN, "c": 12345678901234567890, "d": "\\u00e9"}',
    );
    await server.command("SET", "python:1:n", "12345678901234567890");
    expect(await cache.get("k")).toEqual({ a: 1, b: Number.NaN, c: 12345678901234567890n, d: "é" });
    expect(await cache.get("n")).toBe(12345678901234567890n);
    await expect(cache.incr("n")).rejects.toThrow(CacheNotIntegerError);
  });

  test("a pickle of Django's own Redis cache is a typed error under get, and is replaced by getOrSet", async ({
    open,
    server,
  }) => {
    const cache = open({ keyPrefix: "pickled" });
    const pickle = Buffer.from("80059506000000000000008c02c3a9942e", "hex");
    const client = await server.client();
    onTestFinished(() => client.destroy());
    await client.sendCommand(["SET", "pickled:1:k", pickle]);
    await expect(cache.get("k")).rejects.toThrow(CacheCorruptError);
    const events: unknown[] = [];
    cache.on("corrupt", (event) => events.push(event));
    expect(await cache.getOrSet("k", () => "é")).toBe("é");
    expect(await cache.get("k")).toBe("é");
    expect(events).toEqual([{ key: "k", problem: "JSON is malformed at position 0" }]);
  });

  test("any sequence of calls answers as a plain Map would, and getMany agrees with get", async ({
    server,
  }) => {
    const redis = new RedisRegistry({ default: server.settings });
    onTestFinished(() => redis.close());
    // No call waits, so an entry either has ended at once or does not end.
    const steps = stepsOf([null, 60, 0, -1], false);
    const openNext = () => ({ cache: openCacheOn(redis), wait: () => {} });
    await expect(checkAgainstModel(steps, openNext, scaled(40, 2000))).resolves.toBeUndefined();
  });

  test("100 concurrent incr from four processes make 100, each seeing another sum, and keep the time to live", async ({
    open,
    server,
  }) => {
    const processes = Array.from({ length: 4 }, () => open({ keyPrefix: "counters" }));
    await processes[0]?.set("n", 0, { timeout: 100 });
    const sums = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => processes[index % 4]?.incr("n")),
    );
    expect(new Set(sums)).toEqual(new Set(Array.from({ length: 100 }, (_, index) => index + 1)));
    expect(await processes[1]?.get("n")).toBe(100);
    const ttl = Number(await server.command("PTTL", "counters:1:n"));
    expect(ttl).toBeGreaterThan(50_000);
    expect(ttl).toBeLessThanOrEqual(100_000);
  });

  // The steps of django-ratelimit: django-wire.md, section 6.
  test("a rate limit counts: one add of many wins and sets the window, the others count on, nobody begins it again", async ({
    open,
    server,
  }) => {
    const processes = Array.from({ length: 4 }, () => open({ keyPrefix: "limits" }));
    const hit = async (cache: Cache): Promise<number> =>
      (await cache.add("rl:1", 1, { timeout: 65 })) ? 1 : cache.incr("rl:1");
    const counts = await Promise.all(
      Array.from({ length: 40 }, (_, index) => hit(processes[index % 4] ?? open())),
    );
    expect(counts.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    const ttl = Number(await server.command("PTTL", "limits:1:rl:1"));
    expect(ttl).toBeGreaterThan(55_000);
    expect(ttl).toBeLessThanOrEqual(65_000);
    await server.command("DEL", "limits:1:rl:1");
    await expect(processes[0]?.incr("rl:1")).rejects.toThrow(CacheKeyNotFoundError);
    expect(await server.command("EXISTS", "limits:1:rl:1")).toBe(0);
  });

  test("a value that another process has stored during a load counts, and is what the callers get", async ({
    open,
  }) => {
    const [one, other] = [open({ keyPrefix: "loads" }), open({ keyPrefix: "loads" })];
    const { promise, open: finish } = gate<string>();
    const results = Array.from({ length: 20 }, () => one.getOrSet("k", () => promise));
    await other.ping();
    await other.set("k", "theirs");
    finish("ours");
    expect(new Set(await Promise.all(results))).toEqual(new Set(["theirs"]));
    expect(await one.get("k")).toBe("theirs");
  });

  test("a delete during a load wins, also one that is not answered yet when the load ends", async ({
    open,
  }) => {
    const cache = open();
    for (let round = 0; round < 50; round++) {
      const { promise, open: finish } = gate<string>();
      const started = gate();
      const result = cache.getOrSet("k", () => (started.open(), promise));
      await started.promise;
      const deletion = cache.delete("k");
      finish("old");
      expect(await result).toBe("old");
      await deletion;
      expect(await cache.has("k")).toBe(false);
    }
  });

  test("data of another type under a key is an error that says so", async ({ open, server }) => {
    const cache = open({ keyPrefix: "typed" });
    await server.command("RPUSH", "typed:1:k", "x");
    await expectServiceError(cache.get("k"), "not-sent");
    await expectServiceError(cache.getOrSet("k", 1), "not-sent");
    await expectServiceError(cache.incr("k"), "not-sent");
    await expectServiceError(cache.has("k"), "not-sent");
    expect(await cache.add("k", 1)).toBe(false);
  });
});
