import { createSojourn } from "sojourn";
import { describe, expect, onTestFinished } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { StoreServiceError } from "../../../src/core/errors.ts";
import { newNonce, newSessionKey } from "../../../src/core/ids.ts";
import type { RedisRegistry } from "../../../src/redis/registry.ts";
import { heedsDictionaries } from "../../../src/stores/redis/buckets/bucket-dictionaries.ts";
import {
  redisBucketSessionStore,
  type RedisBucketSessionStoreOptions,
} from "../../../src/stores/redis/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { redisTestWith } from "../../support/fixtures/redis.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { advance, etagOf, fieldBytes, later, LISTPACKS, MINUTE, recordOf } from "./bucket-support.ts";

const ORANGES = { id: 1, bytes: Buffer.from('"},"text":"oranges and lemons say the bells"}') };

const test = redisTestWith({ config: LISTPACKS });

/** Each test has keys of its own, and many of them wait for a second to end. */
const concurrently = { describe, it: test.concurrent };

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const describeWhereHeeded = heedsDictionaries() ? describeWithRedis : describe.skip;

describeWhereHeeded("the Redis store of sessions in buckets, with dictionaries", () => {
  let redis: RedisRegistry;
  let projects = 0;

  test.beforeAll(async ({ redis: opened }) => {
    redis = opened;
  });

  const openStore = (
    options: RedisBucketSessionStoreOptions,
    projectName = `project${++projects}`,
  ): SessionStore =>
    redisBucketSessionStore(options)({ projectName, redis, clock: systemClock, format: "json" });

  describeSessionStore(concurrently, "redis, in buckets with a dictionary", {
    hasWatch: true,
    open: () => ({ store: openStore({ dictionaries: [ORANGES] }), advance }),
  });

  test("make small records small, which read, conflict and touch give back as they were", async ({
    client,
  }) => {
    const [store, key, nonce] = [
      openStore({ dictionaries: [ORANGES] }, "oranges"),
      newSessionKey(),
      newNonce(),
    ];
    const record = recordOf(nonce, "the bells say oranges and lemons");
    await store.create(key, record, MINUTE, later());
    const value = await fieldBytes(client, `oranges:session:${key.slice(0, 3)}`, key.slice(3));
    expect(value[4]).toBe(129);
    expect(value.length).toBeLessThan(Buffer.byteLength(record) / 2);
    expect(await store.read(key, later())).toBe(record);
    const conflict = await store.commit(key, recordOf(newNonce()), etagOf(newNonce()), MINUTE, later());
    expect(conflict).toEqual({ status: "conflict", record });
    expect((await store.touch(key, etagOf(nonce), MINUTE, later())).status).toBe("committed");
    expect(await store.read(key, later())).toBe(record);
  });

  test("one that is not there is an error of the store; the record stays, and can be deleted", async ({
    client,
  }) => {
    const [store, key, nonce] = [openStore({ dictionaries: [ORANGES] }, "lost"), newSessionKey(), newNonce()];
    const place = [`lost:session:${key.slice(0, 3)}`, key.slice(3)] as const;
    const record = recordOf(nonce, "oranges and lemons");
    await store.create(key, record, MINUTE, later());
    const [without, before] = [openStore({}, "lost"), await fieldBytes(client, ...place)];
    const error = await rejectionOf(without.read(key, later()));
    expect(error).toBeInstanceOf(StoreServiceError);
    expect(error).toMatchObject({
      outcome: "not-sent",
      message: expect.stringContaining("dictionary 1, which"),
    });
    const commit = without.commit(key, recordOf(newNonce()), etagOf(newNonce()), MINUTE, later());
    expect(await rejectionOf(commit)).toBeInstanceOf(StoreServiceError);
    expect(await without.create(key, recordOf(newNonce()), MINUTE, later())).toEqual({ status: "exists" });
    expect(await fieldBytes(client, ...place)).toEqual(before);
    expect(await store.read(key, later())).toBe(record);
    expect(await without.delete(key, later())).toBe(true);
  });

  test("a dictionary that is not there fails the request: nobody becomes a stranger, nothing is overwritten", async ({
    server,
  }) => {
    const settings = {
      projectName: `app${++projects}`,
      secretKey: "a secret of the tests, long enough",
      redis: { default: server.settings },
    };
    const bytes = Buffer.from('"},"_auth_user_id":"7","text":"oranges and lemons"}');
    const store = redisBucketSessionStore({ dictionaries: [{ id: 9, bytes }] });
    const configured = createSojourn({ ...settings, sessions: { store, format: "json" } });
    const lacking = createSojourn({
      ...settings,
      sessions: { store: redisBucketSessionStore(), format: "json" },
    });
    onTestFinished(() => Promise.all([configured.close(), lacking.close()]).then(() => {}));
    const session = await configured.sessions.create({ text: "oranges and lemons" });
    await session.login("7");
    expect(await rejectionOf(lacking.sessions.open(session.cookieHeader))).toBeInstanceOf(StoreServiceError);
    expect((await configured.sessions.open(session.cookieHeader)).userId).toBe("7");
  });
});
