import { expect, test } from "vitest";
import { Signal } from "../../../test/support/signal.ts";
import { around, etag, HOUR, later } from "../../../test/support/store-steps.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { memoryCacheStore, memorySessionStore } from "../memory/index.ts";
import { cachedDbSessionStore } from "./index.ts";

function open() {
  const context = { projectName: "shop", redis: new RedisRegistry(), clock: new ManualClock() };
  // It has room for one entry, so that it drops it for another.
  const [cache, database] = [memoryCacheStore({ maxEntries: 1 })(context), memorySessionStore()(context)];
  const store = cachedDbSessionStore({ cache: () => cache, database: () => database })(context);
  const evict = () => cache.setMany([{ key: "another", value: "entry", ttl: HOUR }], "always", later());
  return { cache, clock: context.clock, database, store, evict };
}

function fail(): never {
  throw new StoreConnectionError("the cache is away", { outcome: "unknown" });
}

/** Begins a commit that writes to the database, and stops before its last step. */
async function beginCommit(
  { cache, database, store }: ReturnType<typeof open>,
  key: string,
  record: string,
  on: string,
) {
  const [written, goOn] = [new Signal(), new Signal()];
  around(database, "commit", {
    after: () => around(cache, "compareAndSet", { before: () => (written.give(), goOn.given) }),
  });
  const committed = store.commit(key, record, etag(on), HOUR, later());
  await written.given;
  return { goOn: () => goOn.give(), committed };
}

test("a writer that was first in the database does not copy a record that another one has deleted since", async () => {
  const opened = open();
  const { database, store } = opened;
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  let commit: Awaited<ReturnType<typeof beginCommit>> | undefined;
  // The deletion has put its mark. The other writer comes, writes, and stops before it copies.
  around(database, "delete", {
    before: async () => {
      commit = await beginCommit(opened, key, "two", "one");
    },
  });
  expect(await store.delete(key, later())).toBe(true);
  commit?.goOn();
  expect(await commit?.committed).toStrictEqual({ status: "committed" });
  expect(await store.read(key, later())).toBeUndefined();
});

test("a copy is not served after a concurrent delete was observed", async () => {
  const opened = open();
  const { database, store } = opened;
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  let commit: Awaited<ReturnType<typeof beginCommit>> | undefined;
  const seen: (string | undefined)[] = [];
  around(database, "delete", {
    before: async () => {
      commit = await beginCommit(opened, key, "two", "one");
    },
    after: async () => {
      seen.push(await store.read(key, later()));
      commit?.goOn();
      await commit?.committed;
      seen.push(await store.read(key, later()));
    },
  });
  expect(await store.delete(key, later())).toBe(true);
  expect(seen).toStrictEqual([undefined, undefined]);
});

test("a copy is not served after a concurrent delete whose last step found the cache unavailable", async () => {
  const opened = open();
  const { cache, database, store } = opened;
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  let commit: Awaited<ReturnType<typeof beginCommit>> | undefined;
  around(database, "delete", {
    before: async () => {
      commit = await beginCommit(opened, key, "two", "one");
    },
    after: () => around(cache, "compareAndSet", { before: fail }),
  });
  expect(await store.delete(key, later())).toBe(true);
  commit?.goOn();
  expect(await commit?.committed).toStrictEqual({ status: "committed" });
  expect(await store.read(key, later())).toBeUndefined();
});

test("a writer does not copy a record that another one has acknowledged to have overwritten since", async () => {
  const opened = open();
  const { database, store } = opened;
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  const commit = await beginCommit(opened, key, "two", "one");
  expect(await store.commit(key, "three", etag("two"), HOUR, later())).toStrictEqual({ status: "committed" });
  commit.goOn();
  await commit.committed;
  expect(await store.read(key, later())).toBe("three");
});

test("a reader does not copy a record that was overwritten meanwhile, even if the cache has dropped the new copy", async () => {
  const { database, store, evict } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  around(database, "readWithTtl", {
    after: async () => {
      await store.commit(key, "two", etag("one"), HOUR, later());
      await evict();
    },
  });
  expect(await store.read(key, later())).toBe("one");
  expect(await store.read(key, later())).toBe("two");
});

test("a reader does not copy a record if the cache has dropped the mark of a writer that is not done yet", async () => {
  const { database, store, evict } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  const [otherHasEntered, mayGoOn] = [new Signal(), new Signal()];
  let other: Promise<unknown> | undefined;
  around(database, "readWithTtl", {
    after: async () => {
      around(database, "commit", {
        before: async () => {
          around(database, "commit", { before: () => (otherHasEntered.give(), mayGoOn.given) });
          other = store.commit(key, "x", etag("old"), HOUR, later());
          await otherHasEntered.given;
        },
      });
      await store.commit(key, "two", etag("one"), HOUR, later());
      await evict();
    },
  });
  expect(await store.read(key, later())).toBe("one");
  expect(await store.read(key, later())).toBe("two");
  mayGoOn.give();
  expect(await other).toMatchObject({ status: "conflict" });
  expect(await store.read(key, later())).toBe("two");
});

test("the mark of an interrupted writer blocks copies for 30 seconds, not for as long as others write", async () => {
  const { cache, clock, database, store } = open();
  const key = newSessionKey();
  await database.create(key, "one", HOUR, later());
  around(cache, "set", { after: () => around(cache, "compareAndSet", { before: fail }) });
  await store.commit(key, "two", etag("one"), HOUR, later());
  clock.advance(20_000);
  await store.commit(key, "three", etag("two"), HOUR, later());
  expect(await cache.get(`shop:cached-sessions:${key}`, later())).toMatch(/^!/);
  clock.advance(20_000);
  await store.commit(key, "four", etag("three"), HOUR, later());
  expect(await cache.get(`shop:cached-sessions:${key}`, later())).toBe("four");
});
