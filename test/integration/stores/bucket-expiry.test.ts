import { deflateRawSync, inflateRawSync } from "node:zlib";
import { expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { newNonce, newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { heedsDictionaries } from "../../../src/stores/redis/buckets/bucket-dictionaries.ts";
import {
  redisBucketSessionStore,
  type RedisBucketSessionStoreOptions,
} from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { recentRedisTestWith, redisTestWith } from "../../support/fixtures/redis.ts";
import { describeWithRecentRedis, describeWithRedis } from "../../support/redis-server.ts";
import {
  createMany,
  etagOf,
  fieldBytes,
  inGroups,
  keysOf,
  later,
  LISTPACKS,
  MINUTE,
  recordOf,
} from "./bucket-support.ts";

const inSeconds = (now: number) => Math.floor(now / 1000);

type BucketTest = ReturnType<typeof redisTestWith>;

const plainTest = redisTestWith({ config: LISTPACKS });
const recentTest = recentRedisTestWith({ config: LISTPACKS });

describeWithRedis("expiry of sessions in buckets", () => defineExpiryTests(plainTest));

describeWithRecentRedis("expiry of sessions in buckets, where Redis expires fields itself", () =>
  defineExpiryTests(recentTest),
);

/**
 * All records are as a Redis without expiry of fields leaves them: who sets their second ends the time of the
 * field.
 */
function defineExpiryTests(bucketTest: BucketTest): void {
  const test = bucketTest
    .extend(
      "openStore",
      ({ redis }) =>
        (options: RedisBucketSessionStoreOptions, projectName: string): SessionStore =>
          redisBucketSessionStore(options)({ projectName, redis, clock: systemClock, format: "json" }),
    )
    /** Sets the second in which a record expires, as if time had passed. */
    .extend(
      "expireAt",
      ({ client }) =>
        async (second: number, hash: string, field: string): Promise<void> => {
          const value = await fieldBytes(client, hash, field);
          value.writeUInt32BE(second);
          await client.sendCommand(["HSET", hash, field, value]);
        },
    );

  test("a record is live until the second in its header, by the clock of Redis, and then absent", async ({
    openStore,
    expireAt,
    server,
  }) => {
    const [store, key, nonce] = [openStore({}, "expiring"), newSessionKey(), newNonce()];
    const place = [`expiring:session:${key.slice(0, 3)}`, key.slice(3)] as const;
    await store.create(key, recordOf(nonce), MINUTE, later());
    await expireAt(inSeconds(Date.now()) + 30, ...place);
    expect(await store.read(key, later())).toBe(recordOf(nonce));
    await expireAt(inSeconds(Date.now()), ...place);
    expect(await store.read(key, later())).toBeUndefined();
    expect(await store.touch(key, etagOf(nonce), MINUTE, later())).toEqual({ status: "gone" });
    expect(await keysOf(store)).toEqual([]);
    expect(await store.delete(key, later())).toBe(false);
    expect(await server.command("EXISTS", place[0])).toBe(0);
    await store.create(key, recordOf(nonce), MINUTE, later());
    await expireAt(inSeconds(Date.now()), ...place);
    expect(await store.create(key, recordOf(nonce, "new"), MINUTE, later())).toEqual({ status: "created" });
  });

  test("clearExpired deletes what has expired, says how many, and leaves the others", async ({
    openStore,
    expireAt,
    server,
  }) => {
    const store = openStore({}, "swept");
    const [dead, live] = [await createMany(store, 500), await createMany(store, 500)];
    await Promise.all(dead.map((key) => expireAt(1, `swept:session:${key.slice(0, 3)}`, key.slice(3))));
    expect(await store.clearExpired(later)).toBe(500);
    expect(await store.clearExpired(later)).toBe(0);
    expect((await keysOf(store)).toSorted()).toEqual(live.toSorted());
    const hashes = new Set(live.map((key) => `swept:session:${key.slice(0, 3)}`));
    expect(await server.command("KEYS", "swept:session:*")).toHaveLength(hashes.size);
  });

  test("clearExpired deletes records of each form: plain, by zlib, whole, by a compressor, with a dictionary", async ({
    openStore,
    client,
    expireAt,
    server,
  }) => {
    const dictionaries = [{ id: 1, bytes: Buffer.from('"},"text":"oranges and lemons"}') }];
    const compressor = { compress: deflateRawSync, decompress: (bytes: Uint8Array) => inflateRawSync(bytes) };
    const large = recordOf(newNonce(), "x".repeat(500));
    const records: [RedisBucketSessionStoreOptions, string, number][] = [
      [{}, recordOf(newNonce()), 0],
      [{}, large, 1],
      [{}, "sojourn1.encrypted", 2],
      [{ compressor }, large, 3],
    ];
    if (heedsDictionaries())
      records.push([{ dictionaries }, recordOf(newNonce(), "oranges and lemons"), 129]);
    for (const [options, record, flag] of records) {
      const key = newSessionKey();
      await openStore(options, "forms").create(key, record, MINUTE, later());
      const place = [`forms:session:${key.slice(0, 3)}`, key.slice(3)] as const;
      expect((await fieldBytes(client, ...place))[4]).toBe(flag);
      await expireAt(1, ...place);
    }
    expect(await openStore({}, "forms").clearExpired(later)).toBe(records.length);
    expect(await server.command("KEYS", "forms:*")).toEqual([]);
  });

  test("clearExpired goes through hashes that are no listpacks page by page, each with a deadline", async ({
    openStore,
    expireAt,
  }) => {
    const options = {
      hashKeyGenerator: (key: string) => key.slice(0, 1),
      keyGenerator: (key: string) => key,
    };
    const store = openStore(options, "paged");
    const dead = await createMany(store, 36 * 250);
    await inGroups(dead, (key) => expireAt(1, `paged:session:${key.slice(0, 1)}`, key));
    const [live] = await createMany(store, 1);
    let pages = 0;
    const counts: number[] = [];
    const cleared = await store.clearExpired(
      () => (pages++, later()),
      (progress) => counts.push(progress.cleared),
    );
    expect(cleared).toBe(dead.length);
    expect(pages).toBeGreaterThan(36 * 2);
    expect(counts.length).toBeGreaterThan(2);
    expect(counts.at(-1)).toBe(dead.length);
    expect(await keysOf(store)).toEqual([live]);
  });

  test("clearExpired tells how far it has come after 16 hashes at most, and ends with an error thrown there", async ({
    openStore,
    expireAt,
  }) => {
    const store = openStore({}, "told");
    const dead = await createMany(store, 500);
    await Promise.all(dead.map((key) => expireAt(1, `told:session:${key.slice(0, 3)}`, key.slice(3))));
    let told = 0;
    const stopping = store.clearExpired(later, ({ cleared }) => {
      told = cleared;
      throw new Error("Stop.");
    });
    await expect(stopping).rejects.toThrow("Stop.");
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(500);
    const counts: number[] = [];
    expect(await store.clearExpired(later, ({ cleared }) => counts.push(cleared))).toBe(500 - told);
    expect(counts.length).toBeGreaterThanOrEqual(Math.ceil((500 - told) / 16 / 3));
    expect(counts.at(-1)).toBe(500 - told);
  });

  test("clearExpired leaves foreign keys and fields as they are, whatever their type", async ({
    openStore,
    expireAt,
    client,
    server,
  }) => {
    const store = openStore({}, "mixed");
    const [key = ""] = await createMany(store, 1);
    const hash = `mixed:session:${key.slice(0, 3)}`;
    await expireAt(1, hash, key.slice(3));
    const expired = Buffer.alloc(20);
    await client.sendCommand(["HSET", hash, "short", expired]);
    await client.sendCommand(["HSET", hash, "a".repeat(29), Buffer.alloc(4)]);
    await client.sendCommand(["HSET", hash, "b".repeat(29), Buffer.alloc(12)]);
    await client.sendCommand(["HSET", hash, "c".repeat(29), Buffer.from([0, 0, 0, 0, 4, ...expired])]);
    await client.sendCommand(["HSET", hash, "f".repeat(29), Buffer.from([0, 0, 0, 0, 128, ...expired])]);
    await client.sendCommand(["HSET", "mixed:sessions:abc", "d".repeat(29), expired]);
    await client.sendCommand(["HSET", "mixed:session-user:7", "e".repeat(29), expired]);
    await client.sendCommand(["SET", "mixed:session:string", expired]);
    for (const command of ["LPUSH", "SADD"]) await server.command(command, `mixed:session:${command}`, "x");
    await server.command("ZADD", "mixed:session:sorted", "1", "x");
    await server.command("XADD", "mixed:session:stream", "*", "x", "y");
    expect(await store.clearExpired(later)).toBe(1);
    expect(await keysOf(store)).toEqual([]);
    expect(await server.command("HLEN", hash)).toBe(5);
    expect(await server.command("KEYS", "mixed:*")).toHaveLength(8);
  });

  test("a sweep never deletes a record that is stored again while it runs", async ({
    openStore,
    server,
    expireAt,
  }) => {
    const options = {
      hashKeyGenerator: (key: string) => key.slice(0, 1),
      keyGenerator: (key: string) => key,
    };
    const [store, other] = [openStore(options, "raced"), new RedisRegistry({ default: server.settings })];
    const context = { projectName: "raced", redis: other, clock: systemClock };
    const sweeper = redisBucketSessionStore(options)(context);
    const keys = await createMany(store, 2000);
    let swept = 0;
    for (let round = 0; round < 5; round++) {
      await Promise.all(keys.map((key) => expireAt(1, `raced:session:${key.slice(0, 1)}`, key)));
      const sweep = sweeper.clearExpired(later);
      const renewed = await Promise.all(
        keys.map((key) => store.create(key, recordOf(newNonce()), MINUTE, later())),
      );
      swept += await sweep;
      expect(renewed.filter(({ status }) => status !== "created")).toEqual([]);
      expect(await keysOf(store)).toHaveLength(keys.length);
    }
    expect(swept).toBeGreaterThan(0);
    await other.close();
  });

  test("looks at as many hashes as hashKeysCheckForExpiry says, or at those that it names", async ({
    openStore,
    expireAt,
    server,
  }) => {
    const [all, named] = [
      openStore({}, "chosen"),
      openStore({ hashKeysCheckForExpiry: () => ["abc", "xyz"] }, "chosen"),
    ];
    const keys = ["abc", "abd", "xyz"].map((start) => start + newSessionKey().slice(3));
    for (const key of keys) await all.create(key, recordOf(newNonce()), MINUTE, later());
    for (const key of keys) await expireAt(1, `chosen:session:${key.slice(0, 3)}`, key.slice(3));
    expect(await named.clearExpired(later)).toBe(2);
    expect(await server.command("KEYS", "chosen:session:*")).toEqual(["chosen:session:abd"]);
    const monitor = await server.monitor();
    const sampled = openStore({ hashKeysCheckForExpiry: 10 }, "chosen");
    await sampled.clearExpired(later);
    const looks = (await monitor.take()).filter((command) => command.startsWith("EVAL")).length;
    // Two of ten at random may be the same.
    expect(looks).toBeGreaterThanOrEqual(8);
    expect(looks).toBeLessThanOrEqual(10);
    monitor.stop();
  });
}
