import type { CacheSettings } from "../../cache/cache-settings.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import { redisCacheStore } from "../../stores/redis/index.ts";
import type { RedisConnectionSettings } from "../../redis/settings.ts";
import type { CacheStoreFactory } from "../../stores/cache-store.ts";
import { compressorOf, type DjangoCompressors, isUncompressed } from "./compressors.ts";
import { integersOnly } from "./integers-only.ts";
import { type DatabaseCache, isDatabase, type LocalCacheContext, toLocalStore } from "./local-caches.ts";
import { isMemcached, memcachedObstacleOf, toMemcachedCache } from "./memcached.ts";
import type { DjangoCacheBackend, CheckedDjangoSettings } from "./names.ts";
import { DEFAULT_REDIS_URL, serversOf, toRedisConnection } from "./redis-location.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

/** A Django cache, converted to Sojourn's settings. */
export interface DjangoCache {
  readonly settings: CacheSettings;
  /** Redis connection of the cache; `undefined` if it is elsewhere. */
  readonly connection: RedisConnectionSettings | undefined;
  /** Store of the sessions in the cache; `undefined` if Node cannot share it. */
  readonly sessionStore: CacheStoreFactory | undefined;
  readonly keyPrefix: string;
  readonly version: number;
  /** Whether its values are plain JSON, so that they can be sessions. */
  readonly isPlainJson: boolean;
}

const CODEX = "codex_django.cache.backends.redis.RedisCache";
const DJANGO_REDIS = "django_redis.cache.RedisCache";
const LOCMEM = "django.core.cache.backends.locmem.LocMemCache";
const CORE = "django.core.cache.backends.redis.RedisCache";

const JSON_SERIALIZERS: readonly unknown[] = [
  "django_redis.serializers.json.JSONSerializer",
  "codex_django.cache.serializers.JsonSerializer",
];

const CLIENTS: readonly unknown[] = [
  "django_redis.client.DefaultClient",
  "django_redis.client.default.DefaultClient",
];

/** Options that locate Redis, or that are read below. */
const KNOWN_OPTIONS = new Set(
  ["DB", "USERNAME", "PASSWORD", "SERIALIZER", "COMPRESSOR", "CLIENT_CLASS", "IGNORE_EXCEPTIONS"].flatMap(
    (name) => [name, name.toLowerCase()],
  ),
);

/**
 * @returns The caches by name. A cache that Node cannot share is kept in the memory of the process.
 */
export function toCaches(
  django: CheckedDjangoSettings,
  unsupported: UnsupportedSettings,
  given: GivenByApplication,
): ReadonlyMap<string, DjangoCache> {
  const { CACHES, REDIS_URL, ...settings } = django;
  const backends = Object.entries({ default: {}, ...CACHES });
  const ignoresErrors = settings["DJANGO_REDIS_IGNORE_EXCEPTIONS"] === true;
  const context = {
    redisUrl: REDIS_URL ?? DEFAULT_REDIS_URL,
    ignoresErrors,
    unsupported,
    django,
    ...given,
  };
  return new Map(backends.map(([alias, backend]) => [alias, toCache(alias, backend, context)]));
}

/** Parts that a dump of Django's settings cannot hold. */
interface GivenByApplication {
  readonly databaseCache: DatabaseCache | undefined;
  readonly compressors: DjangoCompressors;
}

interface Context extends LocalCacheContext, GivenByApplication {
  readonly redisUrl: string;
  readonly ignoresErrors: boolean;
}

function toCache(alias: string, backend: DjangoCacheBackend, context: Context): DjangoCache {
  const path = `CACHES["${alias}"]`;
  // Django's default keeps separate entries in each process, like Node's memory.
  if ((backend.BACKEND ?? LOCMEM) === LOCMEM) return toMemoryCache(backend);
  const local = toLocalStore(path, backend, context);
  if (local !== undefined) return toLocalCache(backend, local);
  const obstacle = obstacleOf(backend, context);
  if (obstacle === undefined)
    return isMemcached(backend.BACKEND)
      ? toCacheOnMemcached(path, backend, context)
      : toRedisCache(alias, path, backend, context);
  const [setting, reason] = obstacle;
  context.unsupported.add(
    path + setting,
    `${reason}; Node keeps separate entries under this name, in the memory of the process`,
  );
  return toMemoryCache(backend);
}

