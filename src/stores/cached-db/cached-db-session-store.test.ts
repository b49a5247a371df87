import { describe, expect, it } from "vitest";
import { withMembers } from "../../../test/support/session-harness.ts";

import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import type { CacheStore } from "../cache-store.ts";
import { memoryCacheStore, memorySessionStore } from "../memory/index.ts";
import type { SessionStore } from "../session-store.ts";
import { cachedDbSessionStore } from "./index.ts";

const later = (): Deadline => new Deadline(30_000);
const etag = (record: string) => ({ start: 0, text: record });
const HOUR = 3_600_000;

function open({ copies }: { copies?: boolean } = {}) {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const [cache, database] = [memoryCacheStore()(context), memorySessionStore()(context)];
  const store = cachedDbSessionStore({ cache: () => cache, database: () => database, copies })(context);
  const copyOf = async (key: SessionKey) =>
    (await cache.get(`shop:cached-sessions:${key}`, later()))?.toString();
  return { clock, context, cache, database, store, copyOf };
}

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

/** Runs an action once, after a method of a store has answered and before its caller knows. */
function after<Store extends object>(store: Store, method: keyof Store, act: () => Promise<unknown>): void {
  const original = store[method] as (...args: unknown[]) => Promise<unknown>;
  Object.assign(store, {
    async [method](...args: unknown[]) {
      Object.assign(store, { [method]: original });
      const answer = await original.apply(store, args);
      await act();
      return answer;
    },
  });
}

function signal() {
  let give = () => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { give: () => give(), given };
}

function failOnce<Store extends object>(store: Store, method: keyof Store): void {
  const original = store[method];
  Object.assign(store, {
    async [method]() {
      Object.assign(store, { [method]: original });
      throw new StoreConnectionError("the cache is away", { outcome: "unknown" });
    },
  });
}

describe.each([
  ["cached-db", true],
  ["cached-db, without copies", false],
])("%s", (name, copies) => {
  describeSessionStore({ describe, it }, name, {
    hasReadWithTtl: true,
    open: () => {
      const { store, clock } = open({ copies });
      return { store, advance: (span) => clock.advance(span) };
    },
  });
});

