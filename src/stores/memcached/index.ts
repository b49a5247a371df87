import * as v from "valibot";
import type { ConnectionOptions } from "node:tls";
import { type Duration, durationSchema } from "../../core/durations.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CellCacheStore } from "../cell-cache-store.ts";
import type { CacheStoreFactory } from "../cache-store.ts";
import type { SessionStoreFactory } from "../session-store.ts";
import { type ClientSettings, MemcachedClient } from "./client/memcached-client.ts";
import { parseServers } from "./client/server-address.ts";
import { DjangoCells } from "./django/django-cells.ts";
import { MemcachedCells } from "./memcached-cells.ts";
import { MemcachedSessionStore } from "./memcached-session-store.ts";

/** How memcached is reached. */
export interface MemcachedServers {
  /**
   * Servers, as in Django's `LOCATION`: `"127.0.0.1:11211"`, `"/run/memcached.sock"`, or several. Each
   * key has its server.
   *
   * @defaultValue `"127.0.0.1:11211"`
   */
  readonly servers?: string | readonly string[] | undefined;
  /**
   * How keys are spread over several servers: `"rendezvous"` as in pymemcache, where a server that is
   * added or lost moves only its own keys; `"modula"` as in pylibmc without `behaviors`.
   *
   * @defaultValue `"rendezvous"`
   */
  readonly distribution?: "rendezvous" | "modula" | undefined;
  /** Options of TLS (`tls.connect` of Node.js); `true`: without any. @defaultValue no TLS */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /**
   * Credentials of memcached's text authentication (its option `-Y`), without spaces.
   *
   * @defaultValue none
   */
  readonly authentication?: { readonly username: string; readonly password: string } | undefined;
  /**
   * Time in which a connection has to be ready for commands, with TLS and authentication; after it,
   * another one is opened. Seconds, or text such as `"500ms"`; more than 0.
   *
   * @defaultValue `"1s"`
   */
  readonly connectTimeout?: Duration | undefined;
  /**
   * Time without any byte after which a connection that owes replies is closed, and another one
   * opened. Seconds, or text such as `"500ms"`; more than 0.
   *
   * @defaultValue `"1s"`
   */
  readonly stallTimeout?: Duration | undefined;
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

const CREDENTIAL = "text without spaces, since memcached takes none in its file of users";
const credentialSchema = v.pipe(v.string(CREDENTIAL), v.regex(/^\S+$/, CREDENTIAL));

const serversSchema = {
  servers: v.optional(v.unknown(), "127.0.0.1:11211"),
  distribution: v.optional(v.picklist(["rendezvous", "modula"], '"rendezvous" or "modula"'), "rendezvous"),
  tls: v.optional(v.unknown()),
  authentication: v.optional(v.strictObject({ username: credentialSchema, password: credentialSchema })),
  connectTimeout: v.optional(durationSchema({ least: "1ms" }), "1s"),
  stallTimeout: v.optional(durationSchema({ least: "1ms" }), "1s"),
};

const maxItemBytesSchema = v.optional(
  v.pipe(v.number("a number of bytes"), v.integer("a whole number"), v.minValue(1024, "at least 1024")),
  MAX_ITEM_BYTES,
);

const sessionSchema = settingsObject({
  ...serversSchema,
  prefix: v.optional(v.string("text"), "session"),
  maxItemBytes: maxItemBytesSchema,
});

/** Options of {@link memcachedCacheStore}. */
export interface MemcachedCacheStoreOptions extends MemcachedServers {
  /**
   * Form of the entries: `"django"` for those of Django's `PyMemcacheCache` and `PyLibMCCache`, which
   * both sides read and write, with the times of memcached: whole seconds. `"sojourn"` for a form of
   * its own, with times in milliseconds and keys of any length.
   *
   * @defaultValue `"sojourn"`
   */
  readonly format?: "sojourn" | "django" | undefined;
  /**
   * Maximum size of an entry, in bytes: what memcached takes (its option `-I`), less some 100 bytes.
   *
   * @defaultValue 1_048_000
   */
  readonly maxItemBytes?: number | undefined;
}

const cacheSchema = settingsObject({
  ...serversSchema,
  format: v.optional(v.picklist(["sojourn", "django"], '"sojourn" or "django"'), "sojourn"),
  maxItemBytes: maxItemBytesSchema,
});

/**
 * Keeps the entries of a cache in memcached 1.6, over its meta protocol, in a form of Sojourn's own or
 * in that of Django's caches.
 *
 * memcached drops entries to make room, counters and locks too, and lists no keys: `clear()` and
 * what walks through keys is refused.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option.
 */
export function memcachedCacheStore(options: MemcachedCacheStoreOptions = {}): CacheStoreFactory {
  return ({ clock, values }) => {
    const { format, maxItemBytes, ...servers } = parseSettings(cacheSchema, options, "memcachedCacheStore");
    const client = openClient(servers, "memcachedCacheStore");
    const parts = { name: "memcached", clock, values, hasLeases: true, hasScan: false };
    if (format === "sojourn")
      return new CellCacheStore({ ...parts, cells: new MemcachedCells(client, clock, maxItemBytes) });
    const cells = new DjangoCells({ client, clock, maxItemBytes, readsBytes: values === "bytes" });
    return new CellCacheStore({ ...parts, cells, checkValue: cells.checkValue });
  };
}

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
    const { prefix, maxItemBytes, ...servers } = parseSettings(
      sessionSchema,
      options,
      "memcachedSessionStore",
    );
    const client = openClient(servers, "memcachedSessionStore");
    const namespace = `${projectName}:${prefix}:`;
    return new MemcachedSessionStore({ client, clock, namespace, maxItemBytes });
  };
}

interface Servers extends Omit<ClientSettings, "servers" | "tls"> {
  readonly servers: unknown;
  readonly tls?: unknown;
}

function openClient({ servers, tls, ...settings }: Servers, factory: string): MemcachedClient {
  return new MemcachedClient({
    ...settings,
    servers: parseServers(servers, `${factory}.servers`),
    tls: toTls(tls, factory),
  });
}

function toTls(tls: unknown, factory: string): ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  if (typeof tls === "object" && tls !== null) return tls;
  throw new ImproperlyConfigured(`${factory}.tls`, "expected true, or options of tls.connect().");
}
