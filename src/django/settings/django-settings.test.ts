import { createSojourn, type SessionStoreFactory } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, test } from "vitest";

import { systemClock } from "../../core/clock.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import { type DjangoCacheBackend, djangoSettings, type DjangoSettings } from "./index.ts";

const CODEX = "codex_django.cache.backends.redis.RedisCache";
const DJANGO_REDIS = "django_redis.cache.RedisCache";
const CORE = "django.core.cache.backends.redis.RedisCache";
const REDIS_JSON = {
  BACKEND: DJANGO_REDIS,
  OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer" },
};
const URL = "redis://cache.example:6380/2";
const CODEX_ENGINE = "codex_django.sessions.backends.redis";
const engine = (name: string) => `django.contrib.sessions.backends.${name}`;
const database = memorySessionStore();

function read(settings: Partial<DjangoSettings> = {}) {
  const answer = djangoSettings(
    { SECRET_KEY: "s".repeat(50), PROJECT_NAME: "myproject", SESSION_ENGINE: CODEX_ENGINE, ...settings },
    { database },
  );
  // createSojourn() must accept the result.
  const { sessions, caches } = createSojourn(answer.settings);
  return { ...answer, sessions, caches, named: answer.unsupported.map(({ setting }) => setting) };
}

const refusal = (settings: Partial<DjangoSettings>) => () => read(settings);

describe("the settings of the seed guide", () => {
  test("are all honoured", () => {
    const { settings, unsupported, ratelimit, sessions } = read({
      CACHES: {
        default: { BACKEND: CODEX, LOCATION: URL, KEY_PREFIX: "myproject", TIMEOUT: 600, VERSION: 2 },
      },
      SESSION_COOKIE_NAME: "sessionid_myproject",
      SESSION_COOKIE_AGE: 3600,
      SESSION_SERIALIZER: "django.contrib.sessions.serializers.JSONSerializer",
      REDIS_URL: "redis://other.example/1",
      CODEX_SESSION_KEY_PREFIX: "sess",
      RATELIMIT_USE_CACHE: "default",
      SECRET_KEY_FALLBACKS: ["an old secret of the tests, as long"],
    });
    expect(unsupported).toStrictEqual([]);
    expect(settings).toMatchObject({
      projectName: "myproject",
      secretKeyFallbacks: ["an old secret of the tests, as long"],
      redis: { default: URL, session: "redis://other.example/1" },
      caches: { default: { keyPrefix: "myproject", version: 2, timeout: 600 } },
      sessions: {
        profile: "django",
        cookie: { name: "sessionid_myproject", age: 3600, secure: false, sameSite: "lax" },
      },
    });
    expect(ratelimit).toStrictEqual({ cache: "default", prefix: "rl:", failOpen: false });
    expect(sessions.storeName).toBe("redis");
  });

  test.each([
    [{}, undefined],
    [{ USE_TZ: true, TIME_ZONE: "Asia/Tokyo" }, undefined],
    [{ USE_TZ: null, TIME_ZONE: null }, undefined],
    [{ USE_TZ: false, TIME_ZONE: "Asia/Tokyo" }, "Asia/Tokyo"],
    [{ USE_TZ: false }, "America/Chicago"],
  ])("%o: the local time of the sessions is that of %s", (given, expected) => {
    expect(read(given).settings.sessions?.timeZone).toBe(expected);
  });

  test.each([
    [{ DATABASES: { default: { TIME_ZONE: "Asia/Tokyo" } } }, "Asia/Tokyo"],
    [{ DATABASES: { default: { TIME_ZONE: null } } }, undefined],
    [{ DATABASES: { default: {} } }, undefined],
    [{ USE_TZ: false, TIME_ZONE: "Asia/Tokyo" }, "Asia/Tokyo"],
  ])("%o: the local time of the rows is that of %s", (given, expected) => {
    const zones: (string | undefined)[] = [];
    const probe: SessionStoreFactory = (context) => {
      zones.push(context.timeZone?.name);
      return database(context);
    };
    const dump = {
      SECRET_KEY: "s".repeat(50),
      SESSION_ENGINE: "django.contrib.sessions.backends.db",
      ...given,
    };
    createSojourn(djangoSettings(dump, { database: probe }).settings);
    expect(zones).toEqual([expected]);
  });

  test("CODEX_SESSION_REDIS_URL is honoured, with a note that codex-django does not read it", () => {
    const { settings, named } = read({ CODEX_SESSION_REDIS_URL: URL });
    expect(settings.redis).toMatchObject({ session: URL });
    expect(named).toStrictEqual(["CODEX_SESSION_REDIS_URL"]);
  });

  test("a dump has None, and hundreds of other names", () => {
    const { unsupported, settings } = read({
      DEBUG: false,
      INSTALLED_APPS: ["django.contrib.sessions"],
      CACHES: { default: { BACKEND: "django.core.cache.backends.locmem.LocMemCache" } },
      SESSION_COOKIE_DOMAIN: null,
      SESSION_FILE_PATH: null,
      SESSION_COOKIE_SAMESITE: "Strict",
      SESSION_CACHE_ALIAS: "default",
      SECRET_KEY_FALLBACKS: [],
    });
    expect(unsupported).toStrictEqual([]);
    expect(settings.sessions?.cookie).toMatchObject({ sameSite: "strict" });
    expect(settings.sessions?.cookie).not.toHaveProperty("domain");
  });
});

