import * as snappyjs from "snappyjs";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSojourn } from "sojourn";
import { djangoSettings, migratePickledSessions } from "sojourn/django";
import { describe, expect } from "vitest";
import { run } from "../../src/cli/run.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { DjangoSite, USER } from "./support/django-site.ts";
import { SECRET } from "./support/django-peer.ts";

type Data = Record<string, unknown>;

const HOUR = 3600;
const KEY = "0123456789abcdef0123456789abcdef";
// Made with Python 2.7.18's cPickle, protocol 2: {'foo': 'bar'}, and {'k': 'x' * 500} compressed with zlib.
const FOO_BAR = Buffer.from("80027d71015503666f6f710255036261727103732e", "hex");
const COMPRESSED = Buffer.from("789c6b60aa2d640c65cc0ef9c2c8c050310a461c28d603002afdee7d", "hex");
// os.system, which no parser should ever run.
const MALICIOUS = Buffer.from("\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.", "latin1");

function openTarget(redis: RedisServer, options: { readonly maxBytes?: number } = {}) {
  const settings = {
    PROJECT_NAME: "myproject",
    SECRET_KEY: SECRET,
    SESSION_ENGINE: "codex_django.sessions.backends.redis",
    REDIS_URL: redis.url,
  };
  const { settings: from } = djangoSettings(settings);
  return createSojourn<Data>({ ...from, sessions: { ...from.sessions, ...options } });
}

const raw = (hex: string) => Buffer.from(hex, "hex");

