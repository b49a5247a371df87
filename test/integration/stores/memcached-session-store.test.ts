import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { cacheSessionStore } from "../../../src/stores/cache/index.ts";
import {
  memcachedCacheStore,
  memcachedSessionStore,
  type MemcachedSessionStoreOptions,
} from "../../../src/stores/memcached/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { isSoak } from "../../support/scale.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";

const concurrently = { describe, it: test.concurrent };
const within = (span = 5000): Deadline => new Deadline(span);

describeWithMemcached("the memcached session store", () => {
  let servers: MemcachedServer[];
  let projects = 0;

  beforeAll(async () => {
    servers = [await MemcachedServer.start(), await MemcachedServer.start()];
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  const newContext = () => ({
    projectName: `project${++projects}`,
    redis: new RedisRegistry(),
    clock: systemClock,
  });

  const open = (options: MemcachedSessionStoreOptions = {}) =>
    memcachedSessionStore({ servers: servers.map(({ path }) => path), ...options })(newContext());

  describeSessionStore(concurrently, "memcached, on two servers", {
    noUsers: "memcached lists nothing",
    hasReadWithTtl: true,
    open: () => {
      const store = open();
      return { store, close: () => store.close() };
    },
    noScan: "memcached lists no keys",
  });

  for (const format of isSoak ? (["sojourn", "django"] as const) : (["django"] as const)) {
    const store = () => memcachedCacheStore({ servers: servers.map(({ path }) => path), format });
    describeSessionStore(concurrently, `a cache on memcached, in the format ${format}`, {
      noUsers: "a cache cannot keep one",
      noScan: "memcached lists no keys",
      ...(format === "django" && { shortTtl: 2000 }),
      open: () => ({ store: cacheSessionStore({ store: store() })(newContext()) }),
    });
  }

  test("a record that memcached does not take is refused, and the stored one stays", async () => {
    const store = open();
    const key = newSessionKey();
    await store.create(key, "small", 60_000, within());
    const etag = { text: "small", start: 0 } as never;
    await expect(store.commit(key, "x".repeat(1_050_000), etag, 60_000, within())).rejects.toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "not-sent",
    });
    expect(await store.read(key, within())).toBe("small");
    await store.create(newSessionKey(), "x".repeat(1_047_000), 60_000, within());
  });
});
