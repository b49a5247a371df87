import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { memcachedCacheStore } from "../../../src/stores/memcached/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";
import { later, promisedAlone } from "./cache-store-support.ts";
import { MEMCACHED_SCANS } from "./memcached-scans.ts";

describeWithMemcached("the memcached cache store", () => {
  let servers: MemcachedServer[];

  beforeAll(async () => {
    servers = [await MemcachedServer.start(), await MemcachedServer.start()];
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  const open = (values: "text" | "bytes" = "text") =>
    memcachedCacheStore({ servers: servers.map(({ path }) => path) })({
      redis: new RedisRegistry(),
      clock: systemClock,
      values,
    });

  for (const values of ["text", "bytes"] as const) {
    describeCacheStore(promisedAlone, `memcached on two servers, read as ${values}`, {
      values,
      skip: [{ reason: "memcached lists no keys", tests: MEMCACHED_SCANS }],
      open: () => {
        const store = open(values);
        return { store, close: () => store.close() };
      },
    });
  }

  test("lists no keys, and says so", async () => {
    const store = open();
    expect(store.capabilities.scan).toBe(false);
    for (const walk of [store.scan("a:", later), store.clear("a", later)])
      await expect(walk[Symbol.asyncIterator]().next()).rejects.toThrow("memcached cannot list its keys");
    await store.close();
  });

  test("an entry that memcached does not take is refused, and the stored one stays", async () => {
    const store = open();
    await store.set({ key: "large", value: "small", ttl: null }, "always", later());
    const large = { key: "large", value: "x".repeat(1_050_000), ttl: null };
    await expect(store.set(large, "always", later())).rejects.toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "not-sent",
    });
    expect(await store.get("large", later())).toBe("small");
    await store.close();
  });
});
