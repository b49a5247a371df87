import { afterAll, beforeAll, describe, expect } from "vitest";
import { CacheUsageError, createSojourn, type Sojourn } from "sojourn";
import { djangoRatelimit, djangoSettings, makeTemplateFragmentKey } from "sojourn/django";
import { ManualClock } from "sojourn/testing";
import { systemClock } from "../../src/core/clock.ts";
import { Deadline } from "../../src/core/deadlines.ts";
import { inflate, redisessionRecords } from "../../src/django/migration/redisession-source.ts";
import type { PickledRecord } from "../../src/django/migration/pickled-session.ts";
import { parsePickle, pickleToJson } from "../../src/django/pickle/index.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { errorOf } from "../support/redis-connections.ts";
import { redisTest as test } from "../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";

/** In seconds. */
const NOW = 1_700_000_000;
const HOUR = 3600;

const hex = (text: string): Buffer => Buffer.from(text, "hex");

const deadline = (): Deadline => new Deadline(20_000, systemClock);

async function readAll(records: AsyncIterable<PickledRecord>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of records) {
    if (typeof record === "string") found.push(record);
    else
      found.push({ key: record.key, ttl: record.ttl, json: pickleToJson(parsePickle(record.pickle)).text });
  }
  return found;
}

describeWithRedis("what other libraries have stored in Redis, byte by byte", () => {
  let server: RedisServer;

  test.beforeAll(async ({ server: started }) => {
    server = started;
  });

  test.beforeEach(async ({ client }) => void (await client.flushAll()));

  // Made with Python 2.7.18 and django-redisession 0.3.1: {'foo': 'bar'}, which expires at 1700000000; and
  // {'k': 'x' * 500} with zlib as COMPRESS_LIB.
  describe("django-redisession", () => {
    const KEY = "0123456789abcdef0123456789abcdef";
    const HASH_VALUE = "6553f1000080027d71015503666f6f710255036261727103732e";
    const STRING_VALUE = "0080027d71015503666f6f710255036261727103732e";
    const COMPRESSED = "01789c6b60aa2d640c65cc0ef9c2c8c050310a461c28d603002afdee7d";

    const LONG = `{"k":"${"x".repeat(500)}"}`;

    async function read(useHash: boolean, now: number): Promise<unknown[]> {
      const registry = new RedisRegistry({ source: server.url });
      const clock = new ManualClock(now * 1000);
      const layout = { useHash, decompress: inflate };
      const found = await readAll(redisessionRecords(registry.get("source"), layout, clock, deadline));
      await registry.close();
      return found;
    }

    test("in hashes: two bytes of the key name one, all of them the field, and the value begins with its end", async ({
      client,
    }) => {
      const COMPRESSED_KEY = KEY.replace("01", "ff");
      await client.hSet(hex("0123"), hex(KEY), hex(HASH_VALUE));
      await client.hSet(
        hex("0123"),
        hex(KEY.replace("ef", "00")),
        hex(HASH_VALUE.replace("6553f100", "6553f0ff")),
      );
      await client.hSet(hex("ff23"), hex(COMPRESSED_KEY), hex(`6553f100${COMPRESSED}`));
      expect(await read(true, NOW - 1)).toEqual([
        { key: KEY, ttl: 1000, json: '{"foo":"bar"}' },
        "expired",
        { key: COMPRESSED_KEY, ttl: 1000, json: LONG },
      ]);
    });

    test.for([
      ["plain", STRING_VALUE, '{"foo":"bar"}'],
      ["compressed", COMPRESSED, LONG],
    ] as const)("in a string of its own, %s", async ([, value, json], { client }) => {
      await client.set(hex(KEY), hex(value), { expiration: { type: "PX", value: HOUR * 1000 } });
      expect(await read(false, NOW)).toEqual([{ key: KEY, ttl: expect.any(Number) as number, json }]);
    });
  });

  describe("Django's cache", () => {
    let sojourn: Sojourn<object>;

    beforeAll(() => {
      const backend = (alias: string, more: object) => ({
        BACKEND: "django_redis.cache.RedisCache",
        LOCATION: server.url,
        OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer" },
        KEY_PREFIX: alias,
        ...more,
      });
      const { settings } = djangoSettings({
        SECRET_KEY: "test-secret",
        PROJECT_NAME: "myproject",
        SESSION_ENGINE: "codex_django.sessions.backends.redis",
        CACHES: {
          default: backend("", {}),
          myapp: backend("myapp", { VERSION: 2 }),
          core: backend("core", { BACKEND: "django.core.cache.backends.redis.RedisCache", OPTIONS: {} }),
        },
      });
      sojourn = createSojourn<object>(settings);
    });

    afterAll(() => sojourn?.close());

    const cache = (alias: string) => {
      const found = sojourn.caches[alias];
      if (found === undefined) throw new Error(`There is no cache ${alias}.`);
      return found;
    };

    // Made with Django 5.2.17: make_key, make_template_fragment_key.
    test.for([
      ["default", ":1:k", "k", {}],
      ["myapp", "myapp:2:user:42", "user:42", {}],
      ["myapp", "myapp:7:k", "k", { version: 7 }],
      [
        "default",
        ":1:template.cache.spam.d41d8cd98f00b204e9800998ecf8427e",
        makeTemplateFragmentKey("spam"),
        {},
      ],
      [
        "default",
        ":1:template.cache.spam.ba1a7aa200b092b254a5d5bf01c3b18b",
        makeTemplateFragmentKey("spam", ["eggs", 1]),
        {},
      ],
    ] as const)("the cache %s keeps its entry under %s", async ([alias, whole, key, options], { client }) => {
      await cache(alias).set(key, "here", options);
      expect(await client.keys("*")).toEqual([whole]);
      await client.set(whole, '"from there"');
      expect(await cache(alias).get(key, options)).toBe("from there");
    });

    // Made with Django 5.2.17's own cache in Redis, which pickles with protocol 5.
    test.for([
      ["True", "8005882e", "true"],
      ["None", "80054e2e", "null"],
      ["'é'", "80059506000000000000008c02c3a9942e", String.raw`"\u00e9"`],
      ["1.5", "8005950a00000000000000473ff80000000000002e", "1.5"],
      ["{'foo': 'bar'}", "80059510000000000000007d948c03666f6f948c0362617294732e", '{"foo":"bar"}'],
    ] as const)(
      "%s is pickled there: refused as it is, left as it is, and read by the parser of the migration",
      async ([, pickle, json], { client }) => {
        await client.set("core:1:k", hex(pickle));
        const core = cache("core");
        for (const attempt of [
          () => core.get("k"),
          () => core.getOrSet("k", () => 1),
          () => core.incrVersion("k"),
        ]) {
          expect(await errorOf(attempt())).toBeInstanceOf(CacheUsageError);
        }
        expect(await errorOf(core.incr("k"))).toMatchObject({ code: "ERR_CACHE_NOT_INTEGER" });
        const stored = await client.withTypeMapping({ 36: Buffer }).get("core:1:k");
        expect(stored?.toString("hex")).toBe(pickle);
        expect(pickleToJson(parsePickle(hex(pickle))).text).toBe(json);
      },
    );

    test("42 is digits there, and counted with", async ({ client }) => {
      await client.set("core:1:k", hex("3432"));
      const core = cache("core");
      expect([await core.get("k"), await core.incr("k"), await client.get("core:1:k")]).toEqual([
        42,
        43,
        "43",
      ]);
    });

    // By the algorithm of django-ratelimit 4.1.0, at the second 1700000000.
    test.for([
      ["of all methods", undefined, "5d1ea0d2589972e37916426a235eb86495d4e7d4e07278d4d19d2d7588511b1b"],
      [
        "of GET and POST",
        ["POST", "GET"],
        "f506eff7ace88de0257f7b135e830124b1bf2f39b5f220b72929e168951f1733",
      ],
    ] as const)(
      "a limit %s counts under django-ratelimit's key, for the period and 5 seconds",
      async ([, methods, hash], { client }) => {
        const clock = new ManualClock(NOW * 1000);
        const login = { group: "myapp.views.login", rate: "5/m", value: "127.0.0.1", increment: true, clock };
        const usage = await djangoRatelimit(cache("myapp"), { ...login, ...(methods && { methods }) });
        expect(usage).toEqual({ count: 1, limit: 5, shouldLimit: false, timeLeft: 12 });
        expect(await client.keys("*")).toEqual([`myapp:2:rl:${hash}`]);
        expect(await client.get(`myapp:2:rl:${hash}`)).toBe("1");
        const ttl = await client.ttl(`myapp:2:rl:${hash}`);
        expect(ttl).toBeLessThanOrEqual(65);
        expect(ttl).toBeGreaterThan(5);
      },
    );
  });
});
