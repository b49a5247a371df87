import type { CacheStore } from "../../../src/stores/cache-store.ts";
import { describe, test } from "vitest";

import type { Clock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import {
  createCacheTables,
  sqlCacheStore,
  type SqlCacheStoreOptions,
} from "../../../src/stores/sql/index.ts";
import { describeCacheStore, ManualClock } from "../../../src/testing/index.ts";
import type { Database } from "./sql-support.ts";

export type CacheOptions = Omit<SqlCacheStoreOptions<any>, "database">;

export function openCacheStore(
  database: Database,
  options: CacheOptions = {},
  clock: Clock = new ManualClock(),
  values: "text" | "bytes" = "text",
) {
  return sqlCacheStore({ database, ...options })({ redis: new RedisRegistry(), clock, values });
}

let tables = 0;

/** A store on tables of its own. */
export async function openFreshCache(
  database: Database,
  options: CacheOptions = {},
  values: "text" | "bytes" = "text",
) {
  const [table, clock] = [`cache_${++tables}`, new ManualClock()];
  await createCacheTables(database, { table });
  const store = openCacheStore(database, { table, ...options }, clock, values);
  return { store, table, clock, advance: (span: number) => clock.advance(span) };
}

/**
 * The contract of cache stores on a database. Each test has tables of its own, and mostly waits for
 * the server.
 */
export function describeCacheContract(
  name: string,
  database: () => Database,
  forms: readonly ("text" | "bytes")[] = ["text", "bytes"],
): void {
  for (const values of forms) {
    describeCacheStore({ describe, it: test.concurrent }, `sql on ${name}, values as ${values}`, {
      values,
      open: () => openFreshCache(database(), {}, values),
    });
  }
}

/** Three stores on one table, each as that of another process. */
export async function openRacingCaches(database: Database, clock: Clock): Promise<readonly CacheStore[]> {
  const table = "cache_races";
  await createCacheTables(database, { table });
  return [1, 2, 3].map(() => openCacheStore(database, { table }, clock));
}
