import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { createSojourn } from "sojourn";
import { afterAll, beforeAll, describe, expect, onTestFinished, vi } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { newNonce, newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../../src/redis/settings.ts";
import {
  redisBucketSessionStore,
  type RedisBucketSessionStoreOptions,
} from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { RedisCluster } from "../../support/redis-cluster.ts";
import { expectServiceError, serverForTest } from "../../support/redis-connections.ts";
import { redisTestWith } from "../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import {
  advance,
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

const test = redisTestWith({ config: LISTPACKS });

/** Each test has keys of its own, and many of them wait for a second to end. */
const concurrently = { describe, it: test.concurrent };

describeWithRedis("the Redis store of sessions in buckets", () => {
  let server: RedisServer;
  let redis: RedisRegistry;
  let projects = 0;

  test.beforeAll(async ({ server: started, redis: opened }) => {
    server = started;
    redis = opened;
  });

  const openStore = (
    options?: RedisBucketSessionStoreOptions,
    projectName = `project${++projects}`,
  ): SessionStore =>
    redisBucketSessionStore(options)({ projectName, redis, clock: systemClock, format: "json" });

  describeSessionStore(concurrently, "redis, in buckets", {
    hasWatch: true,
    open: () => ({ store: openStore(), advance }),
  });

  describe("layout", () => {
    test("is a hash of the first three characters, with one field a session named after the others", async () => {
      const [store, key] = [openStore({}, "myproject"), newSessionKey()];
      await store.create(key, recordOf(newNonce()), MINUTE, later());
      expect(await server.command("HKEYS", `myproject:session:${key.slice(0, 3)}`)).toEqual([key.slice(3)]);
      expect(await server.command("TTL", `myproject:session:${key.slice(0, 3)}`)).toBe(-1);
    });

    test("has values of expiry, flag, nonce and the rest of the record, byte for byte", async ({
      client,
    }) => {
      const [store, key, nonce] = [openStore({ prefix: "s" }, "bytes"), newSessionKey(), newNonce()];
      const before = Date.now();
      await store.create(key, recordOf(nonce, "é"), 90_500, later());
      const value = await fieldBytes(client, `bytes:s:${key.slice(0, 3)}`, key.slice(3));
      const expiry = value.readUInt32BE();
      expect(expiry).toBeGreaterThanOrEqual((before + 90_500) / 1000);
      expect(expiry).toBeLessThanOrEqual((Date.now() + 90_500) / 1000 + 1);
      const rest = Buffer.concat([Buffer.of(0), Buffer.from(nonce, "hex"), Buffer.from('"},"text":"é"}')]);
      expect(value.subarray(4)).toEqual(rest);
    });

    test("is read when a plain client has written it", async ({ client }) => {
      const [store, key, nonce] = [openStore({}, "plain"), newSessionKey(), newNonce()];
      const value = Buffer.concat([
        Buffer.from([0xff, 0xff, 0xff, 0xff, 0]),
        Buffer.from(nonce, "hex"),
        Buffer.from('"},"text":"é"}'),
      ]);
      await client.sendCommand(["HSET", `plain:session:${key.slice(0, 3)}`, key.slice(3), value]);
      expect(await store.read(key, later())).toBe(recordOf(nonce, "é"));
    });

    test("a time to live beyond 2106 ends with 2^32 - 1 seconds, and what else is there stays", async ({
      client,
    }) => {
      const [store, key, nonce] = [openStore({}, "late"), newSessionKey(), newNonce()];
      await store.create(key, recordOf(nonce), MINUTE, later());
      await store.touch(key, etagOf(nonce), 200 * 365 * 86_400_000, later());
      const value = await fieldBytes(client, `late:session:${key.slice(0, 3)}`, key.slice(3));
      expect(value.readUInt32BE()).toBe(2 ** 32 - 1);
      expect(await store.read(key, later())).toBe(recordOf(nonce));
    });

    test("follows the generators of the options", async () => {
      const options = {
        hashKeyGenerator: (key: string) => key.slice(-2),
        keyGenerator: (key: string) => key,
      };
      const [store, key] = [openStore(options, "generated"), newSessionKey()];
      await store.create(key, recordOf(newNonce()), MINUTE, later());
      expect(await server.command("HKEYS", `generated:session:${key.slice(-2)}`)).toEqual([key]);
      expect(await keysOf(store)).toEqual([key]);
    });

    test("a large record is compressed, and comes back from read and conflict as it was", async ({
      client,
    }) => {
      const [store, key, nonce] = [openStore({}, "large"), newSessionKey(), newNonce()];
      const record = recordOf(nonce, "é".repeat(5000));
      await store.create(key, record, MINUTE, later());
      const value = await fieldBytes(client, `large:session:${key.slice(0, 3)}`, key.slice(3));
      expect(value[4]).toBe(1);
      expect(value.length).toBeLessThan(200);
      expect(await store.read(key, later())).toBe(record);
      const conflict = await store.commit(key, recordOf(newNonce()), etagOf(newNonce()), MINUTE, later());
      expect(conflict).toEqual({ status: "conflict", record });
      expect((await store.touch(key, etagOf(nonce), MINUTE, later())).status).toBe("committed");
      expect(await store.read(key, later())).toBe(record);
    });
  });

  describe("under sessions", () => {
    const sojournWith = (format: "django" | "json", encrypt = false) => {
      const sojourn = createSojourn({
        projectName: `app${++projects}`,
        secretKey: "a secret of the tests, long enough",
        redis: { default: server.settings },
        sessions: { store: redisBucketSessionStore(), format, encrypt },
      });
      onTestFinished(() => sojourn.close());
      return {
        ...sojourn,
        hashes: () => server.command("KEYS", `app${projects}:session:*`) as Promise<string[]>,
      };
    };

    test.for([
      ["json", false, 0],
      ["json, encrypted", true, 2],
    ] as const)(
      "records of the format %s are kept, updated in parallel and ended",
      async ([, encrypt, flag], { client }) => {
        const { sessions, hashes } = sojournWith("json", encrypt);
        const { cookieHeader } = await sessions.create({ n: 0 });
        const opened = await Promise.all(Array.from({ length: 10 }, () => sessions.open(cookieHeader)));
        await Promise.all(
          opened.map((each) => each.update((data) => void (data["n"] = (data["n"] as number) + 1))),
        );
        const session = await sessions.open(cookieHeader);
        expect(session.data["n"]).toBe(10);
        const [hash = ""] = await hashes();
        const [field = ""] = (await server.command("HKEYS", hash)) as string[];
        expect((await fieldBytes(client, hash, field))[4]).toBe(flag);
        await session.flush();
        expect(await hashes()).toEqual([]);
      },
    );

    test("the format django is refused at start", () => {
      expect(() => sojournWith("django")).toThrow(
        'sessions.format: expected "json" with redisBucketSessionStore()',
      );
    });

    test("a user's sessions are listed and revoked", async () => {
      const { sessions } = sojournWith("json");
      const session = await sessions.create({ a: 1 });
      await session.login("7");
      expect(await sessions.revokeUser("7")).toBe(1);
      expect((await sessions.open(session.cookieHeader)).isNew).toBe(true);
    });
  });

  describe("commands", () => {
    test("each method is one script, whose text is sent once", async () => {
      const fresh = new RedisRegistry({ default: server.settings });
      const store = redisBucketSessionStore()({ projectName: "counted", redis: fresh, clock: systemClock });
      const monitor = await server.monitor();
      const [key, nonce] = [newSessionKey(), newNonce()];
      for (let round = 0; round < 2; round++) {
        await store.create(key, recordOf(nonce), MINUTE, later());
        await store.read(key, later());
        await store.commit(key, recordOf(nonce), etagOf(nonce), MINUTE, later());
        await store.touch(key, etagOf(nonce), MINUTE, later());
        await store.deleteIfMatch(key, etagOf(nonce), later());
        await store.delete(key, later());
      }
      const first = ["EVAL", "EVAL", "EVAL", "EVALSHA", "EVALSHA", "EVAL"];
      expect(await monitor.take()).toEqual([...first, ...Array.from({ length: 6 }, () => "EVALSHA")]);
      monitor.stop();
      await fresh.close();
    });

    test("an older server is not asked for what it does not know", async () => {
      const own = await serverForTest({ config: LISTPACKS });
      const registry = new RedisRegistry({ default: own.settings });
      const store = redisBucketSessionStore()({ projectName: "asked", redis: registry, clock: systemClock });
      const [key, nonce] = [newSessionKey(), newNonce()];
      // Clients introduce themselves by commands that are newer than Redis 7.0, and are put up with.
      await store.read(key, later());
      const before = await own.command("INFO", "errorstats");
      await store.create(key, recordOf(nonce), MINUTE, later());
      await store.touch(key, etagOf(nonce), MINUTE, later());
      expect(await own.command("INFO", "errorstats")).toBe(before);
      await registry.close();
    });

    test("data of another type under a session's hash is an error that says so, and stays", async () => {
      const [store, key] = [openStore({}, "typed"), newSessionKey()];
      const hash = `typed:session:${key.slice(0, 3)}`;
      await server.command("SET", hash, "text");
      const error = await expectServiceError(store.read(key, later()), "not-sent");
      expect(error.message).toContain("WRONGTYPE. The key holds other data.");
      await expectServiceError(store.create(key, recordOf(newNonce()), MINUTE, later()), "not-sent");
      expect(await server.command("GET", hash)).toBe("text");
    });

    test("a foreign value in a session's field is a broken record: never absent, overwritten or touched", async ({
      client,
    }) => {
      const [store, key, nonce] = [openStore({}, "foreign"), newSessionKey(), newNonce()];
      const hash = `foreign:session:${key.slice(0, 3)}`;
      await server.command("HSET", hash, key.slice(3), "odd");
      expect(await store.read(key, later())).toBe("");
      expect(await store.create(key, recordOf(nonce), MINUTE, later())).toEqual({ status: "exists" });
      const conflict = { status: "conflict", record: "" };
      expect(await store.commit(key, recordOf(nonce), etagOf(nonce), MINUTE, later())).toEqual(conflict);
      expect(await store.touch(key, etagOf(nonce), MINUTE, later())).toEqual(conflict);
      expect(await server.command("HGET", hash, key.slice(3))).toBe("odd");
      const flagOnly = Buffer.from([0xff, 0, 0, 0, 0]);
      await client.sendCommand(["HSET", hash, key.slice(3), flagOnly]);
      expect(await store.touch(key, { start: -43, text: "A".repeat(43) }, MINUTE, later())).toEqual(conflict);
      expect(await fieldBytes(client, hash, key.slice(3))).toEqual(flagOnly);
    });
  });

  test("scan yields no key twice though Redis does, when its table shrinks during the walk", async () => {
    const own = await serverForTest({ config: LISTPACKS });
    const registry = new RedisRegistry({ default: own.settings });
    const store = redisBucketSessionStore()({
      projectName: "shrinking",
      redis: registry,
      clock: systemClock,
    });
    const keys = Array.from(
      { length: 5000 },
      (_, at) => at.toString(36).padStart(3, "0") + newSessionKey().slice(3),
    );
    await inGroups(keys, (key) => store.create(key, recordOf(newNonce()), MINUTE, later()));
    const found: string[] = [];
    let hasShrunk = false;
    const shrinkAfterFirstPage = () => {
      if (found.length < 1000 || hasShrunk) return later();
      hasShrunk = true;
      const kept = new Set(found.slice(-32));
      const hashes = keys
        .filter((key) => !kept.has(key))
        .map((key) => `shrinking:session:${key.slice(0, 3)}`);
      // Commands that are sent later on this connection wait until Redis has had the time to make its table
      // smaller.
      void registry.get().command(["DEL", ...hashes], later());
      void registry.get().command(["WAIT", "1", "500"], later());
      return later();
    };
    for await (const key of store.scan(shrinkAfterFirstPage)) found.push(key);
    expect(hasShrunk).toBe(true);
    expect(new Set(found).size).toBe(found.length);
    await registry.close();
  });

  describe("the limits of listpacks", () => {
    const createOn = async (settings: RedisConnectionSettings): Promise<void> => {
      const registry = new RedisRegistry({ default: settings });
      const store = redisBucketSessionStore()({ projectName: "limits", redis: registry, clock: systemClock });
      await createMany(store, 2);
      await registry.close();
    };

    const warningsWhile = async (act: () => Promise<void>): Promise<string[]> => {
      const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      try {
        await act();
        return emitted.mock.calls.map(([warning]) => String(warning));
      } finally {
        emitted.mockRestore();
      }
    };

    test("that are too small are warned of, once", async () => {
      const own = await serverForTest({ config: ["hash-max-listpack-entries 64"] });
      const warnings = await warningsWhile(() => createOn(own.settings));
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(
        "hash-max-listpack-entries is 64 and hash-max-listpack-value is 64, so buckets",
      );
    });

    test("are read through a client of the application with RESP 2, too", async () => {
      const own = await serverForTest();
      const plain = createClient({ url: own.url, RESP: 2, disableOfflineQueue: true });
      await plain.connect();
      const warnings = await warningsWhile(() => createOn({ client: plain }));
      expect(
        warnings.filter((each) => each.includes("hash-max-listpack-value is 64, so buckets")),
      ).toHaveLength(1);
      plain.destroy();
    });

    test("warn neither if they are large enough nor if the server does not tell them", async () => {
      const user = { name: "app", password: "secret", rules: "~* &* +@all -config" };
      const own = await serverForTest({ user });
      const settings = { ...own.settings, username: user.name, password: user.password };
      expect(await warningsWhile(() => createOn(server.settings))).toEqual([]);
      expect(await warningsWhile(() => createOn(settings))).toEqual([]);
    });
  });
});

describeWithRedis("the Redis store of sessions in buckets, on a cluster", () => {
  let cluster: RedisCluster;
  let redis: RedisRegistry;
  let projects = 0;

  beforeAll(async () => {
    cluster = await RedisCluster.start(3, { config: LISTPACKS });
    redis = new RedisRegistry({ default: { cluster: cluster.urls } });
  });

  afterAll(async () => {
    await redis?.close();
    await cluster?.stop();
  });

  const openStore = (options?: RedisBucketSessionStoreOptions): SessionStore =>
    redisBucketSessionStore(options)({
      projectName: `project${++projects}`,
      redis,
      clock: systemClock,
      format: "json",
    });

  describeSessionStore(concurrently, "redis, in buckets on a cluster", {
    hasWatch: true,
    open: () => ({ store: openStore(), advance }),
  });

  test("clearExpired looks at the hashes of all nodes", async () => {
    const store = openStore();
    const keys = await createMany(store, 300, 1);
    await sleep(1100);
    expect(await store.clearExpired(later)).toBe(keys.length);
    const names = await cluster.onEach("KEYS", `project${projects}:*`);
    expect(names.flat()).toEqual([]);
  });
});
