import { afterAll, beforeAll, expect, test } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "./support.ts";

describeWithRedis("tags", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(() => server?.stop());

  /** The same cache in two processes. */
  function openTwo(settings: CacheSettings = {}): { one: Cache; other: Cache; keyPrefix: string } {
    const keyPrefix = newPrefix();
    const open = (): Cache => openCache(server, { keyPrefix, ...settings });
    return { one: open(), other: open(), keyPrefix };
  }

  test("an invalidation by another process makes all entries with one of the tags misses, and no others", async () => {
    const { one, other } = openTwo();
    await one.setMany({ a: 1, b: 2 }, { tags: ["books", "paper"] });
    await one.set("c", 3, { tags: ["paper"] });
    await one.set("d", 4);
    await other.invalidateTags(["books"]);
    expect(await one.getMany(["a", "b", "c", "d"])).toEqual(
      new Map([
        ["c", 3],
        ["d", 4],
      ]),
    );
    expect(await one.has("a")).toBe(false);
    expect(await one.get("a", { tags: ["books"] })).toBeUndefined();
    expect(await one.getOrSet("a", () => "new", { tags: ["books"] })).toBe("new");
    expect(await other.get("a")).toBe("new");
  });

  test("an invalidation costs one deletion a tag, however many entries have it", async () => {
    const { one, other, keyPrefix } = openTwo();
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
    await one.setMany(Object.fromEntries(keys.map((key) => [key, 1])), { tags: ["t"] });
    const before = Number(await server.command("DBSIZE"));
    await other.invalidateTags(["t"]);
    expect(Number(await server.command("DBSIZE"))).toBe(before - 1);
    expect(await server.command("EXISTS", `${keyPrefix}:1:~tag:t`)).toBe(0);
    expect(await one.getMany(keys)).toEqual(new Map());
  });

  test("a token that Redis has lost makes entries misses, never wrong, and a new one does not bring them back", async () => {
    const { one, other, keyPrefix } = openTwo();
    await one.set("k", "old", { tags: ["t"] });
    await server.command("DEL", `${keyPrefix}:1:~tag:t`);
    expect(await other.get("k")).toBeUndefined();
    await other.set("another", 1, { tags: ["t"] });
    expect(await one.get("k")).toBeUndefined();
    expect(await one.get("another")).toBe(1);
  });

  test("a set with tags during an invalidation is not undone by it, nor does it bring old entries back", async () => {
    const { one, other } = openTwo();
    for (let round = 0; round < 50; round++) {
      await one.set("old", round, { tags: ["t"] });
      await Promise.all([one.set("new", round, { tags: ["t"] }), other.invalidateTags(["t"])]);
      expect(await other.get("old")).toBeUndefined();
      expect([undefined, round]).toContain(await other.get("new"));
    }
  });

  test("a tag is of one cache and version", async () => {
    const { one, other } = openTwo();
    await one.set("k", 1, { tags: ["t"] });
    await one.set("k", 2, { tags: ["t"], version: 2 });
    await other.invalidateTags(["t"], { version: 2 });
    await openCache(server).invalidateTags(["t"]);
    expect(await one.get("k")).toBe(1);
    expect(await one.get("k", { version: 2 })).toBeUndefined();
  });

  test("the token of a tag lives as long as the entry, also when touch or persist has made that longer", async () => {
    const { one, keyPrefix } = openTwo();
    const life = async (key: string): Promise<number> => Number(await server.command("PTTL", `${keyPrefix}:1:${key}`));
    await one.setMany({ touched: 1 }, { timeout: 10, tags: ["t"] });
    await one.touch("touched", 100);
    expect(await life("~tag:t")).toBeGreaterThanOrEqual(await life("touched"));
    await one.set("persisted", 1, { timeout: 10, tags: ["u"] });
    await one.persist("persisted");
    expect(await life("~tag:u")).toBe(-1);
  });

  test("tokens live as long as the entries that have them, and no longer where those end", async () => {
    const { one, keyPrefix } = openTwo();
    const life = async (tag: string): Promise<number> =>
      Number(await server.command("PTTL", `${keyPrefix}:1:~tag:${tag}`));
    await one.set("a", 1, { timeout: 100, tags: ["t"] });
    expect(await life("t")).toBeGreaterThan(90_000);
    await one.set("b", 1, { timeout: 10, tags: ["t"] });
    expect(await life("t")).toBeGreaterThan(90_000);
    expect(await life("t")).toBeLessThanOrEqual(100_000);
    await one.set("c", 1, { timeout: null, tags: ["t"] });
    expect(await life("t")).toBe(-1);
  });

  test("clear takes the tokens with it, and keys() does not show them", async () => {
    const { one } = openTwo();
    await one.set("k", 1, { tags: ["t"] });
    expect(await one.keys("*")).toEqual(["k"]);
    await one.clear();
    await one.set("k", 2, { tags: ["t"] });
    expect(await one.get("k")).toBe(2);
  });
});

describeWithRedis("what other programs see of a cache in Redis", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(() => server?.stop());

  const raw = (key: string): Promise<unknown> => server.command("GET", key);

  test("plain values are Django's JSON, and integers are digits, whether set or loaded", async () => {
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

  test("entries with tags, and those that may be stale, begin with a line that no JSON begins with", async () => {
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

  test("no lease is left when a load has ended, however it has ended", async () => {
    const cache = openCache(server, { keyPrefix: "leases" });
    await cache.getOrSet("a", 1);
    await cache.getOrSet("b", () => undefined);
    await cache.getOrSet("c", 1, { timeout: 0 });
    await cache.getOrSet("d", (context) => (context.skip(), 1));
    await cache.getOrSet("e", () => Promise.reject(new Error("down"))).catch(() => {});
    await cache.getOrSet("f", () => cache.set("f", 1));
    await cache.getOrSet("g", () => cache.delete("g"));
    await cache.getOrSet<unknown>("h", () => new Date()).catch(() => {});
    expect(((await server.command("KEYS", "leases:*")) as string[]).toSorted()).toEqual(["leases:1:a", "leases:1:f"]);
  });
});