describe("cookie and expiry", () => {
  test("SESSION_SAVE_EVERY_REQUEST extends with each request that loads its session, and reports so", () => {
    const { settings, unsupported } = read({ SESSION_SAVE_EVERY_REQUEST: true });
    expect(settings.sessions).toMatchObject({ touchEvery: 0 });
    expect(unsupported).toMatchObject([
      { setting: "SESSION_SAVE_EVERY_REQUEST", reason: expect.stringContaining("eager: true") },
    ]);
    expect(read({ SESSION_SAVE_EVERY_REQUEST: false }).unsupported).toStrictEqual([]);
  });

  test.each([
    ["SESSION_COOKIE_SECURE", true, { cookie: { secure: true } }],
    ["SESSION_COOKIE_HTTPONLY", false, { cookie: { httpOnly: false } }],
    ["SESSION_COOKIE_DOMAIN", "a.example", { cookie: { domain: "a.example" } }],
    ["SESSION_COOKIE_PATH", "/shop", { cookie: { path: "/shop" } }],
    ["SESSION_EXPIRE_AT_BROWSER_CLOSE", true, { expireAtBrowserClose: true }],
  ])("%s", (name, value, expected) => {
    expect(read({ [name]: value }).settings.sessions).toMatchObject(expected);
  });

  test("a cookie without SameSite is not supported, and is reported", () => {
    const { settings, named } = read({ SESSION_COOKIE_SAMESITE: false });
    expect(settings.sessions?.cookie).toMatchObject({ sameSite: "lax" });
    expect(named).toStrictEqual(["SESSION_COOKIE_SAMESITE"]);
  });
});

