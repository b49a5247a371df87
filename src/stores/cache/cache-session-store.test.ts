import { describe, expect, test } from "vitest";
import { withMembers } from "../../../test/support/session-harness.ts";

import { createSojourn } from "../../create-sojourn.ts";
import { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import { memoryCacheStore } from "../memory/index.ts";
import { cacheSessionStore } from "./index.ts";

const later = (): Deadline => new Deadline(30_000);

function open() {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const cacheStore = memoryCacheStore()(context);
  return { clock, context, cacheStore, store: cacheSessionStore({ store: () => cacheStore })(context) };
}

describeSessionStore({ describe, it: test }, "cache in memory", {
  noUsers: "a cache cannot keep one",
  open: () => {
    const { store, clock } = open();
    return { store, advance: (span) => clock.advance(span) };
  },
});

describe("cacheSessionStore", () => {
  test("keeps records under the keys of Django's cache engine", async () => {
    const { store, cacheStore, context } = open();
    const key = newSessionKey();
    await store.create(key, "record", 1000, later());
    expect(await cacheStore.get(`shop:sessions:1:django.contrib.sessions.cache${key}`, later())).toBe(
      "record",
    );
    const django = cacheSessionStore({ store: () => cacheStore, keyPrefix: "", version: 2 })(context);
    await django.create(key, "record", 1000, later());
    expect(await cacheStore.get(`:2:django.contrib.sessions.cache${key}`, later())).toBe("record");
  });

  test("keeps tombstones beside them, where neither Django nor a scan finds them", async () => {
    const { store, cacheStore } = open();
    await store.tombstones?.add("name", "moved", 1000, later());
    expect(await cacheStore.get("shop:sessions:1:sojourn.moved.name", later())).toBe("moved");
  });

  test("a commit on a record that another writer replaces in between is a conflict with the newer one", async () => {
    const { store, cacheStore } = open();
    const key = newSessionKey();
    await store.create(key, "one", 10_000, later());
    const original = cacheStore.compareAndSet.bind(cacheStore);
    cacheStore.compareAndSet = async (...args) => {
      cacheStore.compareAndSet = original;
      await cacheStore.setMany([{ key: args[0], value: "two", ttl: null }], "always", later());
      return original(...args);
    };
    const result = await store.commit(key, "three", { start: 0, text: "one" }, 10_000, later());
    expect(result).toStrictEqual({ status: "conflict", record: "two" });
  });

  test("a store that cannot compare and set is refused at start, and so are maxPerUser and ofUser", async () => {
    const { context, cacheStore } = open();
    const weak = withMembers(cacheStore, {
      name: "weak",
      capabilities: { ...cacheStore.capabilities, compareAndSet: false },
    });
    expect(() => cacheSessionStore({ store: () => weak })(context)).toThrow(
      'cacheSessionStore.store: the store "weak" cannot compare and set',
    );
    const settings = { projectName: "shop", secretKey: "a secret of the tests, long enough" };
    const store = cacheSessionStore({ store: memoryCacheStore() });
    expect(() => createSojourn({ ...settings, sessions: { store, maxPerUser: 3 } })).toThrow(
      ImproperlyConfigured,
    );
    const { sessions } = createSojourn({ ...settings, sessions: { store } });
    await expect(sessions.revokeUser(1)).rejects.toThrow('the store "cache" keeps no index of users');
    expect(() => cacheSessionStore({ version: 1.5 })(context)).toThrow(
      "cacheSessionStore.version: expected an integer",
    );
  });
});
