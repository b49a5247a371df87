import type { RedisSettings } from "sojourn/redis";

/** A database, as JSON can carry it to another process. */
export type DatabaseDescription =
  | { readonly kind: "postgres"; readonly settings: { host: string; user: string; database: string } }
  | { readonly kind: "mariadb"; readonly settings: { socketPath: string; user: string; database: string } }
  | { readonly kind: "sqlite"; readonly path: string };

/**
 * A place for sessions, as JSON can carry it to another process: who opens the same one sees the same
 * sessions.
 */
export type EngineDescription =
  | {
      readonly kind: "redis";
      readonly url: string;
      readonly space: string;
      readonly format: "django" | "json";
    }
  | { readonly kind: "buckets"; readonly url: string; readonly space: string }
  | { readonly kind: "cache"; readonly url: string; readonly space: string }
  | { readonly kind: "sql"; readonly database: DatabaseDescription; readonly space: string }
  | {
      readonly kind: "cached-db";
      readonly url: string;
      readonly database: DatabaseDescription;
      readonly space: string;
    }
  | {
      readonly kind: "cached-db-memcached";
      readonly servers: readonly string[];
      readonly database: DatabaseDescription;
      readonly space: string;
    }
  | { readonly kind: "cache-memcached"; readonly servers: readonly string[]; readonly space: string }
  | { readonly kind: "memcached"; readonly servers: readonly string[]; readonly space: string }
  | { readonly kind: "file"; readonly path: string };

/** The connections that an engine needs. */
export function redisOf(description: EngineDescription): RedisSettings {
  return "url" in description ? { default: description.url } : {};
}
