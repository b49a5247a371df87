import * as v from "valibot";
import type { ConnectionOptions } from "node:tls";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { SessionStoreFactory } from "../session-store.ts";
import { MemcachedClient } from "./client/memcached-client.ts";
import { parseServers } from "./client/server-address.ts";
import { MemcachedSessionStore } from "./memcached-session-store.ts";

/** How memcached is reached. */
export interface MemcachedServers {
  /**
   * Servers, as in Django's `LOCATION`: `"127.0.0.1:11211"`, `"/run/memcached.sock"`, or several. Each
   * key has its server, by rendezvous hashing as in pymemcache.
   *
   * @defaultValue `"127.0.0.1:11211"`
   */
  readonly servers?: string | readonly string[] | undefined;
  /** Options of TLS (`tls.connect` of Node.js); `true`: without any. @defaultValue no TLS */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /** Credentials of memcached's text authentication (its option `-Y`). @defaultValue none */
  readonly authentication?: { readonly username: string; readonly password: string } | undefined;
}

/** Options of {@link memcachedSessionStore}. */
export interface MemcachedSessionStoreOptions extends MemcachedServers {
  /**
   * Middle part of the keys, `{project name}:{prefix}:{session key}`.
   *
   * @defaultValue `"session"`
   */
  readonly prefix?: string | undefined;
  /**
   * Maximum size of a record, in bytes: what memcached takes (its option `-I`), less some 100 bytes.
   *
   * @defaultValue 1_048_000
   */
  readonly maxItemBytes?: number | undefined;
}

/** memcached's limit of 1 MiB, less what it keeps beside a value: its own header and the key. */
const MAX_ITEM_BYTES = 1_048_000;

const serversSchema = {
  servers: v.optional(v.unknown(), "127.0.0.1:11211"),
  tls: v.optional(v.unknown()),
  authentication: v.optional(
    v.strictObject({ username: v.string("text without spaces"), password: v.string("text") }),
  ),
};

const sessionSchema = settingsObject({
  ...serversSchema,
  prefix: v.optional(v.string("text"), "session"),
  maxItemBytes: v.optional(
    v.pipe(v.number("a number of bytes"), v.integer("a whole number"), v.minValue(1024, "at least 1024")),
    MAX_ITEM_BYTES,
  ),
});

/**
 * Keeps sessions in memcached 1.6, over its meta protocol.
 *
 * memcached drops sessions to make room, and forgets all of them when it ends; it has no list of a
 * user's sessions.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option.
 */
export function memcachedSessionStore(options: MemcachedSessionStoreOptions = {}): SessionStoreFactory {
  return ({ projectName, clock }) => {
    const { servers, tls, authentication, prefix, maxItemBytes } = parseSettings(
      sessionSchema,
      options,
      "memcachedSessionStore",
    );
    const client = new MemcachedClient({
      servers: parseServers(servers, "memcachedSessionStore.servers"),
      tls: tls === true ? {} : tls === false ? undefined : (tls as ConnectionOptions | undefined),
      authentication,
    });
    return new MemcachedSessionStore({
      client,
      clock,
      namespace: `${projectName}:${prefix}:`,
      maxItemBytes,
    });
  };
}
