import { describe, expect, test } from "vitest";
import { openCachedDb } from "../../../test/support/cached-db-store.ts";
import { after, etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { newSessionKey } from "../../core/ids.ts";

test("a touch does not prolong the copy of a version that was written after it", async () => {
  const { store, database, clock, copyOf } = openCachedDb();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  await store.read(key, later());
  after(database, "touch", () => store.commit(key, "two", etag("one"), 1000, later()));
  await store.touch(key, etag("one"), HOUR, later());
  expect(await copyOf(key)).toBe("two");
  clock.advance(1000);
  expect(await store.read(key, later())).toBeUndefined();
});

describe("a touch whose answer differs from the copy", () => {
  test("removes the copy if the database says gone: a session with a late logout does not stay logged in", async () => {
    const { store, database, copyOf } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    await database.delete(key, later());
    expect(await copyOf(key)).toBe("one");
    expect(await store.touch(key, etag("one"), HOUR, later())).toEqual({ status: "gone" });
    expect(await store.read(key, later())).toBeUndefined();
  });

  test("removes it on a conflict, unless it is the record in the database", async () => {
    const { store, database, copyOf } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    await database.commit(key, "two", etag("one"), HOUR, later());
    expect(await store.touch(key, etag("one"), HOUR, later())).toEqual({ status: "conflict", record: "two" });
    expect(await store.read(key, later())).toBe("two");
    expect(await store.touch(key, etag("old"), HOUR, later())).toEqual({ status: "conflict", record: "two" });
    expect(await copyOf(key)).toBe("two");
  });

  test("leaves the mark of a writer, and succeeds when the cache is unavailable", async () => {
    const { store, cache, database, copyOf } = openCachedDb();
    const key = newSessionKey();
    await cache.setMany(
      [{ key: `shop:cached-sessions:${key}`, value: "!mark", ttl: HOUR }],
      "always",
      later(),
    );
    expect(await store.touch(key, etag("one"), HOUR, later())).toEqual({ status: "gone" });
    expect(await copyOf(key)).toBe("!mark");
    await database.create(key, "two", HOUR, later());
    failOnce(cache, "get");
    expect((await store.touch(key, etag("one"), HOUR, later())).status).toBe("conflict");
  });
});
