import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { memcachedCacheStore } from "../../../src/stores/memcached/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";
import { FORMS, promisedAlone } from "./cache-store-support.ts";
import { MEMCACHED_SCANS } from "./memcached-scans.ts";

/** Longer than memcached's second, and so that an end of up to a second too early is none of the tests. */
const SHORT_TTL = 2000;

describeWithMemcached("the memcached cache store in Django's form", () => {
  let servers: MemcachedServer[];

  beforeAll(async () => {
    servers = [await MemcachedServer.start(), await MemcachedServer.start()];
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
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
          reason: "Django refuses such keys",
          tests: ["a key is any text, and different keys are independent"],
        },
      ],
      open: () => {
        const store = memcachedCacheStore({ servers: servers.map(({ path }) => path), format: "django" })({
          redis: new RedisRegistry(),
          clock: systemClock,
          values,
        });
        return { store, close: () => store.close() };
      },
    });
  }
});
