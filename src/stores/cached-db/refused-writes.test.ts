import { describe, expect, test } from "vitest";
import { openCachedDb } from "../../../test/support/cached-db-store.ts";
import { etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../session-store.ts";

describe("a write that the database has certainly refused", () => {
  const refuse = (database: SessionStore, method: "commit" | "delete" | "deleteIfMatch") => {
    const error = new StoreConnectionError("away", { outcome: "not-sent" });
    const original = database[method];
    Object.assign(database, {
      [method]: () => (Object.assign(database, { [method]: original }), Promise.reject(error)),
    });
  };

  test.each(["commit", "delete", "deleteIfMatch"] as const)(
    "restores the copy with the same expiry: %s",
    async (method) => {
      const { store, database, clock, copyOf } = openCachedDb();
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

  test("leaves nothing behind if there was no copy, even if it has used up its time", async () => {
    const { store, database, copyOf } = openCachedDb();
    const key = newSessionKey();
    await database.create(key, "one", HOUR, later());
    refuse(database, "commit");
    const late = new Deadline(1);
    await store.commit(key, "two", etag("one"), HOUR, late).catch(() => {});
    await expect.poll(() => copyOf(key)).toBeUndefined();
    expect(await store.read(key, later())).toBe("one");
  });

  test("does not put its copy over another writer's entry", async () => {
    const { store, database } = openCachedDb();
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
});

test("a write of unknown outcome leaves its mark, and all reads go to the database", async () => {
  const { store, database, copyOf } = openCachedDb();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  await store.read(key, later());
  failOnce(database, "commit");
  await expect(store.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
    outcome: "unknown",
  });
  expect(await copyOf(key)).toMatch(/^!/);
});
