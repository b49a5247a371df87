import * as v from "valibot";

import type { Milliseconds } from "../core/clock.ts";
import { type Duration, durationSchema, expirySchema } from "../core/durations.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import type { CacheStoreFactory } from "../stores/cache-store.ts";
import { redisCacheStore } from "../stores/redis/index.ts";
import type { KeyFunction } from "./keys.ts";
import type { Timeout } from "./timeouts.ts";

/** Settings of one cache, with the names and units of Django's `CACHES`. */
export interface CacheSettings {
  /** Where entries are kept: `redisCacheStore()`, `memoryCacheStore()`, or a store of your own. @defaultValue `redisCacheStore()` */
  readonly store?: CacheStoreFactory;
  /**
   * First part of the keys, `{keyPrefix}:{version}:{key}`. `clear()` needs one: it deletes what has it.
   *
   * A cache with the prefix `a:1` lies inside the one with the prefix `a`. @defaultValue `""`
   */
  readonly keyPrefix?: string;
  /** Version of entries where the call gives none. An integer. @defaultValue `1` */
  readonly version?: number;
  /** How long entries live where the call does not say. `null`: no expiry; 0 or less: nothing is stored. @defaultValue `300` */
  readonly timeout?: Timeout;
  /** Makes the whole keys in another way. `clear()` cannot be used then. @defaultValue none */
  readonly keyFunction?: KeyFunction;
  /** Most that one store operation may take. At least 10 ms. @defaultValue `"1s"` */
  readonly deadline?: Duration;
}

/** {@link CacheSettings}, checked and complete. */
export interface ResolvedCacheSettings {
  readonly store: CacheStoreFactory;
  readonly keyPrefix: string;
  readonly version: number;
  readonly timeout: Milliseconds | null;
  readonly keyFunction: KeyFunction | undefined;
  readonly deadline: Milliseconds;
}

const PREFIX = 'a text such as "myproject"';

const cacheSchema = settingsObject({
  store: v.optional(
    v.custom<CacheStoreFactory>(
      (input) => typeof input === "function",
      "a store such as redisCacheStore() or memoryCacheStore()",
    ),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(
    v.pipe(
      v.string(PREFIX),
      v.check((text) => text.isWellFormed(), PREFIX),
    ),
    "",
  ),
  version: v.optional(v.pipe(v.number("an integer"), v.safeInteger("an integer")), 1),
  timeout: v.optional(expirySchema(), 300),
  keyFunction: v.optional(
    v.custom<KeyFunction>((input) => typeof input === "function", "a function of key, keyPrefix and version"),
  ),
  deadline: v.optional(durationSchema({ least: "10ms" }), "1s"),
});

/**
 * @param path What the settings are called where the user writes them, such as `caches.default`.
 * @throws {ImproperlyConfigured} Naming the setting, what was expected and what came.
 */
export function resolveCacheSettings(settings: CacheSettings, path: string): ResolvedCacheSettings {
  const { keyFunction, ...rest } = parseSettings(cacheSchema, settings, path);
  return { ...rest, keyFunction };
}
