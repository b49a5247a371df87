import type { SessionSettings } from "../../session/session-settings.ts";
import { cacheSessionStore } from "../../stores/cache/index.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import { fileSessionStore } from "../../stores/file/index.ts";
import { redisSessionStore } from "../../stores/redis/index.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import { djangoCachedDbSessionStore } from "../cached-db-session-store.ts";
import type { DjangoEngine, EngineContext } from "./engine.ts";
import { cannotShare, type CheckedDjangoSettings } from "./names.ts";
import { redisessionSettings } from "./redisession.ts";
import { DEFAULT_REDIS_URL } from "./redis-location.ts";
import { toTimeZone } from "./time-zone.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

const TWO_WEEKS = 1_209_600;
const MAX_COOKIE = 400 * 86_400;
const DEFAULT_ENGINE = "django.contrib.sessions.backends.db";
const JSON_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer";

const ENGINES: Readonly<Record<string, (context: EngineContext) => DjangoEngine>> = {
  [DEFAULT_ENGINE]: (context) => ({ settings: { store: requireDatabase(context) } }),
  "django.contrib.sessions.backends.cached_db": cachedDb,
  "django.contrib.sessions.backends.cache": cache,
  "django.contrib.sessions.backends.file": file,
  "django.contrib.sessions.backends.signed_cookies": () => ({
    settings: { store: cookieSessionStore() },
  }),
  "codex_django.sessions.backends.redis": codex,
  "redisession.backend": redisessionSettings,
};

/** @throws {ImproperlyConfigured} For an engine or a serializer that cannot be shared. */
export function toEngine(context: EngineContext): DjangoEngine {
  const { SESSION_ENGINE, SESSION_SERIALIZER } = context.django;
  const engine = SESSION_ENGINE ?? DEFAULT_ENGINE;
  const toSettings = Object.hasOwn(ENGINES, engine) ? ENGINES[engine] : undefined;
  if (toSettings === undefined) {
    throw cannotShare("SESSION_ENGINE", `expected one of ${Object.keys(ENGINES).join(", ")}.`);
  }
  if ((SESSION_SERIALIZER ?? JSON_SERIALIZER) !== JSON_SERIALIZER) {
    const message = `expected ${JSON_SERIALIZER}: Node reads and writes no other form, and never a pickle.`;
    throw cannotShare("SESSION_SERIALIZER", message);
  }
  return toSettings(context);
}

/** Converts the session settings common to all engines. */
export function toSessionSettings(
  django: CheckedDjangoSettings,
  unsupported: UnsupportedSettings,
): SessionSettings {
  const isExtending = django.SESSION_SAVE_EVERY_REQUEST === true;
  if (isExtending) {
    const reason =
      "extends a session in Node only on pages that load it; mount the adapter with eager: true for all pages";
    unsupported.add("SESSION_SAVE_EVERY_REQUEST", reason);
  }
  if (cookieAge(django) > MAX_COOKIE) {
    const reason = "is more than 400 days, the maximum in browsers; each save in Node sends the cookie again";
    unsupported.add("SESSION_COOKIE_AGE", reason);
  }
  return {
    ...(isExtending ? { touchEvery: 0 } : { profile: "django" as const }),
    ...toTimeZone(django),
    expireAtBrowserClose: django.SESSION_EXPIRE_AT_BROWSER_CLOSE ?? false,
    cookie: {
      name: cookieName(django),
      age: cookieAge(django),
      path: django.SESSION_COOKIE_PATH ?? "/",
      ...(typeof django.SESSION_COOKIE_DOMAIN === "string" && { domain: django.SESSION_COOKIE_DOMAIN }),
      secure: django.SESSION_COOKIE_SECURE ?? false,
      httpOnly: django.SESSION_COOKIE_HTTPONLY ?? true,
      sameSite: toSameSite(django.SESSION_COOKIE_SAMESITE ?? "Lax", unsupported),
    },
  };
}