describe("session engines", () => {
  test.each([
    [undefined, "memory", undefined],
    [engine("db"), "memory", undefined],
    [engine("cached_db"), "memory", undefined],
    [engine("cache"), "cache", "django-cache"],
    [engine("signed_cookies"), "cookie", undefined],
    [CODEX_ENGINE, "redis", undefined],
  ])("%s", (name, store, format) => {
    const { settings, sessions } = read({ SESSION_ENGINE: name, CACHES: { default: REDIS_JSON } });
    expect(sessions.storeName).toBe(store);
    expect(settings.sessions?.format).toBe(format);
  });

  test("file, in the site's folder", () => {
    const { sessions } = read({ SESSION_ENGINE: engine("file"), SESSION_FILE_PATH: "/srv/sessions" });
    expect(sessions.storeName).toBe("file");
  });

  test("django-redisession: its layout, and that its pickles are not read", () => {
    const { settings, named } = read({
      SESSION_ENGINE: "redisession.backend",
      REDIS_SESSION_CONFIG: { SERVER: "session", COMPRESS_LIB: "snappy", COMPRESS_MIN_LENGTH: 200 },
      REDIS_CONFIG: { session: { host: "sessions.example", port: 6380, db: 3 } },
    });
    expect(settings.redis).toMatchObject({ session: { host: "sessions.example", port: 6380, database: 3 } });
    expect(settings.sessions?.format).toBe("json");
    expect(named).toStrictEqual(["SESSION_ENGINE", 'REDIS_SESSION_CONFIG["COMPRESS_LIB"]']);
  });

  test.each<[Partial<DjangoSettings>, string]>([
    [{ SESSION_ENGINE: "myapp.sessions" }, "django.SESSION_ENGINE: expected one of"],
    [{ SESSION_ENGINE: "constructor" }, "django.SESSION_ENGINE: expected one of"],
    [
      { SESSION_SERIALIZER: "django.contrib.sessions.serializers.PickleSerializer" },
      "django.SESSION_SERIALIZER: expected django.contrib.sessions.serializers.JSONSerializer",
    ],
    [{ SESSION_ENGINE: engine("file") }, "django.SESSION_FILE_PATH: expected a folder"],
    [{ PROJECT_NAME: null }, "django.PROJECT_NAME: expected the first segment of the keys"],
    [
      { SESSION_ENGINE: engine("cache"), CACHES: { default: { BACKEND: CORE } } },
      "whose values are not plain JSON",
    ],
    [
      {
        SESSION_ENGINE: engine("cache"),
        CACHES: {
          default: {
            BACKEND: DJANGO_REDIS,
            OPTIONS: { ...REDIS_JSON.OPTIONS, COMPRESSOR: "django_redis.compressors.zlib.ZlibCompressor" },
          },
        },
      },
      "whose values are not plain JSON",
    ],
    [{ SESSION_ENGINE: engine("cached_db") }, 'names CACHES["default"], which Node cannot share'],
    [
      { SESSION_ENGINE: engine("cache"), SESSION_CACHE_ALIAS: "nope" },
      "SESSION_CACHE_ALIAS: expected a name in CACHES",
    ],
    [{ RATELIMIT_USE_CACHE: "nope" }, "django.RATELIMIT_USE_CACHE: expected a name in CACHES"],
    [{ SECRET_KEY: "" }, "django.SECRET_KEY: expected a secret text"],
    [{ SESSION_COOKIE_AGE: 1.5 }, "django.SESSION_COOKIE_AGE: expected a whole number"],
    [
      { USE_TZ: false, TIME_ZONE: "Mars/Olympus" },
      'TIME_ZONE: expected a time zone that Node knows, got "Mars/Olympus"',
    ],
    [{ USE_TZ: false, TIME_ZONE: null }, "TIME_ZONE: is None and USE_TZ is False"],
    [
      { DATABASES: { default: { TIME_ZONE: "Mars/Olympus" } } },
      'DATABASES["default"]["TIME_ZONE"]: expected a time zone that Node knows',
    ],
    [
      { SESSION_ENGINE: "redisession.backend", REDIS_SESSION_CONFIG: { SERVER: "nope" } },
      'REDIS_SESSION_CONFIG["SERVER"]: expected the arguments of redis.Redis()',
    ],
    [{ CACHES: { session: { BACKEND: CODEX } } }, 'CACHES["session"]: expected another name'],
  ])("%o cannot be shared, and says why", (settings, message) => {
    expect(refusal(settings)).toThrow(ImproperlyConfigured);
    expect(refusal(settings)).toThrow(message);
  });

  test("db without a database names the missing argument", () => {
    const settings = { SECRET_KEY: "s".repeat(50) };
    expect(() => djangoSettings(settings)).toThrow(
      "pass the database as well: { database: sqlSessionStore(…) }",
    );
  });
});

