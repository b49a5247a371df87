import { Kysely, type LogEvent, PostgresDialect } from "kysely";
import { Pool, type PoolConfig } from "pg";

import { systemClock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisBucketSessionStore } from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { sqlSessionStore } from "../../../src/stores/sql/index.ts";
import type { SweptEngine } from "./sweeping-population.ts";

/** A store with a connection of its own. */
export interface OwnStore {
  readonly store: SessionStore;
  readonly close: () => Promise<void>;
}

/** The address of a server, as JSON can carry it. */
export type ServerAddress = string | PoolConfig;

/** Opens the store of one client. */
export function openOwnStore(engine: SweptEngine, address: ServerAddress): OwnStore {
  return engine === "redis" ? openBuckets(address as string) : openPostgres(address as PoolConfig);
}

/** @param url URL of a Redis server. */
export function openBuckets(url: string): OwnStore {
  const redis = new RedisRegistry({ default: url });
  const context = { projectName: "sweeping", redis, clock: systemClock, format: "json" } as const;
  return { store: redisBucketSessionStore()(context), close: () => redis.close() };
}

/** @param log Hears of each statement. */
export function openPostgres(address: PoolConfig, log: (event: LogEvent) => void = () => {}): OwnStore {
  const database = new Kysely({
    log,
    dialect: new PostgresDialect({ pool: new Pool({ ...address, max: 2 }) }),
  });
  const context = { projectName: "sweeping", redis: new RedisRegistry(), clock: systemClock };
  return { store: sqlSessionStore({ database })(context), close: () => database.destroy() };
}
