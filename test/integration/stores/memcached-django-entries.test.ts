import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import { CacheUsageError } from "../../../src/core/errors.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { CacheStore, Lease } from "../../../src/stores/cache-store.ts";
import { cacheSessionStore } from "../../../src/stores/cache/index.ts";
import { memcachedCacheStore } from "../../../src/stores/memcached/index.ts";
import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";
import { rawMemcached } from "../../support/raw-memcached.ts";
import { later } from "./cache-store-support.ts";

/** `{"foo": "bar"}` as Django writes it, in Latin-1. */
const PICKLE = "\x80\x05\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x03foo\x94\x8c\x03bar\x94s.";

describeWithMemcached("entries of Django's in memcached", () => {
  let server: MemcachedServer;
  let store: CacheStore;
  let keys = 0;

  beforeAll(async () => {
    server = await MemcachedServer.start();
    const context = { redis: new RedisRegistry(), clock: systemClock };
    store = memcachedCacheStore({ servers: server.path, format: "django" })(context);
  });

  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });

  const raw = (command: string) => rawMemcached(server.path, command);
  const item = (key: string) => raw(`mg ${key} v f`);

  /** Whole seconds until an item ends, as memcached tells. */
  const leftOf = async (key: string) => Number((await raw(`mg ${key} t`)).slice("HD t".length));

  /** Whether a time is what was set, or has become a little less since. */
  const isNear = (left: number, seconds: number, off = 5) => left <= seconds && left > seconds - off;

  /** Stores an item as a client of Django's does. @returns Its key. */
  async function put(value: string, flags: number, timeout = 100): Promise<string> {
    const key = `k${++keys}`;
    expect(await raw(`set ${key} ${flags} ${timeout} ${value.length}\r\n${value}`)).toBe("STORED");
    return key;
  }

  test.each([
    ["a pickle", PICKLE, 1],
    ["bytes", "\xff\xfe", 0],
    ["bytes of text", "text", 0],
    ["a flag of another serde", "[1]", 256],
  ])("%s is not given to callers, nor replaced by a load, nor taken", async (_, value, flags) => {
    const key = await put(value, flags);
    const before = await item(key);
    const lease: Lease = { key, token: "t", expected: undefined };
    for (const attempt of [
      () => store.get(key, later()),
      () => store.getMany(["none", key], later()),
      () => store.takeMany([key], later()),
      () => store.lease(lease, 1000, later()),
      () => store.ensureMany([{ key, value: "1", ttl: null }], later()),
    ])
      await expect(attempt(), attempt.toString()).rejects.toThrow(CacheUsageError);
    expect(await store.incr(key, 1n, later())).toEqual({ status: "not-integer" });
    expect(await store.set({ key, value: "1", ttl: null }, "if-absent", later())).toBe(false);
    expect(await store.compareAndSet(key, value, undefined, later())).toBe(false);
    expect(await item(key)).toBe(before);
  });

  test("such an entry can be touched, without its value being sent, deleted and replaced", async () => {
    const key = await put(PICKLE, 1);
    const before = await item(key);
    expect(await store.touchMany([key, "none"], 50_000, later())).toEqual([true, false]);
    expect(isNear(await leftOf(key), 50)).toBe(true);
    expect(await item(key)).toBe(before);
    await store.set({ key, value: "1", ttl: null }, "if-present", later());
    expect(await store.get(key, later())).toBe("1");
    const another = await put(PICKLE, 1);
    expect(await store.deleteMany([another], later())).toBe(1);
  });

  test("a counter keeps the flag of the client that has begun it, above and below 0", async () => {
    const key = await put("5", 4);
    expect(await store.incr(key, 7n, later())).toEqual({ status: "incremented", value: 12n });
    expect(await item(key)).toBe("VA 2 f4\r\n12");
    expect(await store.incr(key, -3n, later())).toEqual({ status: "incremented", value: 9n });
    expect((await raw(`mg ${key} v`)).trimEnd()).toMatch(/\r\n9$/);
    expect(await store.get(key, later())).toBe("9");
    expect(await store.incr(key, -10n, later())).toEqual({ status: "incremented", value: -1n });
    expect(await item(key)).toBe("VA 2 f4\r\n-1");
    expect(isNear(await leftOf(key), 100)).toBe(true);
  });

  test("a text of digits is no counter, and stays one", async () => {
    const key = await put("5", 16);
    expect(await store.get(key, later())).toBe('"5"');
    expect(await store.incr(key, 1n, later())).toEqual({ status: "not-integer" });
  });

  test("times are those that Django writes: whole seconds, none, and dates beyond 30 days", async () => {
    const day = 86_400;
    for (const [ttl, left] of [
      [60_000, 60],
      [60_001, 61],
      [30 * day * 1000, 30 * day],
      [null, -1],
    ] as const) {
      await store.set({ key: "timed", value: "1", ttl }, "always", later());
      expect(isNear(await leftOf("timed"), left), `${ttl} ms`).toBe(true);
    }
    await store.set({ key: "timed", value: "1", ttl: 90 * day * 1000 }, "always", later());
    // memcached counts dates from two seconds before its start.
    expect(isNear((await leftOf("timed")) - 2, 90 * day, 4)).toBe(true);
  });

  test("an entry that memcached does not take is refused, and the stored one stays", async () => {
    const key = await put("small", 16);
    const large = { key, value: "x".repeat(1_050_000), ttl: null };
    for (const condition of ["always", "if-present"] as const)
      await expect(store.set(large, condition, later())).rejects.toMatchObject({
        code: "ERR_STORE_SERVICE",
        outcome: "not-sent",
      });
    expect(await store.get(key, later())).toBe('"small"');
  });

  test("a session that Django has pickled is an empty one, and is left as it is", async () => {
    const { sessions, close } = createSojourn({
      projectName: "shop",
      secretKey: "a secret of the tests, long enough",
      sessions: {
        format: "django-cache",
        store: cacheSessionStore({
          keyPrefix: "p",
          store: memcachedCacheStore({ servers: server.path, format: "django" }),
        }),
      },
    });
    const problems: string[] = [];
    sessions.on("undecodable", ({ reason }) => problems.push(reason));
    const key = newSessionKey();
    const at = `p:1:django.contrib.sessions.cache${key}`;
    await raw(`set ${at} 1 100 ${PICKLE.length}\r\n${PICKLE}`);
    const session = await sessions.open(`sessionid=${key}`);
    expect([session.isNew, problems.length]).toEqual([true, 1]);
    expect(await item(at)).toContain("foo");
    await close();
  });

  test("an unknown format is refused", () => {
    const make = memcachedCacheStore({ format: "pickle" as never });
    expect(() => make({ redis: new RedisRegistry(), clock: systemClock })).toThrow(
      'memcachedCacheStore.format: expected "sojourn" or "django"',
    );
  });
});