describe("caches", () => {
  const connectionOf = (backend: object) =>
    (read({ CACHES: { default: { BACKEND: CODEX, ...backend } } }).settings.redis as Record<string, unknown>)[
      "default"
    ];

  test.each<[object, unknown]>([
    [{ LOCATION: URL }, URL],
    [{ LOCATION: "cache.example:6380" }, { host: "cache.example", port: 6380 }],
    [{ LOCATION: "cache.example" }, { host: "cache.example" }],
    [{ LOCATION: "[::1]:6380" }, { host: "::1", port: 6380 }],
    [{ LOCATION: "cache.example:6380:4" }, { host: "cache.example", port: 6380, database: 4 }],
    [{ LOCATION: "/run/redis.sock" }, { path: "/run/redis.sock" }],
    [
      { LOCATION: "hostname:6379", OPTIONS: { DB: 1 } },
      { host: "hostname", port: 6379, database: 1 },
    ],
    [
      { LOCATION: URL, OPTIONS: { PASSWORD: "p" } },
      { url: URL, password: "p" },
    ],
    [{ LOCATION: [URL, "redis://replica.example"] }, URL],
    [{}, "redis://localhost:6379/0"],
  ])("%o", (backend, connection) => {
    expect(connectionOf(backend)).toStrictEqual(connection);
  });

  test("REDIS_URL if LOCATION is empty", () => {
    const { settings } = read({ REDIS_URL: URL, CACHES: { default: { BACKEND: CODEX, LOCATION: "" } } });
    expect(settings.redis).toMatchObject({ default: URL });
  });

  test("a wrong location does not show its password", () => {
    const wrong = refusal({ CACHES: { default: { BACKEND: CODEX, LOCATION: "user:hunter2@host" } } });
    expect(wrong).toThrow(/LOCATION"\]: expected a URL (?!.*hunter2)/);
  });

  test("django-redis: JSON, compression and IGNORE_EXCEPTIONS", () => {
    const OPTIONS = {
      ...REDIS_JSON.OPTIONS,
      COMPRESSOR: "django_redis.compressors.gzip.GzipCompressor",
      CLIENT_CLASS: "django_redis.client.DefaultClient",
      IGNORE_EXCEPTIONS: true,
    };
    const { settings, unsupported } = read({
      CACHES: { default: { BACKEND: DJANGO_REDIS, OPTIONS, TIMEOUT: null } },
    });
    expect(unsupported).toStrictEqual([]);
    expect(settings.caches?.["default"]).toMatchObject({ timeout: null, onStoreError: "miss" });
    expect(settings.caches?.["default"]).toHaveProperty("compression");
  });

  test("with pickles in Django, Node shares integers and refuses other values before it sends anything", async () => {
    const { caches, named } = read({ CACHES: { default: { BACKEND: CORE } } });
    expect(named).toStrictEqual(['CACHES["default"]["OPTIONS"]["SERIALIZER"]']);
    await expect(caches.default.set("a", { b: 1 })).rejects.toThrow(
      'Django\'s cache CACHES["default"] stores other values as pickles',
    );
    await expect(caches.default.set("a", "1")).rejects.toMatchObject({ code: "ERR_CACHE_USAGE" });
    await expect(caches.default.set("a", true)).rejects.toMatchObject({ code: "ERR_CACHE_USAGE" });
    await expect(caches.default.set("a", 1.5)).rejects.toMatchObject({ code: "ERR_CACHE_USAGE" });
  });

  test.each<[DjangoCacheBackend, string]>([
    [{ BACKEND: "myapp.caches.Special" }, '["BACKEND"]'],
    [{ BACKEND: CODEX, KEY_FUNCTION: "myapp.make_key" }, '["KEY_FUNCTION"]'],
    [
      { ...REDIS_JSON, OPTIONS: { CLIENT_CLASS: "django_redis.client.HerdClient" } },
      '["OPTIONS"]["CLIENT_CLASS"]',
    ],
    [
      { ...REDIS_JSON, OPTIONS: { COMPRESSOR: "django_redis.compressors.lz4.Lz4Compressor" } },
      '["OPTIONS"]["COMPRESSOR"]',
    ],
  ])("%o cannot be shared: named, and kept apart", async (backend, setting) => {
    const { caches, named, settings } = read({ CACHES: { default: { BACKEND: CODEX }, other: backend } });
    expect(named).toStrictEqual([`CACHES["other"]${setting}`]);
    expect(settings.redis).not.toHaveProperty("other");
    const other = (caches as unknown as Record<string, typeof caches.default>)["other"];
    await other?.set("a", { b: 1 });
    expect(await other?.get("a")).toStrictEqual({ b: 1 });
  });

  test("unknown options are reported one by one", () => {
    const OPTIONS = {
      ...REDIS_JSON.OPTIONS,
      SOCKET_TIMEOUT: 5,
      CONNECTION_POOL_KWARGS: { max_connections: 5 },
    };
    const { named } = read({ CACHES: { default: { BACKEND: DJANGO_REDIS, OPTIONS } } });
    expect(named).toStrictEqual([
      'CACHES["default"]["OPTIONS"]["SOCKET_TIMEOUT"]',
      'CACHES["default"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]',
    ]);
  });
});

const BACKENDS = "django.core.cache.backends";

test("caches in a database, in files and of none: Django's table, folder and bounds", () => {
  const asked: unknown[] = [];
  const databaseCache = (options: unknown) => {
    asked.push(options);
    return memoryCacheStore();
  };
  const CACHES = {
    default: { BACKEND: `${BACKENDS}.db.DatabaseCache`, LOCATION: "my_table" },
    own: {
      BACKEND: `${BACKENDS}.db.DatabaseCache`,
      LOCATION: "own",
      OPTIONS: { MAX_ENTRIES: 5, CULL_FREQUENCY: 0 },
    },
    files: { BACKEND: `${BACKENDS}.filebased.FileBasedCache`, LOCATION: "/var/cache/my", TIMEOUT: null },
    none: { BACKEND: `${BACKENDS}.dummy.DummyCache` },
  };
  const DATABASES = { default: { TIME_ZONE: "Europe/Paris" } };
  const { settings, unsupported } = djangoSettings(
    { SECRET_KEY: "s", SESSION_ENGINE: engine("file"), SESSION_FILE_PATH: "/tmp", CACHES, DATABASES },
    { databaseCache },
  );
  expect(asked).toEqual([
    { table: "my_table", timeZone: "Europe/Paris", maxEntries: 300, cullFrequency: 3 },
    { table: "own", timeZone: "Europe/Paris", maxEntries: 5, cullFrequency: 0 },
  ]);
  const context = { redis: new RedisRegistry(), clock: systemClock };
  expect(settings.caches?.["files"]?.store?.(context).name).toBe("file");
  expect(settings.caches?.["files"]?.timeout).toBeNull();
  expect(settings.caches?.["none"]?.store?.(context).name).toBe("dummy");
  expect(unsupported.map(({ setting }) => setting)).toEqual(
    ["default", "own", "files"].map((alias) => `CACHES["${alias}"]["BACKEND"]`),
  );
});

test("a cache in a database that Node was not given is apart, and one without a table is refused", () => {
  const BACKEND = `${BACKENDS}.db.DatabaseCache`;
  const { unsupported } = read({ CACHES: { default: { BACKEND, LOCATION: "t" } } });
  expect(unsupported[0]?.reason).toContain("needs the option databaseCache");
  expect(refusal({ CACHES: { default: { BACKEND } } })).toThrow(/LOCATION/);
  const OPTIONS = { MAX_ENTRIES: "many" };
  expect(refusal({ CACHES: { default: { BACKEND, LOCATION: "t", OPTIONS } } })).toThrow(/MAX_ENTRIES/);
});
