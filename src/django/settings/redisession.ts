import type { RedisConnectionSettings } from "../../redis/settings.ts";
import { redisBucketSessionStore, redisSessionStore } from "../../stores/redis/index.ts";
import { cannotShare, type CheckedDjangoSettings } from "./names.ts";
import { compressorOf } from "./compressors.ts";
import type { DjangoEngine, EngineContext } from "./engine.ts";

const SERVER = 'REDIS_SESSION_CONFIG["SERVER"]';

/** Functions of Python, and options for which Node has its own settings. */
const PYTHON_OPTIONS: Readonly<Record<string, string>> = {
  KEY_GENERATOR: "is a function of Python; give redisSessionStore() one of its own",
  HASH_KEY_GENERATOR: "is a function of Python; give redisBucketSessionStore() one of its own",
  HASH_KEYS_CHECK_FOR_EXPIRY: "is a function of Python; sessions.clearExpired() checks all hashes",
  LOG_KEY_ERROR: "is not needed: the generators are checked at start",
};

const ZLIB_INSTEAD =
  "is a module of Python: Node compresses with zlib, unless the option compressors of djangoSettings() has it";

/**
 * Converts django-redisession's layout for use after the migration: strings or hashes, with JSON
 * instead of its pickles, which `migratePickledSessions` moves.
 */
export function redisessionSettings({ django, unsupported, compressors }: EngineContext): DjangoEngine {
  const config = django.REDIS_SESSION_CONFIG ?? {};
  unsupported.add(
    "SESSION_ENGINE",
    "writes pickles, which Node never reads: its sessions have to be migrated first",
  );
  for (const [name, reason] of Object.entries(PYTHON_OPTIONS))
    if (config[name] !== undefined && config[name] !== null)
      unsupported.add(`REDIS_SESSION_CONFIG["${name}"]`, reason);
  const connection = redisessionConnection(django);
  const library = config["COMPRESS_LIB"];
  const compressor = compressorOf(library, compressors);
  if (typeof library === "string" && library !== "zlib" && compressor === undefined)
    unsupported.add('REDIS_SESSION_CONFIG["COMPRESS_LIB"]', ZLIB_INSTEAD);
  const minLength = config["COMPRESS_MIN_LENGTH"];
  const store =
    config["USE_HASH"] === false
      ? redisSessionStore({ connection: "session" })
      : redisBucketSessionStore({
          connection: "session",
          ...(typeof minLength === "number" && { minLength }),
          ...(compressor !== undefined && { compressor }),
        });
  return { settings: { store, format: "json" }, connection };
}

/**
 * Returns the connection of django-redisession's sessions.
 *
 * @throws {ImproperlyConfigured} For a name that `REDIS_CONFIG` does not have.
 */
export function redisessionConnection({
  REDIS_SESSION_CONFIG,
  REDIS_CONFIG,
}: CheckedDjangoSettings): RedisConnectionSettings {
  const server = REDIS_SESSION_CONFIG?.["SERVER"] ?? {};
  if (typeof server === "object") return fromArguments(server as Readonly<Record<string, unknown>>);
  const named = typeof server === "string" ? REDIS_CONFIG?.[server] : undefined;
  if (named === undefined)
    throw cannotShare(SERVER, "expected the arguments of redis.Redis(), or a name in REDIS_CONFIG.");
  return fromArguments(named);
}

/** Converts the arguments of `redis.Redis()` that locate the server. */
function fromArguments(given: Readonly<Record<string, unknown>>): RedisConnectionSettings {
  const { host, port, db, username, password, unix_socket_path: path } = given;
  const login = {
    ...(typeof db === "number" && { database: db }),
    ...(typeof username === "string" && { username }),
    ...(typeof password === "string" && { password }),
  };
  if (typeof path === "string") return { path, ...login };
  return {
    ...(typeof host === "string" && { host }),
    ...(typeof port === "number" && { port }),
    ...login,
  };
}
