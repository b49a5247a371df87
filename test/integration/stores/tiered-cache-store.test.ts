import { systemClock } from "../../../src/core/clock.ts";
import type { RedisRegistry } from "../../../src/redis/registry.ts";
import type { CacheStore } from "../../../src/stores/cache-store.ts";
import { tieredCacheStore } from "../../../src/stores/tiered/index.ts";
import { describeCacheStore } from "../../../src/testing/index.ts";
import { redisTest as test } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { concurrently } from "./cache-store-support.ts";

describeWithRedis("the tiered cache store on Redis", () => {
  let redis: RedisRegistry;

  test.beforeAll(async ({ redis: opened }) => {
    redis = opened;
  });

  const openStore = (values: "text" | "bytes" = "text"): CacheStore =>
    tieredCacheStore()({ redis, clock: systemClock, values });

  describeCacheStore(concurrently, "tiered", { open: () => ({ store: openStore() }) });
  describeCacheStore(concurrently, "tiered, read as bytes", {
    open: () => ({ store: openStore("bytes") }),
    values: "bytes",
  });
});
