import { describe, expect, test } from "vitest";
import { withMembers } from "../../test/support/session-harness.ts";

import { systemClock } from "../core/clock.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { RedisRegistry } from "../redis/registry.ts";
import type { CacheStoreFactory } from "../stores/cache-store.ts";
import { memoryCacheStore } from "../stores/memory/index.ts";
import { type CacheSettings, closeCaches, createCaches } from "./index.ts";

const context = { projectName: "shop", redis: new RedisRegistry(), clock: systemClock };

describe("createCaches", () => {
  test("makes a cache for each name, and always a default one, on Redis by default", () => {
    expect(Object.keys(createCaches(undefined, context))).toEqual(["default"]);
    const caches = createCaches({ pages: { store: memoryCacheStore() } }, context);
    expect(Object.keys(caches).toSorted()).toEqual(["default", "pages"]);
    expect([caches.default.storeName, caches.pages.storeName]).toEqual(["redis", "memory"]);
    expect(caches.pages.capabilities).toEqual({
      atomicIncrement: true,
      scan: true,
      compareAndSet: true,
      leases: true,
      locks: true,
    });
  });

  test("each cache has its own settings, and each memory store its own entries", async () => {
    const store = memoryCacheStore();
    const caches = createCaches({ default: { store, timeout: 0 }, pages: { store, version: 3 } }, context);
    await caches.default.set("k", 1);
    await caches.pages.set("k", 2);
    expect(await caches.default.get("k")).toBeUndefined();
    expect(await caches.pages.get("k", { version: 3 })).toBe(2);
    expect(await caches.default.get("k", { version: 3 })).toBeUndefined();
  });

  test("closeCaches closes the store of each cache", async () => {
    const closed: string[] = [];
    const named =
      (name: string): CacheStoreFactory =>
      (stores) =>
        withMembers(memoryCacheStore()(stores), { name, close: async () => void closed.push(name) });
    await closeCaches(
      createCaches({ default: { store: named("a") }, other: { store: named("b") } }, context),
    );
    expect(closed).toEqual(["a", "b"]);
  });

  const wrong: [CacheSettings, string][] = [
    [{ timeout: "10" as "10s" }, "caches.default.timeout: expected seconds or text such as"],
    [{ keyPrefix: 1 as never }, 'caches.default.keyPrefix: expected a text such as "myproject", got 1'],
    [{ keyPrefix: "\ud800" }, "caches.default.keyPrefix: expected a text such as"],
    [{ version: 1.5 }, "caches.default.version: expected an integer, got 1.5"],
    [
      { keyFunction: "f" as never },
      "caches.default.keyFunction: expected a function of key, keyPrefix and version",
    ],
    [{ deadline: "5ms" }, "caches.default.deadline: expected seconds or text"],
    [{ lease: "31s" }, "caches.default.lease: expected seconds or text such as"],
    [{ jitter: 1.5 }, "caches.default.jitter: expected a number from 0 to 1"],
    [{ early: -1 }, "caches.default.early: expected true, false or a number from 0"],
    [{ stale: "-1s" }, "caches.default.stale: expected seconds or text such as"],
    [{ onStoreError: "ignore" as never }, 'caches.default.onStoreError: expected "throw" or "miss"'],
    [
      { serializer: {} as never },
      "caches.default.serializer: expected an object with dump(value) and load(text)",
    ],
    [
      { sharedVersion: true },
      "caches.default.keyPrefix: expected a text that is not empty with sharedVersion",
    ],
    [
      { store: {} as never },
      "caches.default.store: expected a store such as redisCacheStore() or memoryCacheStore()",
    ],
    [{ keyprefix: "a" } as never, 'caches.default.keyprefix: is not a setting; did you mean "keyPrefix"?'],
  ];

  test.each(wrong)("refuses %o", (settings, message) => {
    expect(() => createCaches({ default: settings }, context)).toThrow(ImproperlyConfigured);
    expect(() => createCaches({ default: settings }, context)).toThrow(message);
  });

  test.each([[[]], [null], ["default"]])("refuses %j as the caches", (settings) => {
    expect(() => createCaches(settings as never, context)).toThrow(
      "caches: expected an object of caches by their names",
    );
  });

  test("refuses invalid names", () => {
    expect(() => createCaches({ "my pages": {} }, context)).toThrow(
      "caches: expected names of caches to be letters",
    );
  });

  test("refuses a prefix that covers the sessions of the project: clear() would delete them", () => {
    const shop1 = { ...context, projectName: "shop:1" };
    expect(() => createCaches({ default: { keyPrefix: "shop" } }, shop1)).toThrow(
      'caches.default.keyPrefix: expected a prefix that does not cover the sessions of the project "shop:1", got "shop".',
    );
    for (const keyPrefix of ["shop:1", "shop:", "sho", ""]) createCaches({ default: { keyPrefix } }, shop1);
  });
});