/** Finds the obstacle to sharing a cache: the setting and its effect. */
function obstacleOf(
  backend: DjangoCacheBackend,
  { compressors }: Context,
): readonly [string, string] | undefined {
  const { BACKEND, KEY_FUNCTION, OPTIONS } = backend;
  const isOnMemcached = isMemcached(BACKEND);
  if (!isOnMemcached && BACKEND !== CODEX && BACKEND !== DJANGO_REDIS && BACKEND !== CORE) {
    return [
      '["BACKEND"]',
      isDatabase(BACKEND)
        ? "needs the option databaseCache of djangoSettings()"
        : "is not a cache that Node knows",
    ];
  }
  if (KEY_FUNCTION !== undefined && KEY_FUNCTION !== null) {
    return ['["KEY_FUNCTION"]', "makes keys in a way that Node cannot know"];
  }
  if (isOnMemcached) return memcachedObstacleOf(backend);
  const name = OPTIONS?.["COMPRESSOR"];
  if (BACKEND === DJANGO_REDIS && !isUncompressed(name) && compressorOf(name, compressors) === undefined) {
    return ['["OPTIONS"]["COMPRESSOR"]', "needs the option compressors of djangoSettings()"];
  }
  const client = OPTIONS?.["CLIENT_CLASS"];
  if (client === undefined || CLIENTS.includes(client)) return undefined;
  return ['["OPTIONS"]["CLIENT_CLASS"]', "keeps entries in another form or on several servers"];
}

function toMemoryCache(backend: DjangoCacheBackend): DjangoCache {
  return toLocalCache(backend, memoryCacheStore());
}

function toLocalCache(backend: DjangoCacheBackend, store: CacheStoreFactory): DjangoCache {
  const keys = keysOf(backend);
  const settings = { ...keys, timeout: timeoutOf(backend), store };
  return { ...keys, settings, connection: undefined, sessionStore: undefined, isPlainJson: false };
}

function toCacheOnMemcached(path: string, backend: DjangoCacheBackend, context: Context): DjangoCache {
  const { store, isPlainJson, ignoresErrors } = toMemcachedCache(path, backend, context.unsupported);
  const keys = keysOf(backend);
  return {
    ...keys,
    connection: undefined,
    sessionStore: store,
    isPlainJson,
    settings: {
      ...keys,
      timeout: timeoutOf(backend),
      store,
      ...(ignoresErrors && { onStoreError: "miss" as const }),
    },
  };
}

function toRedisCache(
  alias: string,
  path: string,
  backend: DjangoCacheBackend,
  context: Context,
): DjangoCache {
  const options = backend.OPTIONS ?? {};
  const isDjangoRedis = backend.BACKEND === DJANGO_REDIS;
  nameOptions(path, options, context.unsupported);
  const compression = isDjangoRedis ? compressorOf(options["COMPRESSOR"], context.compressors) : undefined;
  const isJson = isJsonBackend(backend.BACKEND, options);
  if (!isJson) context.unsupported.add(`${path}["OPTIONS"]["SERIALIZER"]`, NOT_JSON);
  const ignoresErrors = isDjangoRedis && (options["IGNORE_EXCEPTIONS"] ?? context.ignoresErrors) === true;
  const keys = keysOf(backend);
  return {
    ...keys,
    connection: connectionOf(backend, path, context),
    sessionStore: redisCacheStore({ connection: alias }),
    isPlainJson: isJson && compression === undefined,
    settings: {
      ...keys,
      timeout: timeoutOf(backend),
      // django-redis has locks too, which have to exclude Node's.
      store: redisCacheStore({ connection: alias, ...(isDjangoRedis && { locks: "django-redis" as const }) }),
      ...(ignoresErrors && { onStoreError: "miss" as const }),
      ...(compression !== undefined && isJson && { compression }),
      ...(!isJson && { serializer: integersOnly(path) }),
    },
  };
}

const NOT_JSON =
  "writes pickles, or a form that Node does not know, and reads no JSON: only integers are shared, such as counters";

function keysOf({ KEY_PREFIX, VERSION }: DjangoCacheBackend): { keyPrefix: string; version: number } {
  return { keyPrefix: KEY_PREFIX ?? "", version: VERSION ?? 1 };
}

/** `null` is Python's `None`: no expiry. Django's default is 300 seconds. */
function timeoutOf({ TIMEOUT = 300 }: DjangoCacheBackend): number | null {
  return TIMEOUT;
}

function isJsonBackend(
  backend: string | null | undefined,
  options: Readonly<Record<string, unknown>>,
): boolean {
  const serializer = options["SERIALIZER"] ?? options["serializer"];
  return backend === CODEX && serializer === undefined ? true : JSON_SERIALIZERS.includes(serializer);
}

function connectionOf({ LOCATION, OPTIONS }: DjangoCacheBackend, path: string, context: Context) {
  const [first = context.redisUrl, ...replicas] = serversOf(LOCATION);
  if (replicas.length > 0) {
    context.unsupported.add(`${path}["LOCATION"]`, "has replicas: Node reads from the first server too");
  }
  return toRedisConnection(first, OPTIONS ?? {}, `${path}["LOCATION"]`);
}

function nameOptions(
  path: string,
  options: Readonly<Record<string, unknown>>,
  unsupported: UnsupportedSettings,
): void {
  for (const name of Object.keys(options).filter((each) => !KNOWN_OPTIONS.has(each)))
    unsupported.add(
      `${path}["OPTIONS"]["${name}"]`,
      "is unknown to Node, which has its own settings for connections",
    );
}
