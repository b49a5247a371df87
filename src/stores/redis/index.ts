import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "../cache-store.ts";
import { type KeySpace, withKeySpaces } from "../key-spaces.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { BucketKeys } from "./buckets/bucket-keys.ts";
import {
  BUCKET_SETTING,
  parseBucketOptions,
  type RedisBucketSessionStoreOptions,
} from "./buckets/bucket-options.ts";
import { BucketSessionStore } from "./buckets/bucket-session-store.ts";
import { BucketValues } from "./buckets/bucket-values.ts";
import { RedisCacheStore } from "./cache/redis-cache-store.ts";
import type { LockNames } from "./cache/redis-locks.ts";
import { RedisSessionStore } from "./strings/redis-session-store.ts";
import { type StringKeyGenerators, StringKeys } from "./strings/string-keys.ts";
import { type RedisWaitFor, storeConnections, waitForSchema } from "./wait-for.ts";

export type { RedisWaitFor } from "./wait-for.ts";
export type { SessionDictionary } from "./buckets/bucket-dictionaries.ts";
export type { RedisBucketSessionStoreOptions } from "./buckets/bucket-options.ts";
export type { RecordCompressor } from "./buckets/record-compressor.ts";
export type { HashKeysCheckForExpiry } from "./buckets/bucket-walk.ts";
export {
  makeSessionDictionary,
  type MakeSessionDictionaryOptions,
} from "./buckets/make-session-dictionary.ts";
export { sampleSessionRecords } from "./buckets/sample-session-records.ts";

/** Options of {@link redisSessionStore}. */
export interface RedisSessionStoreOptions extends StringKeyGenerators {
  /**
   * Name of the connection.
   *
   * @defaultValue `"session"` if there is a connection of this name, else `"default"`
   */
  readonly connection?: string | undefined;
  /**
   * Middle part of the keys, `{project name}:{prefix}:{session key}`.
   *
   * It must not begin with an integer, as in `1` or `1:a`: the cache keeps its entries there, and
   * clears them.
   *
   * @defaultValue `"session"`
   */
  readonly prefix?: string | undefined;
  /** Makes writes wait for replicas. @defaultValue none */
  readonly waitFor?: RedisWaitFor | undefined;
}

const isFunction = (input: unknown): boolean => typeof input === "function";

const optionsSchema = settingsObject({
  connection: v.optional(v.string()),
  prefix: v.optional(v.string(), "session"),
  waitFor: waitForSchema,
  keyGenerator: v.optional(v.custom<(key: string) => string>(isFunction, "a function")),
  sessionKeyOf: v.optional(v.custom<(text: string) => string>(isFunction, "a function")),
});

/**
 * Keeps sessions in Redis, in the layout of Django with codex-django.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option, an unknown
 * connection or a generator that cannot work.
 */
export function redisSessionStore(options: RedisSessionStoreOptions = {}): SessionStoreFactory {
  return (context) => openRedisSessionStore(options, context);
}

function openRedisSessionStore(options: RedisSessionStoreOptions, context: StoreContext): SessionStore {
  const { connection, prefix, waitFor, ...generators } = parseSettings(
    optionsSchema,
    options,
    "redisSessionStore",
  );
  const namespace = sessionNamespace(context.projectName, prefix, "redisSessionStore");
  const keys = new StringKeys(namespace, generators, "redisSessionStore");
  const usual = sessionConnection(connection, context);
  const store = new RedisSessionStore(storeConnections(usual, waitFor, "redisSessionStore"), keys);
  return withKeySpaces(store, [spaceOf(namespace, usual, context)]);
}

/**
 * Keeps sessions in Redis hashes, many per hash, in the layout of django-redisession: it takes less
 * memory. It needs `sessions.format: "json"`, and before Redis 7.4 the application has to call
 * `sessions.clearExpired()` now and then.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option, an unknown
 * connection, generators that cannot work, or another format.
 */
export function redisBucketSessionStore(options: RedisBucketSessionStoreOptions = {}): SessionStoreFactory {
  return (context) => openRedisBucketSessionStore(options, context);
}

