import { describe, expect, test } from "vitest";

import { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured, StoreConnectionError } from "../core/errors.ts";
import { newSessionKey } from "../core/ids.ts";
import { RedisRegistry } from "../redis/registry.ts";
import { memoryCacheStore, memorySessionStore } from "../stores/memory/index.ts";
import type { CacheStore } from "../stores/cache-store.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { describeSessionStore } from "../testing/session-store-contract/index.ts";
import { djangoCachedDbSessionStore } from "./cached-db-session-store.ts";

const LONG_TTL = 60_000;
const RECORD = "record";
const ETAG = { start: 0, text: RECORD };
const later = (): Deadline => new Deadline(30_000);

interface Options {
  /** Called before a deletion of a copy, counted from 0. */
  readonly beforeDeletion?: (index: number) => Promise<void> | void;
}

function open({ beforeDeletion = () => {} }: Options = {}) {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const cache: CacheStore = memoryCacheStore()(context);
  const database: SessionStore = memorySessionStore()(context);
  let deletions = 0;
  const deleteMany: CacheStore["deleteMany"] = async (keys, deadline) => {
    await beforeDeletion(deletions++);
    return cache.deleteMany(keys, deadline);
  };
  const copies = new Proxy(cache, {
    get(target, name) {
      if (name === "deleteMany") return deleteMany;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const store = djangoCachedDbSessionStore({
    database: () => database,
    cache: () => copies,
    keyPrefix: "site",
    version: 2,
  })(context);
  const key = newSessionKey();
  const at = `site:2:django.contrib.sessions.cached_db${key}`;
  return {
    store,
    database,
    key,
    advance: (span: number) => clock.advance(span),
    /** Copies a record like Django after a read. */
    copy: () => cache.setMany([{ key: at, value: "a pickle", ttl: LONG_TTL }], "always", later()),
    copied: () => cache.get(at, later()),
  };
}

const failed = (outcome: "not-sent" | "unknown") =>
  new StoreConnectionError("the cache is away", { outcome });

describeSessionStore({ describe, it: test }, "Django's cached_db over memory", {
  open: () => {
    const { store, advance } = open();
    return { store, advance };
  },
});

describe("the copy that Django may have", () => {
  const writes: [string, (store: SessionStore, key: string) => Promise<unknown>][] = [
    ["commit", (store, key) => store.commit(key, "another", ETAG, LONG_TTL, later())],
    ["delete", (store, key) => store.delete(key, later())],
    ["deleteIfMatch", (store, key) => store.deleteIfMatch(key, ETAG, later())],
  ];

  test.each(writes)("%s deletes it", async (_name, write) => {
    const { store, key, copy, copied } = open();
    await store.create(key, RECORD, LONG_TTL, later());
    await copy();
    await write(store, key);
    expect(await copied()).toBeUndefined();
  });

  test.each(writes)("%s deletes a copy that Django makes during the write", async (_name, write) => {
    const opened = open({ beforeDeletion: (index) => void (index === 1 && opened.copy()) });
    const { store, key, copied } = opened;
    await store.create(key, RECORD, LONG_TTL, later());
    await write(store, key);
    expect(await copied()).toBeUndefined();
  });

  test.each(writes)(
    "%s writes nothing if the cache is unavailable, and reports not-sent",
    async (_name, write) => {
      const { store, database, key } = open({
        beforeDeletion: () => {
          throw failed("unknown");
        },
      });
      await store.create(key, RECORD, LONG_TTL, later());
      await expect(write(store, key)).rejects.toMatchObject({ outcome: "not-sent" });
      expect(await database.read(key, later())).toBe(RECORD);
    },
  );

  test.each(writes)(
    "%s reports an unknown outcome if the cache becomes unavailable meanwhile",
    async (_name, write) => {
      const { store, database, key } = open({
        beforeDeletion: (index) => {
          if (index === 1) throw failed("not-sent");
        },
      });
      await store.create(key, RECORD, LONG_TTL, later());
      await expect(write(store, key)).rejects.toMatchObject({ outcome: "unknown" });
      expect(await database.read(key, later())).not.toBe(RECORD);
    },
  );
});

test("a wrong option is refused when the settings are checked", () => {
  // @ts-expect-error -- JavaScript may pass it
  const factory = djangoCachedDbSessionStore({ database: "django_session" });
  const context = { projectName: "shop", redis: new RedisRegistry(), clock: new ManualClock() };
  expect(() => factory(context)).toThrow(ImproperlyConfigured);
  expect(() => factory(context)).toThrow("djangoCachedDbSessionStore.database: expected a store");
});
