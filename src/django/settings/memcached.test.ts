import { createSojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { type DjangoCacheBackend, djangoSettings, type DjangoSettings } from "./index.ts";

const PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache";
const PYLIBMC = "django.core.cache.backends.memcached.PyLibMCCache";
const LOCATION = "127.0.0.1:11211";
const SERDE = "<sojourn_serde.SojournSerde object at 0x7f0a12>";
const ENGINE = "django.contrib.sessions.backends.";
const database = memorySessionStore();

function read(backend: DjangoCacheBackend, settings: Partial<DjangoSettings> = {}) {
  const answer = djangoSettings(
    { SECRET_KEY: "s".repeat(50), SESSION_ENGINE: `${ENGINE}db`, CACHES: { default: backend }, ...settings },
    { database },
  );
  const { close } = createSojourn(answer.settings);
  return { ...answer, close, named: answer.unsupported.map(({ setting }) => setting) };
}

const shared = (backend: DjangoCacheBackend): boolean => {
  const { settings } = read(backend, { SESSION_ENGINE: `${ENGINE}cached_db` });
  return settings.caches !== undefined;
};

describe("a cache on memcached", () => {
  test("with a SojournSerde is shared, and nothing is named", () => {
    const { settings, named } = read({
      BACKEND: PYMEMCACHE,
      LOCATION: ["10.0.0.1:11211", "10.0.0.2:11211"],
      KEY_PREFIX: "shop",
      VERSION: 3,
      TIMEOUT: null,
      OPTIONS: { serde: SERDE, ignore_exc: true },
    });
    expect(named).toEqual([]);
    expect(settings.caches?.["default"]).toMatchObject({
      keyPrefix: "shop",
      version: 3,
      timeout: null,
      onStoreError: "miss",
    });
  });

  test.each<[DjangoCacheBackend, string]>([
    [{ BACKEND: PYMEMCACHE, LOCATION }, '["OPTIONS"]["serde"]'],
    [
      {
        BACKEND: PYMEMCACHE,
        LOCATION,
        OPTIONS: { serde: "<pymemcache.serde.CompressedSerde object at 0x1>" },
      },
      '["OPTIONS"]["serde"]',
    ],
    [{ BACKEND: PYLIBMC, LOCATION: ["a:1", "b:1"], OPTIONS: { binary: true } }, '["BACKEND"]'],
  ])("%o shares single values, and says so", (backend, setting) => {
    const { unsupported } = read(backend, { SESSION_ENGINE: `${ENGINE}cached_db` });
    expect(unsupported).toEqual([
      {
        setting: `CACHES["default"]${setting}`,
        reason: expect.stringContaining("integers, texts, floats, None, True and False are shared") as string,
      },
    ]);
  });

  test.each([
    "127.0.0.1",
    "unix:/run/memcached.sock",
    "/run/a.sock;/run/b.sock",
    "a:1,b:2",
    ["a:1", "[::1]:2"],
  ])("can be at %o", (location) => {
    expect(shared({ BACKEND: PYMEMCACHE, LOCATION: location, OPTIONS: { serde: SERDE } })).toBe(true);
  });

  test.each([undefined, "", "host:0", "host:70000", [""]])("cannot be at %o", (location) => {
    const reading = () =>
      read({ BACKEND: PYMEMCACHE, ...(location !== undefined && { LOCATION: location }) });
    expect(reading).toThrow(ImproperlyConfigured);
    expect(reading).toThrow('django.CACHES["default"]["LOCATION"]');
  });

  test.each<[DjangoCacheBackend, string]>([
    [{ BACKEND: PYMEMCACHE, OPTIONS: { serde: "<shop.MySerde object at 0x1>" } }, '["OPTIONS"]["serde"]'],
    [{ BACKEND: PYMEMCACHE, OPTIONS: { serde: null } }, '["OPTIONS"]["serde"]'],
    [{ BACKEND: PYMEMCACHE, OPTIONS: { key_prefix: "b'x'" } }, '["OPTIONS"]["key_prefix"]'],
    [{ BACKEND: PYMEMCACHE, OPTIONS: { tls_context: "<ssl.SSLContext>" } }, '["OPTIONS"]["tls_context"]'],
    [
      { BACKEND: PYMEMCACHE, LOCATION: "a:1;b:1", OPTIONS: { hasher: "<class 'My'>" } },
      '["OPTIONS"]["hasher"]',
    ],
    [{ BACKEND: PYMEMCACHE, KEY_FUNCTION: "shop.make_key" }, '["KEY_FUNCTION"]'],
    [
      { BACKEND: PYLIBMC, LOCATION: "a:1;b:1", OPTIONS: { behaviors: { ketama: true } } },
      '["OPTIONS"]["behaviors"]',
    ],
    [{ BACKEND: PYLIBMC, OPTIONS: { username: "u", password: "p" } }, '["OPTIONS"]["username"]'],
    [{ BACKEND: PYLIBMC, OPTIONS: { behaviors: { namespace: "n" } } }, '["OPTIONS"]["behaviors"]'],
  ])("%o is kept apart, and named", (backend, setting) => {
    const { named } = read({ LOCATION, ...backend });
    expect(named).toEqual([`CACHES["default"]${setting}`]);
    const sessions = () => read({ LOCATION, ...backend }, { SESSION_ENGINE: `${ENGINE}cache` });
    expect(sessions).toThrow(ImproperlyConfigured);
  });

  test("names options of connections", () => {
    const OPTIONS = { serde: SERDE, connect_timeout: 1, default_noreply: false };
    expect(read({ BACKEND: PYMEMCACHE, LOCATION, OPTIONS }).named).toEqual([
      'CACHES["default"]["OPTIONS"]["connect_timeout"]',
    ]);
  });

  test("has the sessions of the engine cache with a SojournSerde alone", () => {
    const engine = { SESSION_ENGINE: `${ENGINE}cache` };
    const { settings } = read({ BACKEND: PYMEMCACHE, LOCATION, OPTIONS: { serde: SERDE } }, engine);
    expect(settings.sessions?.format).toBe("django-cache");
    for (const BACKEND of [PYMEMCACHE, PYLIBMC])
      expect(() => read({ BACKEND, LOCATION }, engine)).toThrow("on memcached a SojournSerde");
  });
});
