import { createSojourn } from "sojourn";
import { describe, expect, test } from "vitest";

import { zlibCompressor } from "../../cache/entry/compression.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { djangoSettings, type DjangoSettings, type DjangoSettingsOptions } from "./index.ts";

const LZ4 = "django_redis.compressors.lz4.Lz4Compressor";

function read(settings: Partial<DjangoSettings>, options?: DjangoSettingsOptions) {
  const site = {
    PROJECT_NAME: "myproject",
    SECRET_KEY: "s".repeat(50),
    SESSION_ENGINE: "codex_django.sessions.backends.redis",
  };
  const { settings: own, unsupported } = djangoSettings({ ...site, ...settings }, options);
  createSojourn(own);
  return { cache: own.caches?.["default"], named: unsupported.map(({ setting }) => setting) };
}

const cacheWith = (COMPRESSOR: string): Partial<DjangoSettings> => ({
  CACHES: {
    default: {
      BACKEND: "django_redis.cache.RedisCache",
      OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer", COMPRESSOR },
    },
  },
});

const redisession = (COMPRESS_LIB: string): Partial<DjangoSettings> => ({
  SESSION_ENGINE: "redisession.backend",
  REDIS_SESSION_CONFIG: { SERVER: {}, COMPRESS_LIB },
});

describe("django-redis", () => {
  test.each(["zlib.ZlibCompressor", "gzip.GzipCompressor"])("%s is Node's own", (name) => {
    const { cache, named } = read(cacheWith(`django_redis.compressors.${name}`));
    expect(named).toStrictEqual([]);
    expect(cache).toHaveProperty("compression");
  });

  test("another compressor is one that the application gives, and is named without it", () => {
    const compressor = zlibCompressor();
    const { cache, named } = read(cacheWith(LZ4), { compressors: { [LZ4]: compressor } });
    expect(named).toStrictEqual([]);
    expect(cache).toHaveProperty("compression", compressor);
    expect(read(cacheWith(LZ4)).named).toStrictEqual(['CACHES["default"]["OPTIONS"]["COMPRESSOR"]']);
    expect(read(cacheWith("constructor")).named).toHaveLength(1);
  });

  test("what is no compressor is refused", () => {
    const wrong = () => read(cacheWith(LZ4), { compressors: { [LZ4]: {} as never } });
    expect(wrong).toThrow(ImproperlyConfigured);
    expect(wrong).toThrow(`compressors["${LZ4}"]: expected a compressor`);
  });
});

test("django-redisession: zlib is Node's own, and another library is one that the application gives", () => {
  const library = 'REDIS_SESSION_CONFIG["COMPRESS_LIB"]';
  expect(read(redisession("zlib")).named).not.toContain(library);
  expect(read(redisession("snappy")).named).toContain(library);
  const options = { compressors: { snappy: zlibCompressor() } };
  expect(read(redisession("snappy"), options).named).not.toContain(library);
});
