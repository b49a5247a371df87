import { Redis } from "ioredis";
import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import type { Duration, SessionStoreFactory } from "sojourn";
import type { RedisSettings } from "sojourn/redis";
import { cacheSessionStore } from "sojourn/stores/cache";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { fileSessionStore } from "sojourn/stores/file";
import { memcachedCacheStore, memcachedSessionStore } from "sojourn/stores/memcached";
import { redisBucketSessionStore, redisSessionStore } from "sojourn/stores/redis";
import { sqlSessionStore } from "sojourn/stores/sql";

import { withScan } from "../memcached-keys.ts";
import { openSqlite } from "../sqlite-database.ts";
import type { DatabaseDescription, EngineDescription } from "./engine-description.ts";

/** Most connections to a database that one process opens. */
const POOL_SIZE = 5;

/** The settings of sessions in a place, for one process. */
export interface OpenedEngine {
  readonly redis: RedisSettings;
  readonly store: SessionStoreFactory;
  readonly format: "django" | "json";
  /** Closes what the application brings along: the database, or a client of Redis. */
  readonly close: () => Promise<void>;
}

/** How long a connection to Redis or memcached may take to open, and to say nothing. */
export interface EngineTimeouts {
  readonly connectTimeout?: Duration;
  readonly stallTimeout?: Duration;
}

/** Opens a place for sessions. It can be called in any process, and does no I/O. */
export function openEngine(description: EngineDescription, timeouts: EngineTimeouts = {}): OpenedEngine {
  const client = "client" in description ? new Redis(description.url, { lazyConnect: true }) : undefined;
  client?.on("error", () => {});
  const database = "database" in description ? openDatabase(description.database) : undefined;
  const isJson =
    description.kind === "buckets" || (description.kind === "redis" && description.format === "json");
  return {
    redis: client !== undefined ? { default: { client } } : redisOf(description, timeouts),
    format: isJson ? "json" : "django",
    store: storeOf(description, database, timeouts),
    close: async () => {
      client?.disconnect();
      await database?.destroy();
    },
  };
}

/** The connections that an engine needs. */
function redisOf(description: EngineDescription, timeouts: EngineTimeouts): RedisSettings {
  return "url" in description ? { default: { url: description.url, ...timeouts } } : {};
}

export function openDatabase(description: DatabaseDescription): Kysely<unknown> {
  if (description.kind === "sqlite") return openSqlite(description.path);
  if (description.kind === "mariadb") {
    const pool = createPool({ ...description.settings, connectionLimit: POOL_SIZE });
    return new Kysely({ dialect: new MysqlDialect({ pool }) });
  }
  const pool = new Pool({ ...description.settings, max: POOL_SIZE });
  // Else pg ends the process when the server goes.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return new Kysely({ dialect: new PostgresDialect({ pool }) });
}

function storeOf(
  description: EngineDescription,
  database: Kysely<unknown> | undefined,
  timeouts: EngineTimeouts,
): SessionStoreFactory {
  const sql = (table: string) => sqlSessionStore({ database: demand(database), table, users: true });
  switch (description.kind) {
    case "redis":
      return redisSessionStore({ prefix: description.space });
    case "buckets":
      return redisBucketSessionStore({ prefix: description.space });
    case "cache":
      return cacheSessionStore({ keyPrefix: description.space });
    case "sql":
      return sql(description.space);
    case "cached-db":
      return cachedDbSessionStore({
        database: sql(description.space),
        keyPrefix: copiesOf(description.space),
      });
    case "cached-db-memcached":
      return cachedDbSessionStore({
        database: sql(description.space),
        cache: memcachedCacheStore({ servers: description.servers, ...timeouts }),
        keyPrefix: copiesOf(description.space),
      });
    case "cache-memcached": {
      const store = memcachedCacheStore({ servers: description.servers, format: "django", ...timeouts });
      const keyPrefix = description.space;
      const namespace = `${keyPrefix}:1:django.contrib.sessions.cache`;
      return withScan(cacheSessionStore({ store, keyPrefix }), description.servers, () => namespace);
    }
    case "memcached":
      return withScan(
        memcachedSessionStore({ servers: description.servers, prefix: description.space, ...timeouts }),
        description.servers,
        (projectName) => `${projectName}:${description.space}:`,
      );
    case "file":
      return fileSessionStore({ path: description.path });
  }
}

/** Prefix of the keys of the copies, for an engine that copies. */
export function copiesOf(space: string): string {
  return `${space}:copies`;
}

function demand<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("this engine needs a database");
  return value;
}
