import { expect } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { newPrefix, openCache } from "./support.ts";

describeWithRedis("tags", () => {
  const test = redisTest
    /** The same cache in two processes. */
    .extend(
      "openTwo",
      ({ server }) =>
        (settings: CacheSettings = {}): { one: Cache; other: Cache; keyPrefix: string } => {
          const keyPrefix = newPrefix();
          const open = (): Cache => openCache(server, { keyPrefix, ...settings });
          return { one: open(), other: open(), keyPrefix };
        },
    );

  test("an invalidation by another process makes all entries with one of the tags misses, and no others", async ({
    openTwo,
  }) => {
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

  test("an invalidation costs one deletion a tag, however many entries have it", async ({
    openTwo,
    server,
  }) => {
    const { one, other, keyPrefix } = openTwo();
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
    await one.setMany(Object.fromEntries(keys.map((key) => [key, 1])), { tags: ["t"] });
    const before = Number(await server.command("DBSIZE"));
    await other.invalidateTags(["t"]);
    expect(Number(await server.command("DBSIZE"))).toBe(before - 1);
    expect(await server.command("EXISTS", `${keyPrefix}:1:~tag:t`)).toBe(0);
    expect(await one.getMany(keys)).toEqual(new Map());
  });

  test("a token that Redis has lost makes entries misses, never wrong, and a new one does not bring them back", async ({
    openTwo,
    server,
  }) => {
    const { one, other, keyPrefix } = openTwo();
    await one.set("k", "old", { tags: ["t"] });
    await server.command("DEL", `${keyPrefix}:1:~tag:t`);
    expect(await other.get("k")).toBeUndefined();
    await other.set("another", 1, { tags: ["t"] });
    expect(await one.get("k")).toBeUndefined();
    expect(await one.get("another")).toBe(1);
  });

  test("a set with tags during an invalidation is not undone by it, and brings no old entries back", async ({
    openTwo,
  }) => {
    const { one, other } = openTwo();
    for (let round = 0; round < 50; round++) {
      await one.set("old", round, { tags: ["t"] });
      await Promise.all([one.set("new", round, { tags: ["t"] }), other.invalidateTags(["t"])]);
      expect(await other.get("old")).toBeUndefined();
      expect([undefined, round]).toContain(await other.get("new"));
    }
  });

  test("a tag is of one cache and version", async ({ openTwo, server }) => {
    const { one, other } = openTwo();
    await one.set("k", 1, { tags: ["t"] });
    await one.set("k", 2, { tags: ["t"], version: 2 });
    await other.invalidateTags(["t"], { version: 2 });
    await openCache(server).invalidateTags(["t"]);
    expect(await one.get("k")).toBe(1);
    expect(await one.get("k", { version: 2 })).toBeUndefined();
  });

  test("tokens live at least as long as the entries that were stored with them", async ({
    openTwo,
    server,
  }) => {
    const { one, keyPrefix } = openTwo();
    const life = async (key: string): Promise<number> =>
      Number(await server.command("PTTL", `${keyPrefix}:1:${key}`));
    await one.set("a", 1, { timeout: "2d", tags: ["t"] });
    await one.set("b", 1, { timeout: 10, tags: ["t"] });
    const [entry, token] = [await life("a"), await life("~tag:t")];
    expect(entry).toBeGreaterThan(172_000_000);
    expect(token).toBeGreaterThanOrEqual(entry);
    await one.set("c", 1, { timeout: null, tags: ["t"] });
    expect(await life("~tag:t")).toBe(-1);
  });

  // A known limit, written down in the guide: touch does not know of tags.
  test("an entry that persist lets live for ever has its tag for ever; it is a miss when Redis has lost the token", async ({
    openTwo,
    server,
  }) => {
    const { one, keyPrefix } = openTwo();
    await one.set("k", 1, { timeout: 10, tags: ["t"] });
    expect(await one.persist("k")).toBe(true);
    expect(await server.command("PTTL", `${keyPrefix}:1:k`)).toBe(-1);
    expect(await server.command("PTTL", `${keyPrefix}:1:~tag:t`)).toBe(-1);
    expect(await one.get("k")).toBe(1);
    await server.command("PEXPIRE", `${keyPrefix}:1:~tag:t`, "0");
    expect(await one.get("k")).toBeUndefined();
  });

  test("clear takes the tokens with it, and keys() does not show them", async ({ openTwo }) => {
    const { one } = openTwo();
    await one.set("k", 1, { tags: ["t"] });
    expect(await one.keys("*")).toEqual(["k"]);
    await one.clear();
    await one.set("k", 2, { tags: ["t"] });
    expect(await one.get("k")).toBe(2);
  });
});
