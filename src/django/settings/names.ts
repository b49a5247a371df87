import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings } from "../../core/settings.ts";

/**
 * One of Django's `CACHES`, with Django's names. Unknown settings are reported in `unsupported`.
 */
export interface DjangoCacheBackend {
  readonly BACKEND?: string | null | undefined;
  /** A URL, `host:port`, or a list of them; writes go to the first. */
  readonly LOCATION?: string | readonly string[] | null | undefined;
  readonly KEY_PREFIX?: string | null | undefined;
  readonly VERSION?: number | null | undefined;
  /** Seconds; `null` is `None`: no expiry. @defaultValue `300` */
  readonly TIMEOUT?: number | null | undefined;
  readonly KEY_FUNCTION?: unknown;
  readonly OPTIONS?: Readonly<Record<string, unknown>> | null | undefined;
  readonly [name: string]: unknown;
}

/**
 * The settings of a Django site that concern sessions and caches, with Django's names and values:
 * written by hand, or a dump of the settings module as JSON. Other names are ignored. `null` is
 * `None`.
 */
export interface DjangoSettings {
  readonly SECRET_KEY: string;
  readonly SECRET_KEY_FALLBACKS?: readonly string[] | null | undefined;
  /** First segment of codex-django's keys. Not needed by engines without keys in Redis. */
  readonly PROJECT_NAME?: string | null | undefined;
  /** Location of Redis if a cache or a session engine has none. */
  readonly REDIS_URL?: string | null | undefined;
  readonly CACHES?: Readonly<Record<string, DjangoCacheBackend>> | null | undefined;
  /** @defaultValue `"django.contrib.sessions.backends.db"` */
  readonly SESSION_ENGINE?: string | null | undefined;
  /** @defaultValue Django's `JSONSerializer` */
  readonly SESSION_SERIALIZER?: string | null | undefined;
  /** @defaultValue `"default"` */
  readonly SESSION_CACHE_ALIAS?: string | null | undefined;
  readonly SESSION_FILE_PATH?: string | null | undefined;
  /** @defaultValue `"sessionid"` */
  readonly SESSION_COOKIE_NAME?: string | null | undefined;
  /** Seconds. @defaultValue `1209600`, two weeks */
  readonly SESSION_COOKIE_AGE?: number | null | undefined;
  readonly SESSION_COOKIE_DOMAIN?: string | null | undefined;
  readonly SESSION_COOKIE_PATH?: string | null | undefined;
  /** @defaultValue `false`, as in Django */
  readonly SESSION_COOKIE_SECURE?: boolean | null | undefined;
  readonly SESSION_COOKIE_HTTPONLY?: boolean | null | undefined;
  /** @defaultValue `"Lax"` */
  readonly SESSION_COOKIE_SAMESITE?: string | boolean | null | undefined;
  readonly SESSION_EXPIRE_AT_BROWSER_CLOSE?: boolean | null | undefined;
  readonly SESSION_SAVE_EVERY_REQUEST?: boolean | null | undefined;
  /** codex-django: location of the sessions. Falls back to `REDIS_URL`. */
  readonly CODEX_SESSION_REDIS_URL?: string | null | undefined;
  /** codex-django: middle segment of the keys. @defaultValue `"session"` */
  readonly CODEX_SESSION_KEY_PREFIX?: string | null | undefined;
  /** django-redisession. */
  readonly REDIS_SESSION_CONFIG?: Readonly<Record<string, unknown>> | null | undefined;
  /** django-redisession: connections by name. */
  readonly REDIS_CONFIG?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null | undefined;
  /** django-ratelimit: name of the cache with the counters. @defaultValue `"default"` */
  readonly RATELIMIT_USE_CACHE?: string | null | undefined;
  /** @defaultValue `"rl:"` */
  readonly RATELIMIT_CACHE_PREFIX?: string | null | undefined;
  readonly RATELIMIT_FAIL_OPEN?: boolean | null | undefined;
  readonly AUTHENTICATION_BACKENDS?: readonly string[] | null | undefined;
  /** Only the `TIME_ZONE` of the sessions' database, `default`, is read. */
  readonly DATABASES?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null | undefined;
  /**
   * `false`: expiry dates of sessions are local time.
   *
   * @defaultValue `true`, as in Django from 5.0 on
   */
  readonly USE_TZ?: boolean | null | undefined;
  /** Zone of that local time. @defaultValue `"America/Chicago"`, as in Django */
  readonly TIME_ZONE?: string | null | undefined;
  readonly [name: string]: unknown;
}