describeWithRedis("sessions that were pickled", () => {
  const test = redisTest
    .extend("redisession", ({ server }) => (config: Data = {}) => {
      const { port } = new URL(server.url);
      return {
        SECRET_KEY: SECRET,
        SESSION_ENGINE: "redisession.backend",
        REDIS_SESSION_CONFIG: {
          SERVER: { host: "127.0.0.1", port: Number(port) },
          COMPRESS_LIB: "zlib",
          ...config,
        },
      };
    })
    /** As django-redisession stores in hash mode. */
    .extend(
      "putField",
      ({ client }) =>
        async (
          key: string,
          body: Buffer,
          { flag = 0, expiry = Date.now() / 1000 + HOUR } = {},
        ): Promise<void> => {
          const head = Buffer.alloc(5);
          head.writeUInt32BE(Math.floor(expiry));
          head[4] = flag;
          await client.hSet(raw(key.slice(0, 4)), raw(key), Buffer.concat([head, body]));
        },
    );

  test.beforeEach(async ({ client }) => void (await client.flushAll()));

  test("to where they are already: each is counted as present, and stays as it is", async ({
    server,
    client,
  }) => {
    const at = (serializer?: string) => ({
      PROJECT_NAME: "myproject",
      SECRET_KEY: SECRET,
      SESSION_ENGINE: "django.contrib.sessions.backends.cache",
      CACHES: {
        default: {
          BACKEND: "django_redis.cache.RedisCache",
          LOCATION: server.url,
          KEY_PREFIX: "myproject",
          OPTIONS: serializer === undefined ? {} : { SERIALIZER: serializer },
        },
      },
    });
    const { sessions, close } = createSojourn(
      djangoSettings(at("django_redis.serializers.json.JSONSerializer")).settings,
    );
    const name = `myproject:1:django.contrib.sessions.cache${KEY}`;
    await client.pSetEx(name, HOUR * 1000, FOO_BAR);
    try {
      expect(await migratePickledSessions({ from: at(), to: sessions })).toMatchObject({
        moved: 0,
        present: 1,
      });
    } finally {
      await close();
    }
    expect(await client.withTypeMapping({ 36: Buffer }).get(name)).toEqual(FOO_BAR);
    expect(await client.pTTL(name)).toBeGreaterThan((HOUR - 60) * 1000);
  });

  describe("by django-redisession", () => {
    test("in hashes: each is found under its browser's key, and lives as long as it would have", async ({
      server,
      putField,
      redisession,
      client,
    }) => {
      const { sessions, close } = openTarget(server);
      await putField(KEY, FOO_BAR);
      await putField(KEY.replace("0", "f"), COMPRESSED, { flag: 1 });
      const counts = await migratePickledSessions({ from: redisession(), to: sessions });
      expect(counts).toMatchObject({ moved: 2, present: 0, refused: 0, foreign: 0 });
      expect((await sessions.open(`sessionid=${KEY}`)).data).toEqual({ foo: "bar" });
      expect((await sessions.open(`sessionid=${KEY.replace("0", "f")}`)).data).toEqual({
        k: "x".repeat(500),
      });
      const ttl = await client.pTTL(`myproject:session:${KEY}`);
      expect(Math.abs(ttl - HOUR * 1000)).toBeLessThan(20_000);
      await close();
    });

    test("in strings", async ({ server, client, redisession }) => {
      const { sessions, close } = openTarget(server);
      await client.set(raw(KEY), Buffer.concat([Buffer.from([0]), FOO_BAR]), {
        expiration: { type: "PX", value: HOUR * 1000 },
      });
      await client.set("something else", "of another kind");
      const counts = await migratePickledSessions({ from: redisession({ USE_HASH: false }), to: sessions });
      expect(counts).toMatchObject({ moved: 1, foreign: 0 });
      expect((await sessions.open(`sessionid=${KEY}`)).data).toEqual({ foo: "bar" });
      await close();
    });

    test("run again, it leaves what is there; what is expired, malicious, foreign or compressed otherwise is counted", async ({
      server,
      putField,
      redisession,
      client,
    }) => {
      const { sessions, close } = openTarget(server);
      await putField(KEY, FOO_BAR);
      await migratePickledSessions({ from: redisession(), to: sessions });
      const session = await sessions.open(`sessionid=${KEY}`);
      session.data["newer"] = true;
      await session.save();
      await putField(KEY.replace("0", "1"), FOO_BAR, { expiry: Date.now() / 1000 - 1 });
      await putField(KEY.replace("0", "2"), MALICIOUS);
      await putField(KEY.replace("0", "3"), FOO_BAR, { flag: 7 });
      await putField(KEY.replace("0", "4"), Buffer.from("no zlib"), { flag: 1 });
      await client.set(raw("0123").subarray(0, 1), "of another type");
      const counts = await migratePickledSessions({ from: redisession(), to: sessions });
      expect(counts).toEqual({
        moved: 0,
        present: 1,
        expired: 1,
        refused: 1,
        foreign: 1,
        compressed: 1,
        unfit: 0,
        unfitValues: [],
      });
      expect((await sessions.open(`sessionid=${KEY}`)).data).toEqual({ foo: "bar", newer: true });
      await close();
    });

    test("another COMPRESS_LIB by a function; without one its records are counted", async ({
      putField,
      redisession,
    }) => {
      await putField(KEY, Buffer.from(snappyjs.compress(FOO_BAR)), { flag: 1 });
      const from = redisession({ COMPRESS_LIB: "snappy" });
      expect(await migratePickledSessions({ from, to: undefined })).toMatchObject({
        moved: 0,
        compressed: 1,
      });
      expect(
        await migratePickledSessions({ from, to: undefined, decompress: snappyjs.uncompress }),
      ).toMatchObject({
        moved: 1,
        compressed: 0,
      });
    });

    test("what JSON cannot hold, and what is larger than maxBytes, is counted, named and not stored", async ({
      server,
      putField,
      redisession,
    }) => {
      const { sessions, close } = openTarget(server, { maxBytes: 256 });
      await putField(KEY, Buffer.from("\x80\x03}X\x05\0\0\0photoC\x01as.", "latin1"));
      await putField(KEY.replace("0", "1"), COMPRESSED, { flag: 1 });
      const migration = await migratePickledSessions({ from: redisession(), to: sessions });
      expect(migration).toMatchObject({ moved: 0, unfit: 2 });
      expect(migration.unfitValues).toEqual(
        expect.arrayContaining([
          { path: "data.photo", found: "bytes" },
          {
            path: "data",
            found: expect.stringMatching(/^\d+ bytes, more than sessions.maxBytes$/) as unknown,
          },
        ]),
      );
      expect((await sessions.open(`sessionid=${KEY}`)).isNew).toBe(true);
      await close();
    });

    test("on the command line: the settings come from files, the secret from the environment", async ({
      putField,
      redisession,
      server,
    }) => {
      await putField(KEY, FOO_BAR);
      await putField(KEY.replace("0", "2"), MALICIOUS);
      const folder = temporaryFolder();
      const { SECRET_KEY: _, ...from } = redisession();
      const to = {
        PROJECT_NAME: "myproject",
        SESSION_ENGINE: "codex_django.sessions.backends.redis",
        REDIS_URL: server.url,
      };
      writeFileSync(join(folder, "from.json"), JSON.stringify(from));
      writeFileSync(join(folder, "to.json"), JSON.stringify(to));
      const lines: string[] = [];
      const args = ["migrate-pickles", "--from", join(folder, "from.json"), "--to", join(folder, "to.json")];
      const terminal = { out: (line: string) => void lines.push(line.trim()), error: () => {} };
      // One of them was refused.
      expect(await run(args, { ...terminal, env: { SECRET_KEY: SECRET } })).toBe(1);
      expect(lines).toEqual(expect.arrayContaining(["moved  1", "refused  1"]));
      const { sessions, close } = openTarget(server);
      expect((await sessions.open(`sessionid=${KEY}`)).data).toEqual({ foo: "bar" });
      await close();
    });

    test("without a target it only counts", async ({ putField, redisession, client }) => {
      await putField(KEY, FOO_BAR);
      expect(await migratePickledSessions({ from: redisession(), to: undefined })).toMatchObject({
        moved: 1,
      });
      expect(await client.dbSize()).toBe(1);
    });
  });

  test("another engine has no pickles to move", async () => {
    const from = { SECRET_KEY: SECRET, SESSION_ENGINE: "django.contrib.sessions.backends.file" };
    await expect(migratePickledSessions({ from, to: undefined })).rejects.toMatchObject({
      code: "ERR_IMPROPERLY_CONFIGURED",
    });
  });
});

await describeWithEnvironment("lts", (django) => {
  describeWithRedis("sessions that Django has pickled", () => {
    redisTest(
      "by Django's cache engine: who is logged in stays so, with the cookie that the browser has",
      async ({ server }) => {
        const CACHES = {
          default: {
            BACKEND: "django.core.cache.backends.redis.RedisCache",
            LOCATION: server.url,
            KEY_PREFIX: "old",
          },
        };
        const site = await DjangoSite.start({
          django,
          engine: "cache",
          redisUrl: server.url,
          settings: { CACHES },
        });
        const visitor = site.visitor();
        await visitor.post("/cart", { product: "tea", quantity: 3 });
        await visitor.post("/login", USER);
        const { sessions, close } = openTarget(server);
        const from = { SECRET_KEY: SECRET, ...site.settings };
        const shown: number[] = [];
        const counts = await migratePickledSessions({
          from,
          to: sessions,
          onProgress: ({ moved }) => shown.push(moved),
        });
        expect(counts).toMatchObject({ moved: 1, refused: 0 });
        const session = await sessions.open(visitor.cookieHeader);
        expect(session.userId).toBe("1");
        expect(session.data["cart"]).toEqual({ tea: 3 });
        await close();
        await site.stop();
      },
    );
  });
});
