import { describe, expect, test } from "vitest";
import { withMembers } from "../../../test/support/session-harness.ts";
import { openCachedDb } from "../../../test/support/cached-db-store.ts";
import { after, etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import type { SessionStore } from "../session-store.ts";
import { cachedDbSessionStore } from "./index.ts";

describe.each([
  ["cached-db", true],
  ["cached-db, without copies", false],
])("%s", (name, copies) => {
  describeSessionStore({ describe, it: test }, name, {
    hasReadWithTtl: true,
    open: () => {
      const { store, clock } = openCachedDb({ copies });
      return { store, advance: (span) => clock.advance(span) };
    },
  });
});

describe("cachedDbSessionStore", () => {
  test("reads only from the cache once there is a copy, which lives as long as the record", async () => {
    const { store, database, clock, copyOf } = openCachedDb();
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    clock.advance(HOUR / 2);
    expect(await store.read(key, later())).toBe("one");
    failOnce(database, "read");
    expect(await store.read(key, later())).toBe("one");
    clock.advance(HOUR / 2);
    expect(await copyOf(key)).toBeUndefined();
  });

  test("a touch prolongs the copy too", async () => {
    const { store, clock, copyOf } = openCachedDb();
    const key = newSessionKey();
    await store.create(key, "one", 1000, later());
    await store.read(key, later());
    await store.touch(key, etag("one"), HOUR, later());
    clock.advance(2000);
    expect(await copyOf(key)).toBe("one");
  });

  test("a write fails as not-sent, and writes nothing, when the cache is unavailable before the database is called", async () => {
    const { store, cache, database } = openCachedDb();
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    failOnce(cache, "set");
    await expect(store.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "not-sent",
    });
    expect(await database.read(key, later())).toBe("one");
  });

  test("refuses unsuitable stores", () => {
    const { context, cache, database } = openCachedDb();
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

describe("cachedDbSessionStore without copies, for a while beside others", () => {
  test("reads from the database, and so sees the writes of instances that know only the database", async () => {
    const { store, database, copyOf } = openCachedDb({ copies: false });
    const key = newSessionKey();
    await store.create(key, "one", HOUR, later());
    await store.commit(key, "two", etag("one"), HOUR, later());
    await store.read(key, later());
    expect(await copyOf(key)).toBeUndefined();
    await database.commit(key, "three", etag("two"), HOUR, later());
    expect(await store.read(key, later())).toBe("three");
  });

  test("its writes and deletes are visible to instances with copies at once", async () => {
    const { store, cache, database, context } = openCachedDb();
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

test("a read that the database has answered succeeds even if the cache fails at the copy", async () => {
  const { store, cache, database } = openCachedDb();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  failOnce(cache, "compareAndSet");
  expect(await store.read(key, later())).toBe("one");
  failOnce(cache, "compareAndSet");
  expect(await store.read(newSessionKey(), later())).toBeUndefined();
});

test("a write whose preceding step got no answer fails as not-sent, with a message that says so and does not guess", async () => {
  const { store, cache, database } = openCachedDb();
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