/** `None` and absent both mean Django's default. */
const text = v.nullish(v.string("a string"));
const flag = v.nullish(v.boolean("true or false"));
const integer = v.pipe(v.number("a whole number"), v.safeInteger("a whole number"));
const texts = v.nullish(v.array(v.string("a string"), "a list of strings"));
const record = v.record(v.string(), v.unknown(), "an object");

const cacheSchema = v.looseObject(
  {
    BACKEND: text,
    LOCATION: v.nullish(v.union([v.string(), v.array(v.string())], "a URL, host:port, or a list of them")),
    KEY_PREFIX: text,
    VERSION: v.nullish(integer),
    // `None` differs from absent here.
    TIMEOUT: v.optional(v.nullable(v.number("a number of seconds"))),
    OPTIONS: v.nullish(record),
  },
  "an object",
);

const schema = v.looseObject(
  {
    SECRET_KEY: v.pipe(v.string("a secret text"), v.nonEmpty("a secret text that is not empty")),
    SECRET_KEY_FALLBACKS: texts,
    PROJECT_NAME: text,
    REDIS_URL: text,
    CACHES: v.nullish(v.record(v.string(), cacheSchema, "an object of caches by name")),
    SESSION_ENGINE: text,
    SESSION_SERIALIZER: text,
    SESSION_CACHE_ALIAS: text,
    SESSION_FILE_PATH: text,
    SESSION_COOKIE_NAME: text,
    SESSION_COOKIE_AGE: v.nullish(integer),
    SESSION_COOKIE_DOMAIN: text,
    SESSION_COOKIE_PATH: text,
    SESSION_COOKIE_SECURE: flag,
    SESSION_COOKIE_HTTPONLY: flag,
    SESSION_COOKIE_SAMESITE: v.nullish(
      v.union([v.string(), v.boolean()], '"Lax", "Strict", "None" or false'),
    ),
    SESSION_EXPIRE_AT_BROWSER_CLOSE: flag,
    SESSION_SAVE_EVERY_REQUEST: flag,
    CODEX_SESSION_REDIS_URL: text,
    CODEX_SESSION_KEY_PREFIX: text,
    REDIS_SESSION_CONFIG: v.nullish(record),
    REDIS_CONFIG: v.nullish(v.record(v.string(), record, "an object of connections by name")),
    RATELIMIT_USE_CACHE: text,
    RATELIMIT_CACHE_PREFIX: text,
    RATELIMIT_FAIL_OPEN: flag,
    AUTHENTICATION_BACKENDS: texts,
    DATABASES: v.nullish(v.record(v.string(), record, "an object of databases by name")),
    USE_TZ: flag,
    TIME_ZONE: text,
  },
  "an object with the names of a Django settings module",
);

/** Django's settings, with the values used here checked. */
export type CheckedDjangoSettings = DjangoSettings;

/** Name of a site's settings in messages. */
export const DJANGO = "django";

/**
 * @throws {ImproperlyConfigured} Naming the setting, the expected and the actual value, except for
 *   secrets and URLs.
 */
export function checkDjangoSettings(settings: unknown): CheckedDjangoSettings {
  return parseSettings(schema, settings, DJANGO);
}

/** The error for a setting that makes sharing impossible. */
export function cannotShare(setting: string, message: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`${DJANGO}.${setting}`, message);
}
