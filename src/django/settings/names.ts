import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings } from "../../core/settings.ts";

/** One of Django's `CACHES`, in Django's names. What Node does not know is named in the answer. */
export interface DjangoCacheBackend {
  readonly BACKEND?: string | null | undefined;
  /** A URL, `host:port`, or a list of them, the first of which is written to. */
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
 * The settings of a Django site that concern sessions and caches, with Django's names and values: written by
 * hand, or a dump of the settings module as JSON. Names that concern neither are passed over. `null` is
 * `None`.
 */
export interface DjangoSettings {
  readonly SECRET_KEY: string;
  readonly SECRET_KEY_FALLBACKS?: readonly string[] | null | undefined;
  /** First segment of codex-django's keys. Engines without keys in Redis do not need it. */
  readonly PROJECT_NAME?: string | null | undefined;
  /** Where Redis is when a cache or a session engine does not say. */
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
  /** codex-django: where sessions are; it falls back to `REDIS_URL`. */
  readonly CODEX_SESSION_REDIS_URL?: string | null | undefined;
  /** codex-django: middle segment of the keys. @defaultValue `"session"` */
  readonly CODEX_SESSION_KEY_PREFIX?: string | null | undefined;
  /** django-redisession. */
  readonly REDIS_SESSION_CONFIG?: Readonly<Record<string, unknown>> | null | undefined;
  /** django-redisession: connections by their names. */
  readonly REDIS_CONFIG?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null | undefined;
  /** django-ratelimit: name of the cache that counts. @defaultValue `"default"` */
  readonly RATELIMIT_USE_CACHE?: string | null | undefined;
  /** @defaultValue `"rl:"` */
  readonly RATELIMIT_CACHE_PREFIX?: string | null | undefined;
  readonly RATELIMIT_FAIL_OPEN?: boolean | null | undefined;
  readonly AUTHENTICATION_BACKENDS?: readonly string[] | null | undefined;
  /** Only a `TIME_ZONE` of the database of the sessions, `default`, is of interest. */
  readonly DATABASES?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null | undefined;
  /** `false`: the ends of sessions are local time. @defaultValue `true`, as in Django from 5.0 on */
  readonly USE_TZ?: boolean | null | undefined;
  /** Whose local time that is. @defaultValue `"America/Chicago"`, as in Django */
  readonly TIME_ZONE?: string | null | undefined;
  readonly [name: string]: unknown;
}

/** `None` and absent are the same: Django's default. */
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
    // `None` has a meaning of its own here.
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
    CACHES: v.nullish(v.record(v.string(), cacheSchema, "an object of caches by their names")),
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
    SESSION_COOKIE_SAMESITE: v.nullish(v.union([v.string(), v.boolean()], '"Lax", "Strict", "None" or false')),
    SESSION_EXPIRE_AT_BROWSER_CLOSE: flag,
    SESSION_SAVE_EVERY_REQUEST: flag,
    CODEX_SESSION_REDIS_URL: text,
    CODEX_SESSION_KEY_PREFIX: text,
    REDIS_SESSION_CONFIG: v.nullish(record),
    REDIS_CONFIG: v.nullish(v.record(v.string(), record, "an object of connections by their names")),
    RATELIMIT_USE_CACHE: text,
    RATELIMIT_CACHE_PREFIX: text,
    RATELIMIT_FAIL_OPEN: flag,
    AUTHENTICATION_BACKENDS: texts,
    DATABASES: v.nullish(v.record(v.string(), record, "an object of databases by their names")),
    USE_TZ: flag,
    TIME_ZONE: text,
  },
  "an object with the names of a Django settings module",
);

/** Django's settings, of which the values that matter here have been checked. */
export type CheckedDjangoSettings = DjangoSettings;

/** How messages name the settings of a site. */
export const DJANGO = "django";

/**
 * @throws {ImproperlyConfigured} Naming the setting, what was expected and what came, but for secrets and
 * URLs.
 */
export function checkDjangoSettings(settings: unknown): CheckedDjangoSettings {
  return parseSettings(schema, settings, DJANGO);
}

/** A setting with which nothing could be shared. */
export function cannotShare(setting: string, message: string): ImproperlyConfigured {
  return new ImproperlyConfigured(`${DJANGO}.${setting}`, message);
}
