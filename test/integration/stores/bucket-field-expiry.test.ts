import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { newNonce, newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { redisBucketSessionStore } from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { recentRedisTestWith } from "../../support/fixtures/redis.ts";
import { describeWithRecentRedis, isValkey, type RedisServer } from "../../support/redis-server.ts";
import {
  advance,
  createMany,
  etagOf,
  fieldBytes,
  later,
  LISTPACKS,
  MINUTE,
  recordOf,
} from "./bucket-support.ts";

const recentTest = recentRedisTestWith({ config: LISTPACKS });

describeWithRecentRedis(
  "the Redis store of sessions in buckets, where Redis expires fields itself",
  (command) => {
    const test = recentTest
      /** When Redis deletes a field, in seconds; `-1`: never. */
      .extend(
        "fieldExpiry",
        ({ server }) =>
          async (hash: string, field: string, of: RedisServer = server): Promise<number> => {
            const [expiry] = (await of.command("HPEXPIRETIME", hash, "FIELDS", "1", field)) as number[];
            return Number(expiry) < 0 ? Number(expiry) : Number(expiry) / 1000;
          },
      );

    /** Each test has keys of its own, and many of them wait for a second to end. */
    const concurrently = { describe, it: test.concurrent };

    let redis: RedisRegistry;
    let projects = 0;

    test.beforeAll(async ({ redis: opened }) => {
      redis = opened;
    });

    const openStore = (projectName = `project${++projects}`, options = {}, registry = redis): SessionStore =>
      redisBucketSessionStore(options)({ projectName, redis: registry, clock: systemClock, format: "json" });

    const placeOf = (project: string, key: string) =>
      [`${project}:session:${key.slice(0, 3)}`, key.slice(3)] as const;

    describeSessionStore(concurrently, "redis, in buckets whose fields expire", {
      hasWatch: true,
      open: () => ({ store: openStore(), advance }),
    });

    test("create, commit and touch set the second of the value and of the field alike", async ({
      client,
      fieldExpiry,
    }) => {
      const [store, key] = [openStore("alike"), newSessionKey()];
      const [place, nonces] = [placeOf("alike", key), [newNonce(), newNonce()] as const];
      const expiries: number[] = [];
      const note = async () => {
        expiries.push((await fieldBytes(client, ...place)).readUInt32BE());
        expect(await fieldExpiry(...place)).toBe(expiries.at(-1));
      };
      await store.create(key, recordOf(nonces[0]), MINUTE, later());
      await note();
      await store.commit(key, recordOf(nonces[1]), etagOf(nonces[0]), 2 * MINUTE, later());
      await note();
      await store.touch(key, etagOf(nonces[1]), 3 * MINUTE, later());
      await note();
      expect(expiries).toEqual(expiries.toSorted((left, right) => left - right));
      expect(new Set(expiries).size).toBe(3);
      await store.touch(key, etagOf(nonces[1]), 200 * 365 * 86_400_000, later());
      await note();
      expect(expiries.at(-1)).toBe(2 ** 32 - 1);
    });

    test("what has expired goes by itself, and the last field takes its hash along", async ({ server }) => {
      const store = openStore("fading");
      await createMany(store, 50, 1);
      await expect.poll(() => server.command("KEYS", "fading:session:*"), { timeout: 10_000 }).toEqual([]);
      expect(await store.clearExpired(later)).toBe(0);
    });

    test("a record without a time of its field, as an older server leaves it, is read, swept, and gets one by a touch", async ({
      client,
      fieldExpiry,
    }) => {
      const [store, nonce] = [openStore("older"), newNonce()];
      const [live, dead] = [newSessionKey(), newSessionKey()];
      for (const [key, second] of [
        [live, 0xffff_ffff],
        [dead, 1],
      ] as const) {
        const value = Buffer.concat([
          Buffer.alloc(5),
          Buffer.from(nonce, "hex"),
          Buffer.from('"},"text":""}'),
        ]);
        value.writeUInt32BE(second);
        await client.sendCommand(["HSET", ...placeOf("older", key), value]);
      }
      expect(await store.read(live, later())).toBe(recordOf(nonce));
      expect(await store.read(dead, later())).toBeUndefined();
      expect(await store.clearExpired(later)).toBe(1);
      expect(await fieldExpiry(...placeOf("older", live))).toBe(-1);
      await store.touch(live, etagOf(nonce), MINUTE, later());
      expect(await fieldExpiry(...placeOf("older", live))).toBeGreaterThan(Date.now() / 1000);
    });

    test("a user who may not expire fields writes all the same, and the sweep deletes", async ({
      fieldExpiry,
    }) => {
      const user = { name: "app", password: "secret", rules: "~* &* +@all -hpexpireat" };
      const own = await serverForTest({ command, user, config: LISTPACKS });
      const settings = { ...own.settings, username: user.name, password: user.password };
      const registry = new RedisRegistry({ default: settings });
      const [store, key, nonce] = [openStore("limited", {}, registry), newSessionKey(), newNonce()];
      await store.create(key, recordOf(nonce), MINUTE, later());
      expect(await store.touch(key, etagOf(nonce), 1, later())).toEqual({ status: "committed" });
      expect(await fieldExpiry(...placeOf("limited", key), own)).toBe(-1);
      await sleep(1100);
      expect(await store.clearExpired(later)).toBe(1);
      await registry.close();
    });

    test.skipIf(isValkey)(
      "a server that comes back as another version is used as what it is",
      async ({ fieldExpiry }) => {
        const own = await serverForTest({ appendonly: true, config: LISTPACKS });
        const registry = new RedisRegistry({ default: own.settings });
        const [store, key, nonce] = [openStore("upgraded", {}, registry), newSessionKey(), newNonce()];
        await store.create(key, recordOf(nonce), MINUTE, later());
        await own.restart(command);
        await expect.poll(() => store.read(key, later()).catch(() => "not yet")).toBe(recordOf(nonce));
        await store.touch(key, etagOf(nonce), MINUTE, later());
        expect(await fieldExpiry(...placeOf("upgraded", key), own)).toBeGreaterThan(0);
        await own.command("CONFIG", "SET", "appendonly", "no");
        await registry.close();
      },
    );

    test("its hashes are packed up to the same limits", async ({ server }) => {
      const options = {
        hashKeyGenerator: (key: string) => key.slice(0, 2),
        keyGenerator: (key: string) => key.slice(2),
      };
      const store = openStore("packed", options);
      const createIn = (hash: string, text = "") =>
        store.create(hash + newSessionKey().slice(2), recordOf(newNonce(), text), MINUTE, later());
      for (let count = 0; count < 128; count++) await createIn("aa");
      expect(await server.command("OBJECT", "ENCODING", "packed:session:aa")).toBe("listpackex");
      await createIn("aa");
      expect(await server.command("OBJECT", "ENCODING", "packed:session:aa")).toBe("hashtable");
      await createIn(
        "bb",
        randomBytes(900)
          .toString("latin1")
          .replaceAll(/[^ -~]/g, "x"),
      );
      expect(await server.command("OBJECT", "ENCODING", "packed:session:bb")).toBe("listpackex");
      await createIn("bb", randomBytes(1500).toString("base64"));
      expect(await server.command("OBJECT", "ENCODING", "packed:session:bb")).toBe("hashtable");
    });
  },
);
