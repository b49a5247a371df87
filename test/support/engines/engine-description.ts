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
      /** Library of the application's own client. @defaultValue none */
      readonly client?: "ioredis";
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

/** Server of Redis or of memcached: a port of 127.0.0.1, or the path of a socket. */
type Server = number | string;

/** Returns the server of a place. One on several servers of memcached goes to the first of them. */
export function serverOf(description: EngineDescription): Server {
  if ("url" in description) return Number(new URL(description.url).port);
  if ("servers" in description && description.servers[0] !== undefined) return description.servers[0];
  throw new Error(`${description.kind} has no server of its own`);
}

/** Returns the same place on another server: on a proxy in front of it, or on one of several alone. */
export function onServer(description: EngineDescription, server: Server): EngineDescription {
  const address = typeof server === "number" ? `127.0.0.1:${server}` : server;
  if ("url" in description) return { ...description, url: `redis://${address}` };
  return "servers" in description ? { ...description, servers: [address] } : description;
}
