import { expect } from "vitest";

import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache } from "./support.ts";

describeWithRedis("what other programs see of a cache in Redis", () => {
  const test = redisTest.extend(
    "raw",
    ({ server }) =>
      (key: string): Promise<unknown> =>
        server.command("GET", key),
  );

  test("plain values are Django's JSON, and integers are digits, whether set or loaded", async ({
    server,
    raw,
  }) => {
    const cache = openCache(server, { keyPrefix: "plain" });
    await cache.set("text", "Žofie");
    await cache.getOrSet("loaded", () => ({ a: [1, null, true] }));
    await cache.getOrSet("counter", () => 41);
    await cache.getOrSetMany(["many"], () => ({ many: 7 }));
    expect(await raw("plain:1:text")).toBe('"Žofie"');
    expect(await raw("plain:1:loaded")).toBe('{"a":[1,null,true]}');
    expect(await server.command("INCR", "plain:1:counter")).toBe(42);
    expect(await raw("plain:1:many")).toBe("7");
    expect(await cache.get("counter")).toBe(42);
  });

  test("entries with tags, and those that may be stale, begin with a line that no JSON begins with", async ({
    server,
    raw,
  }) => {
    const cache = openCache(server, { keyPrefix: "headed" });
    await cache.set("tagged", 1, { tags: ["t"] });
    await cache.getOrSet("stale", () => [1], { stale: "1m" });
    await cache.getOrSet("spare", () => [1], { staleIfError: "1m" });
    await cache.getOrSet("early", () => [1], { early: true });
    for (const [key, value] of [
      ["tagged", "1"],
      ["stale", "[1]"],
      ["spare", "[1]"],
      ["early", "[1]"],
    ]) {
      expect(await raw(`headed:1:${key}`)).toMatch(/^~\{"at":\d+,"nonce":"[^"]+"[^\n]*\}\n/);
      expect(String(await raw(`headed:1:${key}`)).split("\n")[1]).toBe(value);
    }
    expect(await raw("headed:1:~tag:t")).toMatch(/^\S+$/);
  });

  test("no lease is left when a load has ended, however it has ended", async ({ server }) => {
    const cache = openCache(server, { keyPrefix: "leases" });
    await cache.getOrSet("a", 1);
    await cache.getOrSet("b", () => undefined);
    await cache.getOrSet("c", 1, { timeout: 0 });
    await cache.getOrSet("d", (context) => (context.skip(), 1));
    await cache.getOrSet("e", () => Promise.reject(new Error("down"))).catch(() => {});
    await cache.getOrSet("f", () => cache.set("f", 1));
    await cache.getOrSet("g", () => cache.delete("g"));
    await cache.getOrSet<unknown>("h", () => new Date()).catch(() => {});
    expect(((await server.command("KEYS", "leases:*")) as string[]).toSorted()).toEqual([
      "leases:1:a",
      "leases:1:f",
    ]);
  });
});