function openRedisBucketSessionStore(
  options: RedisBucketSessionStoreOptions,
  context: StoreContext,
): SessionStore {
  const { connection, prefix, waitFor, generators, compression, hashKeysCheckForExpiry } =
    parseBucketOptions(options);
  if (context.format === "django") {
    throw new ImproperlyConfigured(
      "sessions.format",
      'expected "json" with redisBucketSessionStore(), got "django": a signed record hardly compresses, and Django does not ' +
        "read this layout. Use redisSessionStore() for records of Django.",
    );
  }
  const namespace = sessionNamespace(context.projectName, prefix, BUCKET_SETTING);
  const usual = sessionConnection(connection, context);
  const store = new BucketSessionStore(storeConnections(usual, waitFor, BUCKET_SETTING), {
    keys: new BucketKeys(namespace, generators, BUCKET_SETTING),
    values: new BucketValues(compression),
    hashKeysCheckForExpiry,
  });
  return withKeySpaces(store, [spaceOf(namespace, usual, context)]);
}

function spaceOf(namespace: string, connection: RedisConnection, { redis }: StoreContext): KeySpace {
  const suffixes = Object.keys(TAKEN_SUFFIXES).map((suffix) => `${namespace.slice(0, -1)}${suffix}:`);
  return { place: redis.keysOf(connection), prefixes: [namespace, ...suffixes] };
}

function sessionConnection(name: string | undefined, { redis }: StoreContext): RedisConnection {
  return redis.get(name ?? (redis.has("session") ? "session" : "default"));
}

// The cache keeps its entries at `{project name}:{integer}:*` if its prefix is the project's name,
// and clear() deletes them.
const BEGINS_WITH_INTEGER = /^-?\d+(:|$)/;

/** Suffixes of keys other than those of sessions. */
const TAKEN_SUFFIXES = {
  "-user": "the lists of users",
  "-users": "the lists of users",
  "-moved": "the tombstones of sessions that have moved",
};

function sessionNamespace(projectName: string, prefix: string, setting: string): string {
  if (projectName === "")
    throw new ImproperlyConfigured("projectName", "expected a name, got an empty string.");
  if (prefix === "" || BEGINS_WITH_INTEGER.test(prefix)) {
    const expected = 'expected a text that does not begin with an integer, such as "session"';
    throw new ImproperlyConfigured(`${setting}.prefix`, `${expected}, got ${JSON.stringify(prefix)}.`);
  }
  for (const [suffix, what] of Object.entries(TAKEN_SUFFIXES)) {
    if (!prefix.endsWith(suffix)) continue;
    const expected = `expected a text that does not end in "${suffix}": ${what} are stored there`;
    throw new ImproperlyConfigured(`${setting}.prefix`, `${expected}, got ${JSON.stringify(prefix)}.`);
  }
  return `${projectName}:${prefix}:`;
}

/** Options of {@link redisCacheStore}. */
export interface RedisCacheStoreOptions {
  /**
   * Name of the connection.
   *
   * @defaultValue `"cache"` if there is a connection of this name, else `"default"`
   */
  readonly connection?: string | undefined;
  /**
   * Names of locks.
   *
   * - `"own"`: names of their own, which no key of an entry makes. A lock and an entry of the same
   *   key are independent.
   * - `"django-redis"`: the keys themselves, as in django-redis's `cache.lock()`, with which these
   *   locks are shared. An entry of the same key blocks the lock, and storing or deleting the entry
   *   ends the lock.
   *
   * @defaultValue `"own"`
   */
  readonly locks?: LockNames | undefined;
}

const cacheOptionsSchema = settingsObject({
  connection: v.optional(v.string()),
  locks: v.optional(v.picklist(["own", "django-redis"], '"own" or "django-redis"'), "own"),
});

/**
 * Keeps cache entries in Redis, each under its whole key, as Django's Redis caches do.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option or an unknown
 * connection.
 */
export function redisCacheStore(options: RedisCacheStoreOptions = {}): CacheStoreFactory {
  return (context) => openRedisCacheStore(options, context);
}

function openRedisCacheStore(
  options: RedisCacheStoreOptions,
  { redis, values }: CacheStoreContext,
): CacheStore {
  const { connection, locks } = parseSettings(cacheOptionsSchema, options, "redisCacheStore");
  const used = redis.get(connection ?? (redis.has("cache") ? "cache" : "default"));
  return withKeySpaces(new RedisCacheStore(used, values, locks), [
    { place: redis.keysOf(used), prefixes: [] },
  ]);
}
