import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStoreFactory } from "../cache-store.ts";
import { redisCacheStore } from "../redis/index.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { CacheSessionStore } from "./cache-session-store.ts";

/** Options of {@link cacheSessionStore}. */
export interface CacheSessionStoreOptions {
  /** Where the entries are kept. It has to be able to compare and set. @defaultValue `redisCacheStore()` */
  readonly store?: CacheStoreFactory | undefined;
  /**
   * First part of the keys, `{keyPrefix}:{version}:django.contrib.sessions.cache{session key}`. With the prefix of a cache,
   * the `clear()` of that cache deletes the sessions too, as in Django.
   *
   * @defaultValue `"{project name}:sessions"`
   */
  readonly keyPrefix?: string | undefined;
  /** Second part of the keys. An integer. @defaultValue `1` */
  readonly version?: number | undefined;
}

const optionsSchema = settingsObject({
  store: v.optional(
    v.custom<CacheStoreFactory>((input) => typeof input === "function", "a cache store such as redisCacheStore()"),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(v.string()),
  version: v.optional(v.pipe(v.number("an integer"), v.safeInteger("an integer")), 1),
});

// Django: `KEY_PREFIX` in contrib/sessions/backends/cache.py.
const DJANGO_PREFIX = "django.contrib.sessions.cache";

/**
 * Keeps sessions in a cache, under the keys of Django's `cache` engine.
 *
 * Nothing can be listed or revoked by user, since a cache has no index of users.
 *
 * @throws {ImproperlyConfigured} When the settings are complete, for a wrong option or a store that cannot compare and set.
 */
export function cacheSessionStore(options: CacheSessionStoreOptions = {}): SessionStoreFactory {
  return (context) => openCacheSessionStore(options, context);
}

function openCacheSessionStore(
  options: CacheSessionStoreOptions,
  { projectName, redis, clock }: StoreContext,
): SessionStore {
  const { store, version, keyPrefix } = parseSettings(optionsSchema, options, "cacheSessionStore");
  const cacheStore = store({ redis, clock });
  if (!cacheStore.capabilities.compareAndSet || !cacheStore.capabilities.scan) {
    const message = `the store "${cacheStore.name}" cannot compare and set, or not walk its keys, which sessions need.`;
    throw new ImproperlyConfigured("cacheSessionStore.store", message);
  }
  return new CacheSessionStore(cacheStore, `${keyPrefix ?? `${projectName}:sessions`}:${version}:${DJANGO_PREFIX}`);
}
