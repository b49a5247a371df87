import { MODEL_BACKEND } from "../../session/login/auth.ts";
import type { CacheSettings } from "../../cache/cache-settings.ts";
import type { CacheCompressor } from "../../cache/entry/compression.ts";
import { DJANGO_SITE, type SojournSettings } from "../../create-sojourn.ts";
import type { RedisConnectionSettings } from "../../redis/settings.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import { type DjangoCache, toCaches } from "./caches.ts";
import type { DatabaseCache } from "./local-caches.ts";
import {
  cannotShare,
  checkDjangoSettings,
  type CheckedDjangoSettings,
  type DjangoSettings,
} from "./names.ts";
import { DEFAULT_REDIS_URL } from "./redis-location.ts";
import { toEngine, toSessionSettings } from "./sessions.ts";
import { inDatabaseZone } from "./time-zone.ts";
import { type UnsupportedSetting, UnsupportedSettings } from "./unsupported.ts";

export type { DjangoCacheBackend, DjangoSettings } from "./names.ts";
export type { DjangoDatabaseCacheOptions } from "./local-caches.ts";
export type { UnsupportedSetting } from "./unsupported.ts";

/** Options that a dump of Django's settings cannot hold. */
export interface DjangoSettingsOptions {
  /**
   * Django's sessions in its database, `sqlSessionStore({ database })`: for the engines `db` and
   * `cached_db`.
   */
  readonly database?: SessionStoreFactory | undefined;
  /**
   * Makes the store of a cache of the backend `DatabaseCache`:
   * `(options) => sqlCacheStore({ database, ...options })`. `createCacheTables` makes the table of
   * leases beside Django's.
   *
   * @defaultValue none: such a cache is apart, in the memory of the process
   */
  readonly databaseCache?: DatabaseCache | undefined;
  /**
   * Compressors by the path of the class that `OPTIONS["COMPRESSOR"]` names, or by the module of
   * `COMPRESS_LIB`: `{ "django_redis.compressors.lz4.Lz4Compressor": lz4Compressor(library) }`.
   *
   * @defaultValue django-redis's zlib and gzip, and its zstd where Node.js has it (22.15)
   */
  readonly compressors?: Readonly<Record<string, CacheCompressor>> | undefined;
}

/** Limits shared with django-ratelimit: arguments of `djangoRatelimit(caches[cache], …)`. */
export interface DjangoRatelimitSettings {
  /** `RATELIMIT_USE_CACHE` */
  readonly cache: string;
  /** `RATELIMIT_CACHE_PREFIX` */
  readonly prefix: string;
  /** `RATELIMIT_FAIL_OPEN` */
  readonly failOpen: boolean;
}

/** The settings of a Django site, converted to Sojourn's. */
export interface FromDjangoSettings {
  /**
   * Settings for `createSojourn`, which can be extended, as in
   * `{ ...settings, sessions: { ...settings.sessions, schema } }`.
   */
  readonly settings: SojournSettings;
  /**
   * Settings that Node does not honour, each with its replacement: to be read once, when a site is
   * connected.
   */
  readonly unsupported: readonly UnsupportedSetting[];
  readonly ratelimit: DjangoRatelimitSettings;
  /** `AUTHENTICATION_BACKENDS`, for `djangoAuth`. */
  readonly backends: readonly string[];
}

/**
 * Returns the settings of Sojourn for sharing sessions, caches and rate limits with a Django site.
 *
 * @param settings Settings of the site with Django's names and values, by hand or as a JSON dump.
 * @throws {ImproperlyConfigured} For a wrong setting, and for one that makes sharing impossible,
 *   such as pickles.
 */
export function djangoSettings(
  settings: DjangoSettings,
  { database, databaseCache, compressors = {} }: DjangoSettingsOptions = {},
): FromDjangoSettings {
  const django = checkDjangoSettings(settings);
  const unsupported = new UnsupportedSettings();
  const caches = toCaches(django, unsupported, { databaseCache, compressors });
  const sessions = database && inDatabaseZone(django, database);
  const { settings: engine, connection } = toEngine({
    django,
    caches,
    database: sessions,
    unsupported,
    compressors,
  });
  return {
    settings: {
      [DJANGO_SITE]: true,
      projectName: django.PROJECT_NAME ?? "django",
      secretKey: django.SECRET_KEY,
      secretKeyFallbacks: django.SECRET_KEY_FALLBACKS ?? [],
      redis: toConnections(django, caches, connection),
      sessions: { ...toSessionSettings(django, unsupported), ...engine },
      caches: toCacheSettings(caches),
    },
    unsupported: unsupported.list,
    ratelimit: toRatelimit(django, caches),
    backends: django.AUTHENTICATION_BACKENDS ?? [MODEL_BACKEND],
  };
}

function toConnections(
  { REDIS_URL }: CheckedDjangoSettings,
  caches: ReadonlyMap<string, DjangoCache>,
  session: RedisConnectionSettings | undefined,
): Record<string, RedisConnectionSettings> {
  const connections: Record<string, RedisConnectionSettings> = { default: REDIS_URL ?? DEFAULT_REDIS_URL };
  for (const [alias, { connection }] of caches) if (connection !== undefined) connections[alias] = connection;
  // A cache may have this name too, with another location.
  if (session !== undefined && connections["session"] !== undefined) {
    throw cannotShare(
      'CACHES["session"]',
      'expected another name: the connection of the sessions is called "session".',
    );
  }
  return session === undefined ? connections : { ...connections, session };
}

function toCacheSettings(caches: ReadonlyMap<string, DjangoCache>): Record<string, CacheSettings> {
  return Object.fromEntries(Array.from(caches, ([alias, { settings }]) => [alias, settings]));
}

function toRatelimit(
  { RATELIMIT_USE_CACHE, RATELIMIT_CACHE_PREFIX, RATELIMIT_FAIL_OPEN }: CheckedDjangoSettings,
  caches: ReadonlyMap<string, DjangoCache>,
): DjangoRatelimitSettings {
  const cache = RATELIMIT_USE_CACHE ?? "default";
  if (!caches.has(cache))
    throw cannotShare("RATELIMIT_USE_CACHE", `expected a name in CACHES, got "${cache}".`);
  return { cache, prefix: RATELIMIT_CACHE_PREFIX ?? "rl:", failOpen: RATELIMIT_FAIL_OPEN ?? false };
}
