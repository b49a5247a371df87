import { setTimeout as pause } from "node:timers/promises";
import { expect, vi } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { StoreServiceError } from "../../../src/core/errors.ts";
import { gate } from "../../support/cache-harness.ts";
import { errorOf } from "../../support/redis-connections.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "./support.ts";

describeWithRedis("getOrSetMany in several processes", () => {
  const test = redisTest.extend(
    "openTwo",
    ({ server }) =>
      (settings: CacheSettings = {}): { one: Cache; other: Cache; keyPrefix: string } => {
        const keyPrefix = newPrefix();
        const open = (): Cache => openCache(server, { keyPrefix, ...settings });
        return { one: open(), other: open(), keyPrefix };
      },
  );

  test("when one of the keys cannot be leased, the leases on the others end with the call", async ({
    openTwo,
    server,
  }) => {
    const { one, other, keyPrefix } = openTwo({ lease: "100ms" });
    await server.command("RPUSH", `${keyPrefix}:1:list`, "x");
    const load = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, "loaded"]));
    expect(await errorOf(one.getOrSetMany(["a", "list", "b"], load))).toBeInstanceOf(StoreServiceError);
    // By now they would have been renewed more than once.
    await pause(250);
    expect(await server.command("KEYS", `${keyPrefix}:*`)).toEqual([`${keyPrefix}:1:list`]);
    expect(await other.getOrSet("a", () => "new")).toBe("new");
  });

  test("the loader of one key is told the old value of that key, also when another process loads the others", async ({
    openTwo,
    server,
  }) => {
    const { one, other } = openTwo({ stale: "1h", deadline: "5s" });
    await one.getOrSetMany(["a", "b"], () => ({ a: "old a", b: "old b" }), { timeout: 0.02 });
    await pause(30);
    const { promise, open: finish } = gate<string>();
    expect(await other.getOrSet("a", () => promise)).toBe("old a");
    await vi.waitUntil(async () => ((await server.command("KEYS", "*lease{*a}")) as string[]).length === 1);
    const told = new Promise<unknown>((resolve) => {
      void one.getOrSetMany(["a", "b"], (keys, { stale }) => {
        resolve({ keys, stale });
        return { b: "new b" };
      });
    });
    expect(await told).toEqual({ keys: ["b"], stale: "old b" });
    finish("new a");
    await vi.waitFor(async () => expect(await one.get("a")).toBe("new a"));
  });

  test("keys that another process is loading are waited for; the others are loaded meanwhile, all at once", async ({
    openTwo,
  }) => {
    const { one, other } = openTwo({ deadline: "5s" });
    const { promise, open: finish } = gate<string>();
    const started = gate();
    const theirs = other.getOrSet("a", () => (started.open(), promise));
    await started.promise;
    const loads: (readonly string[])[] = [];
    const ours = one.getOrSetMany(["a", "b", "c"], (keys) => {
      loads.push(keys);
      finish("theirs");
      return Object.fromEntries(keys.map((key) => [key, "ours"]));
    });
    expect(Object.fromEntries(await ours)).toEqual({ a: "theirs", b: "ours", c: "ours" });
    expect(await theirs).toBe("theirs");
    expect(loads).toEqual([["b", "c"]]);
  });
});