const cookieName = ({ SESSION_COOKIE_NAME }: CheckedDjangoSettings): string =>
  SESSION_COOKIE_NAME ?? "sessionid";
const cookieAge = ({ SESSION_COOKIE_AGE }: CheckedDjangoSettings): number => SESSION_COOKIE_AGE ?? TWO_WEEKS;

function toSameSite(value: string | boolean, unsupported: UnsupportedSettings): "lax" | "strict" | "none" {
  const text = String(value).toLowerCase();
  if (text === "lax" || text === "strict" || text === "none") return text;
  unsupported.add("SESSION_COOKIE_SAMESITE", 'is not "Lax", "Strict" or "None"; Node sends "Lax"');
  return "lax";
}

function requireDatabase({ database, django }: EngineContext): SessionStoreFactory {
  if (database) return database;
  const engine = django.SESSION_ENGINE ?? DEFAULT_ENGINE;
  throw cannotShare(
    "SESSION_ENGINE",
    `is ${engine}, so pass the database as well: { database: sqlSessionStore(…) }.`,
  );
}

function cachedDb(context: EngineContext): DjangoEngine {
  const database = requireDatabase(context);
  const { sessionStore, keyPrefix, version } = requireCache(context);
  return {
    settings: {
      store: djangoCachedDbSessionStore({ database, cache: sessionStore, keyPrefix, version }),
    },
  };
}

function cache(context: EngineContext): DjangoEngine {
  const { alias, sessionStore: store, keyPrefix, version, isPlainJson } = requireCache(context);
  if (!isPlainJson) {
    const message =
      `uses CACHES["${alias}"], whose values are not plain JSON, and Node never reads a pickle. Give that cache a JSON ` +
      "serializer and no compressor, as codex-django has it, on memcached a SojournSerde, or use the engine cached_db.";
    throw cannotShare("SESSION_ENGINE", message);
  }
  return { settings: { store: cacheSessionStore({ store, keyPrefix, version }), format: "django-cache" } };
}

function requireCache({ django, caches }: EngineContext) {
  const alias = django.SESSION_CACHE_ALIAS ?? "default";
  const found = caches.get(alias);
  if (found === undefined)
    throw cannotShare("SESSION_CACHE_ALIAS", `expected a name in CACHES, got "${alias}".`);
  const { sessionStore } = found;
  if (sessionStore === undefined) {
    throw cannotShare("SESSION_CACHE_ALIAS", `names CACHES["${alias}"], which Node cannot share.`);
  }
  return { alias, ...found, sessionStore };
}

function file({ django }: EngineContext): DjangoEngine {
  const { SESSION_FILE_PATH: path } = django;
  if (typeof path === "string") {
    return {
      settings: { store: fileSessionStore({ path, prefix: cookieName(django), age: cookieAge(django) }) },
    };
  }
  const message =
    "expected a folder closed to other users: Django's default, the temporary folder, is open to all.";
  throw cannotShare("SESSION_FILE_PATH", message);
}

function codex({ django, unsupported }: EngineContext): DjangoEngine {
  const { PROJECT_NAME, CODEX_SESSION_REDIS_URL, CODEX_SESSION_KEY_PREFIX, REDIS_URL } = django;
  if (typeof PROJECT_NAME !== "string" || PROJECT_NAME === "") {
    throw cannotShare("PROJECT_NAME", 'expected the first segment of the keys, such as "myproject".');
  }
  if (typeof CODEX_SESSION_REDIS_URL === "string" && CODEX_SESSION_REDIS_URL !== REDIS_URL) {
    const reason =
      "is documented, but codex-django (0.7) reads only REDIS_URL; Node follows the documentation";
    unsupported.add("CODEX_SESSION_REDIS_URL", reason);
  }
  return {
    settings: {
      store: redisSessionStore({ prefix: CODEX_SESSION_KEY_PREFIX ?? "session", connection: "session" }),
    },
    connection: CODEX_SESSION_REDIS_URL ?? REDIS_URL ?? DEFAULT_REDIS_URL,
  };
}