describe("the races of cached_db", () => {
  // Each race is also run on the naive form, to show that it is a race.
  it("(a) a reader that fills the cache does not bring back a session that is deleted meanwhile", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = open();
      const subject = isNaive ? naive(cache, database) : store;
      const key = newSessionKey();
      await database.create(key, "one", HOUR, later());
      after(database, isNaive ? "read" : "readWithTtl", () => subject.delete(key, later()));
      await subject.read(key, later());
      expect(await subject.read(key, later())).toBe(isNaive ? "one" : undefined);
    }
  });

  it("(b) a reader that fills the cache does not hide a change made meanwhile: the next reader sees it", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = open();
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

  it("(c) a cache that fails after the database was written leaves no old copy", async () => {
    for (const isNaive of [true, false]) {
      const { store, cache, database } = open();
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

  it("(c) a cache that fails after a logout leaves no old copy", async () => {
    const { store, cache, database, clock } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    after(database, "delete", async () => failOnce(cache, "compareAndSet"));
    expect(await store.delete(key, later())).toBe(true);
    expect(await store.read(key, later())).toBeUndefined();
    clock.advance(60_000);
    expect(await store.read(key, later())).toBeUndefined();
  });

  it("(d) of two writers of one version one commits, and the other gets a conflict with the record in the database", async () => {
    const { store, database } = open();
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

  it("a writer whose mark is gone does not leave a copy that was made meanwhile", async () => {
    const { store, cache, database, copyOf } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    after(cache, "setMany", async () => {
      await cache.deleteMany([`shop:cached-sessions:${key}`], later());
      await store.read(key, later());
    });
    await store.commit(key, "two", etag("one"), HOUR, later());
    expect(await copyOf(key)).toBeUndefined();
    expect(await store.read(key, later())).toBe("two");
  });
});

describe("cachedDbSessionStore, with a cache that forgets", () => {
  it("a copy that was begun while a writer's mark was gone is not finished after the write", async () => {
    const { store, cache, database } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    let reading: Promise<string | undefined> | undefined;
    const [committed, hasRead] = [signal(), signal()];
    after(cache, "setMany", async () => {
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

describe("cachedDbSessionStore without copies, for a while beside others", () => {
  it("reads from the database, and so sees the writes of instances that know only the database", async () => {
    const { store, database, copyOf } = open({ copies: false });
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    await store.commit(key, "two", etag("one"), HOUR, later());
    await store.read(key, later());
    expect(await copyOf(key)).toBeUndefined();
    await database.commit(key, "three", etag("two"), HOUR, later());
    expect(await store.read(key, later())).toBe("three");
  });

  it("its writes and deletes are visible to instances with copies at once", async () => {
    const { store, cache, database, context } = open();
    const key = newSessionKey();
    const other = cachedDbSessionStore({ cache: () => cache, database: () => database, copies: false })(
      context,
    );
    await store.create(key, "one", HOUR, later());
    expect(await store.read(key, later())).toBe("one");
    await other.commit(key, "two", etag("one"), HOUR, later());
    expect(await store.read(key, later())).toBe("two");
    await other.delete(key, later());
    expect(await store.read(key, later())).toBeUndefined();
  });
});

describe("cachedDbSessionStore", () => {
  it("reads only from the cache once there is a copy, which lives as long as the record", async () => {
    const { store, database, clock, copyOf } = open();
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    clock.advance(HOUR / 2);
    expect(await store.read(key, later())).toBe("one");
    failOnce(database, "read");
    expect(await store.read(key, later())).toBe("one");
    clock.advance(HOUR / 2);
    expect(await copyOf(key)).toBeUndefined();
  });

  it("a touch prolongs the copy too", async () => {
    const { store, clock, copyOf } = open();
    const key = newSessionKey();
    await store.create(key, "one", 1000, later());
    await store.read(key, later());
    await store.touch(key, etag("one"), HOUR, later());
    clock.advance(2000);
    expect(await copyOf(key)).toBe("one");
  });

  it("a cache that is unavailable before the database is called: not-sent, and nothing is written", async () => {
    const { store, cache, database } = open();
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    failOnce(cache, "setMany");
    await expect(store.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "not-sent",
    });
    expect(await database.read(key, later())).toBe("one");
  });

  it("refuses unsuitable stores", () => {
    const { context, cache, database } = open();
    const weak = withMembers(cache, {
      name: "weak",
      capabilities: { ...cache.capabilities, compareAndSet: false },
    });
    expect(() => cachedDbSessionStore({ cache: () => weak, database: () => database })(context)).toThrow(
      'cachedDbSessionStore.cache: the store "weak" cannot compare and set',
    );
    const mute = withMembers<SessionStore>(database, { name: "mute", readWithTtl: undefined });
    expect(() => cachedDbSessionStore({ cache: () => cache, database: () => mute })(context)).toThrow(
      'cachedDbSessionStore.database: the store "mute" does not report the remaining time to live of a record',
    );
    expect(() => cachedDbSessionStore({} as never)(context)).toThrow(
      "cachedDbSessionStore.database: expected a store",
    );
  });
});

it("a touch does not prolong the copy of a version that was written after it", async () => {
  const { store, database, clock, copyOf } = open();
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
  it("removes the copy if the database says gone: a session with a late logout does not stay logged in", async () => {
    const { store, database, copyOf } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    await database.delete(key, later());
    expect(await copyOf(key)).toBe("one");
    expect(await store.touch(key, etag("one"), HOUR, later())).toEqual({ status: "gone" });
    expect(await store.read(key, later())).toBeUndefined();
  });

  it("removes it on a conflict, unless it is the record in the database", async () => {
    const { store, database, copyOf } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    await database.commit(key, "two", etag("one"), HOUR, later());
    expect(await store.touch(key, etag("one"), HOUR, later())).toEqual({ status: "conflict", record: "two" });
    expect(await store.read(key, later())).toBe("two");
    expect(await store.touch(key, etag("old"), HOUR, later())).toEqual({ status: "conflict", record: "two" });
    expect(await copyOf(key)).toBe("two");
  });

  it("leaves the mark of a writer, and succeeds when the cache is unavailable", async () => {
    const { store, cache, database, copyOf } = open();
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

describe("a write that the database has certainly refused", () => {
  const refuse = (database: SessionStore, method: "commit" | "delete" | "deleteIfMatch") => {
    const error = new StoreConnectionError("away", { outcome: "not-sent" });
    const original = database[method];
    Object.assign(database, {
      [method]: () => (Object.assign(database, { [method]: original }), Promise.reject(error)),
    });
  };

  it.each(["commit", "delete", "deleteIfMatch"] as const)(
    "%s: the copy is restored, with the same expiry",
    async (method) => {
      const { store, database, clock, copyOf } = open();
      const key = newSessionKey();
      await database.create(key, "one", HOUR, later());
      await store.read(key, later());
      refuse(database, method);
      const writing = {
        commit: () => store.commit(key, "two", etag("one"), HOUR, later()),
        delete: () => store.delete(key, later()),
        deleteIfMatch: () => store.deleteIfMatch(key, etag("one"), later()),
      }[method];
      await expect(writing()).rejects.toMatchObject({ outcome: "not-sent" });
      failOnce(database, "read");
      expect(await store.read(key, later())).toBe("one");
      clock.advance(HOUR);
      expect(await copyOf(key)).toBeUndefined();
    },
  );

  it("leaves nothing behind if there was no copy, even if it has used up its time", async () => {
    const { store, database, copyOf } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    refuse(database, "commit");
    const late = new Deadline(1);
    await store.commit(key, "two", etag("one"), HOUR, late).catch(() => {});
    await expect.poll(() => copyOf(key)).toBeUndefined();
    expect(await store.read(key, later())).toBe("one");
  });

  it("does not put its copy over another writer's entry", async () => {
    const { store, database } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    const original = database.commit.bind(database);
    Object.assign(database, {
      async commit() {
        Object.assign(database, { commit: original });
        await store.commit(key, "two", etag("one"), HOUR, later());
        throw new StoreConnectionError("away", { outcome: "not-sent" });
      },
    });
    await expect(store.commit(key, "x", etag("one"), HOUR, later())).rejects.toThrow("away");
    expect(await store.read(key, later())).toBe("two");
  });

  it("after a write of unknown outcome the mark stays, and all reads go to the database", async () => {
    const { store, database, copyOf } = open();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    await store.read(key, later());
    failOnce(database, "commit");
    await expect(store.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "unknown",
    });
    expect(await copyOf(key)).toMatch(/^!/);
  });
});

it("a read that the database has answered succeeds even if the cache fails at the copy", async () => {
  const { store, cache, database } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  failOnce(cache, "compareAndSet");
  expect(await store.read(key, later())).toBe("one");
  failOnce(cache, "compareAndSet");
  expect(await store.read(newSessionKey(), later())).toBeUndefined();
});

it("a step before the write that got no answer is not a write: the message says so, and does not guess", async () => {
  const { store, cache, database } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  after(cache, "get", () =>
    Promise.reject(
      new StoreConnectionError("SET may or may not have been executed.", { outcome: "unknown" }),
    ),
  );
  const error: Error = await store.commit(key, "two", etag("one"), HOUR, later()).then(
    () => new Error("It did not fail."),
    (reason: unknown) => reason as Error,
  );
  expect(error).toMatchObject({ outcome: "not-sent" });
  expect(error.message).toMatch(/^Nothing was written/);
  expect((error.cause as Error).message).toContain("may or may not");
});
