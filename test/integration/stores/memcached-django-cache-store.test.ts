import { afterAll, beforeAll, expect, test } from "vitest";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { memcachedCacheStore } from "../../../src/stores/memcached/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";
import { isSoak } from "../../support/scale.ts";
import { FORMS, later, promisedAlone } from "./cache-store-support.ts";
import { MEMCACHED_SCANS } from "./memcached-scans.ts";

/** Longer than memcached's second, and so that an end of up to a second too early is none of the tests. */
const SHORT_TTL = 2000;

const DAY = 86_400_000;

describeWithMemcached("the memcached cache store in Django's form", () => {
  let servers: MemcachedServer[];

  beforeAll(async () => {
    servers = [await MemcachedServer.start(), await MemcachedServer.start()];
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  const open = (values: "text" | "bytes" = "text", clock: Clock = systemClock) =>
    memcachedCacheStore({ servers: servers.map(({ path }) => path), format: "django" })({
      redis: new RedisRegistry(),
      clock,
      values,
    });

  for (const values of FORMS) {
    describeCacheStore(promisedAlone, `memcached in Django's form, on two servers, read as ${values}`, {
      values,
      shortTtl: SHORT_TTL,
      skip: [
        { reason: "memcached lists no keys", tests: MEMCACHED_SCANS },
        {
          reason: "memcached tells whole seconds",
          tests: [
            "ttlMany returns the remaining time, in milliseconds",
            "ttlMany is never less than 1, however little is left",
          ],
        },
        {
          reason: "it waits for six ends of two seconds: in the soak",
          tests: isSoak
            ? []
            : ["touchHeadless sets the time to live of an entry without a head, to longer, shorter and none"],
        },
        {
          reason: "Django refuses such keys",
          tests: ["a key is any text, and different keys are independent"],
        },
      ],
      open: () => {
        const store = open(values);
        return { store, close: () => store.close() };
      },
    });
  }

  test("a counter that goes below 0 keeps an end beyond 30 days, which memcached takes for a date", async () => {
    const ttl = 40 * DAY;
    const store = open();
    const key = "counter";
    await store.incr(key, 1n, later(), { begin: { value: "1", ttl } });
    expect(await store.incr(key, -5n, later())).toEqual({ status: "incremented", value: -4n });
    const [left] = await store.ttlMany([key], later());
    expect(left).toBeGreaterThan(ttl - 5000);
    expect(left).toBeLessThanOrEqual(ttl + 2000);
    await store.close();
  });

  test("a write with the end that an entry has replaces it as any other does", async () => {
    const now = Date.now();
    // The time of the store stands still, so the ends are equal.
    const clock = { ...systemClock, now: () => now, monotonic: () => systemClock.monotonic() };
    const store = open("text", clock);
    for (const ttl of [60_000, 40 * DAY, null]) {
      const entry = { key: "same-end", value: "1", ttl };
      await store.set(entry, "always", later());
      await store.set({ ...entry, value: '"text"' }, "if-present", later());
      expect(await store.get("same-end", later())).toBe('"text"');
      await store.set({ ...entry, value: "[2]" }, "if-present", later());
      expect(await store.get("same-end", later())).toBe("[2]");
    }
    await store.close();
  });
});
