import { describe, expect, test } from "vitest";
import { openCachedDb } from "../../../test/support/cached-db-store.ts";
import { Signal } from "../../../test/support/signal.ts";
import { after, etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { CacheStore } from "../cache-store.ts";
import type { SessionStore } from "../session-store.ts";

/** The behaviour of Django's cached_db: it copies without checking that the record is current. */
function naive(cache: CacheStore, database: SessionStore): Pick<SessionStore, "commit" | "delete" | "read"> {
  const put = (key: string, value: string, ttl: number) =>
    cache.setMany([{ key, value, ttl }], "always", later());
  return {
    async read(key) {
      const copy = await cache.get(key, later());
      if (copy !== undefined) return copy.toString();
      const record = await database.read(key, later());
      if (record !== undefined) await put(key, record, HOUR);
      return record;
    },
    async commit(key, record, tag, ttl) {
      const result = await database.commit(key, record, tag, ttl, later());
      if (result.status === "committed") await put(key, record, ttl);
      return result;
    },
    async delete(key) {
      const wasThere = await database.delete(key, later());
      await cache.deleteMany([key], later());
      return wasThere;
    },
  };
}

describe("the races of cached_db", () => {
  // Each race is also run on the naive form, to show that it is a race.
  test("(a) a reader that fills the cache does not bring back a session that is deleted meanwhile", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = openCachedDb();
      const subject = isNaive ? naive(cache, database) : store;
      const key = newSessionKey();
      await database.create(key, "one", HOUR, later());
      after(database, isNaive ? "read" : "readWithTtl", () => subject.delete(key, later()));
      await subject.read(key, later());
      expect(await subject.read(key, later())).toBe(isNaive ? "one" : undefined);
    }
  });

  test("(b) a reader that fills the cache does not hide a change made meanwhile: the next reader sees it", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = openCachedDb();
      const subject = isNaive ? naive(cache, database) : store;
      const key = newSessionKey();
      await database.create(key, "one", HOUR, later());
      after(database, isNaive ? "read" : "readWithTtl", () =>
        subject.commit(key, "two", etag("one"), HOUR, later()),
      );
      await subject.read(key, later());
      expect(await subject.read(key, later())).toBe(isNaive ? "one" : "two");
    }
  });

  test("(c) a cache that fails after the database was written leaves no old copy", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = openCachedDb();
      const subject = isNaive ? naive(cache, database) : store;
      const key = newSessionKey();
      await database.create(key, "one", HOUR, later());
      await subject.read(key, later());
      after(database, "commit", async () => failOnce(cache, isNaive ? "setMany" : "compareAndSet"));
      const result = await subject.commit(key, "two", etag("one"), HOUR, later()).catch(() => "failed");
      expect(result).toStrictEqual(isNaive ? "failed" : { status: "committed" });
      expect(await subject.read(key, later())).toBe(isNaive ? "one" : "two");
    }
  });

  test("(c) a cache that fails after a logout leaves no old copy", async () => {
    const { store, cache, database, clock } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    after(database, "delete", async () => failOnce(cache, "compareAndSet"));
    expect(await store.delete(key, later())).toBe(true);
    expect(await store.read(key, later())).toBeUndefined();
    clock.advance(60_000);
    expect(await store.read(key, later())).toBeUndefined();
  });

  test("(d) of two writers of one version one commits, and the other gets a conflict with the record in the database", async () => {
    const { store, database } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    const results = await Promise.all(
      ["two", "three"].map((record) => store.commit(key, record, etag("one"), HOUR, later())),
    );
    const record = await database.read(key, later());
    expect(results).toContainEqual({ status: "committed" });
    expect(results).toContainEqual({ status: "conflict", record });
    expect(await store.read(key, later())).toBe(record);
  });

  test("a writer whose mark is gone does not leave a copy that was made meanwhile", async () => {
    const { store, cache, database, copyOf } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    after(cache, "set", async () => {
      await cache.deleteMany([`shop:cached-sessions:${key}`], later());
      await store.read(key, later());
    });
    await store.commit(key, "two", etag("one"), HOUR, later());
    expect(await copyOf(key)).toBeUndefined();
    expect(await store.read(key, later())).toBe("two");
  });
});

describe("cachedDbSessionStore, with a cache that forgets", () => {
  test("a copy that was begun while a writer's mark was gone is not finished after the write", async () => {
    const { store, cache, database } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    let reading: Promise<string | undefined> | undefined;
    const [committed, hasRead] = [new Signal(), new Signal()];
    after(cache, "set", async () => {
      await cache.deleteMany([`shop:cached-sessions:${key}`], later());
      after(database, "readWithTtl", async () => {
        hasRead.give();
        await committed.given;
      });
      reading = store.read(key, later());
      await hasRead.given;
    });
    expect(await store.commit(key, "two", etag("one"), HOUR, later())).toStrictEqual({ status: "committed" });
    committed.give();
    expect(await reading).toBe("one");
    expect(await store.read(key, later())).toBe("two");
  });
});
