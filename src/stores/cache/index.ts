import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStore, CacheStoreFactory } from "../cache-store.ts";
import { type CacheableSessionStore, isCacheable } from "../cached-db/cached-db-session-store.ts";
import { keySpacesOf, shareKeys, spacesWithin, withKeySpaces } from "../key-spaces.ts";
import { makeAuthority, makeSessionStore } from "../make-store.ts";
import { redisCacheStore } from "../redis/index.ts";
import { RecordTombstones } from "../record-tombstones.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { CacheSessionStore } from "./cache-session-store.ts";
import { MovingSessionStore } from "./moving-session-store.ts";

/** Options of {@link cacheSessionStore}. */
export interface CacheSessionStoreOptions {
  /** Store of the entries. It must be able to compare and set. @defaultValue `redisCacheStore()` */
  readonly store?: CacheStoreFactory | undefined;
  /**
   * First part of the keys, `{keyPrefix}:{version}:django.contrib.sessions.cache{session key}`.
   * With the prefix of a cache, the `clear()` of that cache deletes the sessions too, as in Django.
   *
   * @defaultValue `"{project name}:sessions"`
   */
  readonly keyPrefix?: string | undefined;
  /** Second part of the keys. An integer. @defaultValue `1` */
  readonly version?: number | undefined;
  /**
   * Store that still has the sessions, such as `cachedDbSessionStore(…)`, until all have been moved
   * into the cache. With it, `store` needs leases.
   */
  readonly from?: SessionStoreFactory | undefined;
  /**
   * Whether sessions are moved: each when it is read, and all by `sessions.clearExpired()`. `false`
   * only follows the instances that move, and has to be deployed everywhere before the first one
   * moves.
   *
   * @defaultValue `false`
   */
  readonly moves?: boolean | undefined;
}

const optionsSchema = settingsObject({
  store: v.optional(
    v.custom<CacheStoreFactory>(
      (input) => typeof input === "function",
      "a cache store such as redisCacheStore()",
    ),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(v.string()),
  version: v.optional(v.pipe(v.number("an integer"), v.safeInteger("an integer")), 1),
  from: v.optional(v.custom<SessionStoreFactory>((input) => typeof input === "function", "a store")),
  moves: v.optional(v.boolean("true or false"), false),
});

// Django: `KEY_PREFIX` in contrib/sessions/backends/cache.py.
const DJANGO_PREFIX = "django.contrib.sessions.cache";

/** Prefix of the keys of tombstones. */
const MOVED_PREFIX = "sojourn.moved.";

/**
 * Keeps sessions in a cache, under the keys of Django's `cache` engine.
 *
 * Sessions cannot be listed or revoked by user, since a cache has no index of users. In a store that
 * lists no keys, such as memcached, no walk through all sessions is possible either.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option or a store that
 * cannot compare and set.
 */
export function cacheSessionStore(options: CacheSessionStoreOptions = {}): SessionStoreFactory {
  return (context) => openCacheSessionStore(options, context);
}

function openCacheSessionStore(options: CacheSessionStoreOptions, context: StoreContext): SessionStore {
  const { store, version, keyPrefix, from, moves } = parseSettings(
    optionsSchema,
    options,
    "cacheSessionStore",
  );
  const { projectName, redis, clock } = context;
  const cache = makeAuthority(store, { redis, clock }, "cacheSessionStore.store");
  if (!cache.capabilities.compareAndSet) {
    const message = `the store "${cache.name}" cannot compare and set, which sessions need.`;
    throw new ImproperlyConfigured("cacheSessionStore.store", message);
  }
  const versioned = `${keyPrefix ?? `${projectName}:sessions`}:${version}:`;
  const namespace = versioned + DJANGO_PREFIX;
  const tombstones = new RecordTombstones(
    new CacheSessionStore(cache, versioned + MOVED_PREFIX),
    (name) => name,
  );
  const spaces = spacesWithin(cache, [versioned]);
  if (from !== undefined) {
    const other = checkMove(cache, makeSessionStore(from, context, "cacheSessionStore.from"));
    if (shareKeys(keySpacesOf(other), spaces)) {
      throw new ImproperlyConfigured(
        "cacheSessionStore.from",
        "expected a store with keys other than those of these sessions.",
      );
    }
    const moving = new MovingSessionStore({
      from: other,
      cache,
      namespace,
      tombstones,
      isUnderWay: moves,
      clock,
    });
    return withKeySpaces(moving, [...keySpacesOf(other), ...spaces]);
  }
  if (moves) throw new ImproperlyConfigured("cacheSessionStore.moves", "nothing can be moved without from.");
  return withKeySpaces(new CacheSessionStore(cache, namespace, tombstones), spaces);
}

function checkMove(cache: CacheStore, from: SessionStore): CacheableSessionStore {
  if (!cache.capabilities.leases) {
    const message = `the store "${cache.name}" has no leases, which are needed to move sessions into it.`;
    throw new ImproperlyConfigured("cacheSessionStore.store", message);
  }
  if (isCacheable(from)) return from;
  const message = `the store "${from.name}" does not report the remaining time to live of a record (readWithTtl), so nothing can be moved from it.`;
  throw new ImproperlyConfigured("cacheSessionStore.from", message);
}
