import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStoreFactory } from "../cache-store.ts";
import { keySpacesOf, shareKeys, spacesWithin, withKeySpaces } from "../key-spaces.ts";
import { makeAuthority, makeSessionStore } from "../make-store.ts";
import { redisCacheStore } from "../redis/index.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { CachedDbSessionStore, isCacheable } from "./cached-db-session-store.ts";

/** Options of {@link cachedDbSessionStore}. */
export interface CachedDbSessionStoreOptions {
  /** Store of the sessions, such as `sqlSessionStore(…)`. */
  readonly database: SessionStoreFactory;
  /** Store of the copies. It must be able to compare and set. @defaultValue `redisCacheStore()` */
  readonly cache?: CacheStoreFactory | undefined;
  /** First part of the keys of the copies. @defaultValue `"{project name}:cached-sessions"` */
  readonly keyPrefix?: string | undefined;
  /**
   * Whether copies are made and read. `false` only keeps the copies of others from growing stale:
   * such instances can run beside those that use the database alone, and beside those with copies.
   *
   * @defaultValue `true`
   */
  readonly copies?: boolean | undefined;
}

const FACTORY = "a store";

const optionsSchema = settingsObject({
  database: v.custom<SessionStoreFactory>((input) => typeof input === "function", FACTORY),
  cache: v.optional(
    v.custom<CacheStoreFactory>((input) => typeof input === "function", FACTORY),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(v.pipe(v.string(), v.minLength(1, "a text that is not empty"))),
  copies: v.optional(v.boolean("true or false"), true),
});

/**
 * Keeps sessions in a database with copies of them in a cache, so that reading them costs the cache
 * one command and the database none. Django: `cached_db`, whose copies Django alone reads.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option or an
 * unsuitable store.
 */
export function cachedDbSessionStore(options: CachedDbSessionStoreOptions): SessionStoreFactory {
  return (context) => openCachedDbSessionStore(options, context);
}

function openCachedDbSessionStore(options: CachedDbSessionStoreOptions, context: StoreContext): SessionStore {
  const { database, cache, keyPrefix, copies } = parseSettings(
    optionsSchema,
    options,
    "cachedDbSessionStore",
  );
  const { projectName, redis, clock } = context;
  const cacheStore = makeAuthority(cache, { redis, clock }, "cachedDbSessionStore.cache");
  const sessionStore = makeSessionStore(database, context, "cachedDbSessionStore.database");
  if (!cacheStore.capabilities.compareAndSet) {
    const message = `the store "${cacheStore.name}" cannot compare and set.`;
    throw new ImproperlyConfigured("cachedDbSessionStore.cache", message);
  }
  if (!isCacheable(sessionStore)) {
    const message = `the store "${sessionStore.name}" does not report the remaining time to live of a record (readWithTtl), so nothing can be copied from it.`;
    throw new ImproperlyConfigured("cachedDbSessionStore.database", message);
  }
  const namespace = `${keyPrefix ?? `${projectName}:cached-sessions`}:`;
  const spaces = spacesWithin(cacheStore, [namespace]);
  if (shareKeys(keySpacesOf(sessionStore), spaces)) {
    const message = "expected a prefix other than that of the sessions themselves.";
    throw new ImproperlyConfigured("cachedDbSessionStore.keyPrefix", message);
  }
  const parts = { cache: cacheStore, database: sessionStore, namespace, clock, hasCopies: copies };
  return withKeySpaces(new CachedDbSessionStore(parts), [...keySpacesOf(sessionStore), ...spaces]);
}
