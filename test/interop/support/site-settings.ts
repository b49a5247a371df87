import { join } from "node:path";

/** The engine in which the site keeps its sessions. */
export type SessionEngine = "db" | "cached_db" | "file" | "signed_cookies" | "cache" | "codex";

/** The options from which the site's settings are made. */
export interface SiteSettingsOptions {
  /** @defaultValue `"db"` */
  readonly engine?: SessionEngine;
  /** The site's own, for its database and its files of sessions. */
  readonly folder: string;
  /** Without it the cache is in the site's memory, and the engines that need Redis fail. */
  readonly redisUrl?: string;
  /** `django-redis` writes JSON. @defaultValue `codex` for the engine `codex`, else `django-redis` */
  readonly cache?: "django-redis" | "codex";
  /** Path of a memcached's socket: the cache is there, with the serde of the guide. */
  readonly memcached?: string | undefined;
  /** A PostgreSQL server instead of a file of SQLite. */
  readonly postgres?: { readonly host: string; readonly user: string; readonly database: string };
  /** A MariaDB server instead of a file of SQLite. */
  readonly mariadb?: { readonly socketPath: string; readonly user: string; readonly database: string };
  /** `TIME_ZONE` of the database, which it has with `USE_TZ = True`. */
  readonly databaseZone?: string;
  /** Further settings, by Django's names, and others than the defaults. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** `PROJECT_NAME` and `KEY_PREFIX` of the site, as codex-django's guide sets them. */
export const PROJECT = "myproject";

const ENGINES: Readonly<Record<SessionEngine, string>> = {
  db: "django.contrib.sessions.backends.db",
  cached_db: "django.contrib.sessions.backends.cached_db",
  file: "django.contrib.sessions.backends.file",
  signed_cookies: "django.contrib.sessions.backends.signed_cookies",
  cache: "django.contrib.sessions.backends.cache",
  codex: "codex_django.sessions.backends.redis",
};

/** The settings of a site, by Django's names. */
export function siteSettings(options: SiteSettingsOptions): Record<string, unknown> {
  const { engine = "db", folder, redisUrl, settings } = options;
  return {
    PROJECT_NAME: PROJECT,
    SESSION_ENGINE: ENGINES[engine],
    SESSION_SERIALIZER: "django.contrib.sessions.serializers.JSONSerializer",
    SESSION_FILE_PATH: folder,
    DATABASES: {
      default: {
        ...database(options),
        ...(options.databaseZone === undefined ? {} : { TIME_ZONE: options.databaseZone }),
      },
    },
    CACHES: { default: cache(options) },
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    ...settings,
  };
}

function database({ folder, postgres, mariadb }: SiteSettingsOptions): Record<string, unknown> {
  if (mariadb !== undefined) {
    const { socketPath, user, database: name } = mariadb;
    return { ENGINE: "django.db.backends.mysql", HOST: socketPath, USER: user, NAME: name };
  }
  if (postgres === undefined) {
    return {
      ENGINE: "django.db.backends.sqlite3",
      NAME: join(folder, "db.sqlite3"),
      // Seconds that a writer waits for another.
      OPTIONS: { timeout: 20 },
    };
  }
  const { host, user, database: name } = postgres;
  return { ENGINE: "django.db.backends.postgresql", HOST: host, USER: user, NAME: name };
}

function cache({ engine, redisUrl, memcached, cache: kind }: SiteSettingsOptions): Record<string, unknown> {
  const common = { KEY_PREFIX: PROJECT, TIMEOUT: 300 };
  if (memcached !== undefined) {
    return {
      BACKEND: "django.core.cache.backends.memcached.PyMemcacheCache",
      LOCATION: memcached,
      OPTIONS: { serde: "sojourn_serde.SojournSerde" },
      ...common,
    };
  }
  if (redisUrl === undefined) return { BACKEND: "django.core.cache.backends.locmem.LocMemCache", ...common };
  if ((kind ?? engine) === "codex") {
    return { BACKEND: "codex_django.cache.backends.redis.RedisCache", LOCATION: redisUrl, ...common };
  }
  return {
    BACKEND: "django_redis.cache.RedisCache",
    LOCATION: redisUrl,
    OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer" },
    ...common,
  };
}
