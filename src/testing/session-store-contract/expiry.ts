import assert from "node:assert/strict";

import type { Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import { newSessionKey } from "../../core/ids.ts";
import {
  A_ETAG,
  A_RECORD,
  assertAbsent,
  assertListed,
  assertNotSent,
  B_ETAG,
  B_RECORD,
  collectKeys,
  type ContractTests,
  later,
  LONG_TTL,
} from "./support.ts";

/** From 1970 to the end of the year 9999, the last that Django can represent. */
const MAX_OF_PYTHON: Milliseconds = Date.UTC(9999, 11, 31);

/** Tests of `readWithTtl`, if implemented. */
export const READ_WITH_TTL: ContractTests = {
  async "readWithTtl returns the record and its remaining time to live"({ store, key, expire, shortTtl }) {
    if (store.readWithTtl === undefined)
      assert.fail("the store has no readWithTtl: leave hasReadWithTtl out");
    assert.equal(await store.readWithTtl(key, later()), undefined);
    await store.create(key, A_RECORD, LONG_TTL, later());
    const found = await store.readWithTtl(key, later());
    assert.equal(found?.record, A_RECORD);
    assert.ok(
      found.ttl > LONG_TTL / 2 && found.ttl <= LONG_TTL + 1000,
      `${found.ttl} ms are left of ${LONG_TTL}`,
    );
    await store.commit(key, B_RECORD, A_ETAG, shortTtl, later());
    await expire();
    assert.equal(await store.readWithTtl(key, later()), undefined);
  },
};

/** Tests of times to live and deadlines. */
export const EXPIRY: ContractTests = {
  async "create leaves the time to live of an existing record as it is"({ store, key, expire, shortTtl }) {
    const other = newSessionKey();
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.create(other, A_RECORD, shortTtl, later());
    await store.create(key, B_RECORD, shortTtl, later());
    await store.create(other, B_RECORD, LONG_TTL, later());
    await expire();
    assert.equal(await store.read(key, later()), A_RECORD);
    assert.equal(await store.read(other, later()), undefined);
  },

  async "commit of another version leaves the time to live as it is"({ store, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, shortTtl, later());
    await store.commit(key, B_RECORD, B_ETAG, LONG_TTL, later());
    await expire();
    assert.equal(await store.read(key, later()), undefined);
  },

  async "commit lengthens or shortens the time to live"({ store, key, expire, shortTtl }) {
    const other = newSessionKey();
    await store.create(key, A_RECORD, shortTtl, later());
    await store.create(other, A_RECORD, LONG_TTL, later());
    await store.commit(key, B_RECORD, A_ETAG, LONG_TTL, later());
    await store.commit(other, B_RECORD, A_ETAG, shortTtl, later());
    await expire();
    assert.equal(await store.read(key, later()), B_RECORD);
    assert.equal(await store.read(other, later()), undefined);
  },

  async "touch lengthens or shortens the time to live, and leaves the record"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const other = newSessionKey();
    await store.create(key, A_RECORD, shortTtl, later());
    await store.create(other, A_RECORD, LONG_TTL, later());
    assert.deepEqual(await store.touch(key, A_ETAG, LONG_TTL, later()), { status: "committed" });
    assert.deepEqual(await store.touch(other, A_ETAG, shortTtl, later()), { status: "committed" });
    assert.equal(await store.read(other, later()), A_RECORD);
    await expire();
    assert.equal(await store.read(key, later()), A_RECORD);
    assert.equal(await store.read(other, later()), undefined);
  },

  async "an expired record looks like an unknown one to every method"({
    store,
    hasScan,
    key,
    expire,
    shortTtl,
  }) {
    await store.create(key, A_RECORD, shortTtl, later());
    await expire();
    await assertAbsent(store, key);
    await assertListed({ store, hasScan }, []);
  },

  async "the key of an expired record can be created again"({ store, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, shortTtl, later());
    await expire();
    assert.deepEqual(await store.create(key, B_RECORD, LONG_TTL, later()), { status: "created" });
    assert.equal(await store.read(key, later()), B_RECORD);
  },

  async "a time to live is in milliseconds, and need not be a whole number"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const other = newSessionKey();
    await store.create(key, A_RECORD, shortTtl - 0.5, later());
    await store.create(other, A_RECORD, shortTtl * 100, later());
    await expire();
    assert.equal(await store.read(key, later()), undefined);
    assert.equal(await store.read(other, later()), A_RECORD);
  },

  async "a time to live of 1 ms is accepted and expires"({ store, key, expire }) {
    assert.deepEqual(await store.create(key, A_RECORD, 1, later()), { status: "created" });
    await expire();
    await assertAbsent(store, key);
  },

  async "a time to live of any length is accepted, and the record lives"({ store, hasScan, key }) {
    for (const ttl of [MAX_OF_PYTHON, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]) {
      const fresh = newSessionKey();
      assert.deepEqual(await store.create(fresh, A_RECORD, ttl, later()), { status: "created" });
      assert.equal(await store.read(fresh, later()), A_RECORD);
      assert.deepEqual(await store.touch(fresh, A_ETAG, ttl, later()), { status: "committed" });
      assert.deepEqual(await store.commit(fresh, B_RECORD, A_ETAG, ttl, later()), { status: "committed" });
      assert.equal(await store.read(fresh, later()), B_RECORD);
      if (store.readWithTtl) assert.ok(((await store.readWithTtl(fresh, later()))?.ttl ?? 0) > LONG_TTL);
    }
    await store.create(key, A_RECORD, LONG_TTL, later());
    if (hasScan) assert.ok((await collectKeys(store)).includes(key));
  },

  async "clearExpired leaves live records"({ store, hasScan, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.create(newSessionKey(), A_RECORD, shortTtl, later());
    await expire();
    assert.ok((await store.clearExpired(later)) >= 0);
    await assertListed({ store, hasScan }, [key]);
  },

  async "clearExpired reports its progress: never less than before, and finally its result"({
    store,
    expire,
    shortTtl,
  }) {
    for (let count = 0; count < 3; count++) await store.create(newSessionKey(), A_RECORD, shortTtl, later());
    await expire();
    const counts: number[] = [];
    const cleared = await store.clearExpired(later, (progress) => counts.push(progress.cleared));
    assert.deepEqual(
      counts,
      counts.toSorted((left, right) => left - right),
    );
    // An engine that deletes by itself has nothing to report.
    assert.equal(counts.at(-1) ?? 0, cleared);
  },

  async "clearExpired ends with the error that onProgress throws"({ store, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.create(newSessionKey(), A_RECORD, shortTtl, later());
    await expire();
    const [stop, counts]: [Error, number[]] = [new Error("Stop."), []];
    const clearing = store.clearExpired(later, ({ cleared }) => {
      counts.push(cleared);
      throw stop;
    });
    const outcome: unknown = await clearing.catch((error: unknown) => error);
    assert.equal(outcome, counts.length === 0 ? 0 : stop);
    assert.ok(counts.length <= 1, `it went on for ${counts.length - 1} steps`);
    assert.equal(await store.read(key, later()), A_RECORD);
  },

  async "a deadline that has passed: every method fails as not sent, and nothing is written"({
    store,
    hasScan,
    key,
  }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    const fresh = newSessionKey();
    const passed = new Deadline(0);
    await assertNotSent(store.read(key, passed));
    await assertNotSent(store.create(fresh, A_RECORD, LONG_TTL, passed));
    await assertNotSent(store.commit(key, B_RECORD, A_ETAG, LONG_TTL, passed));
    await assertNotSent(store.touch(key, A_ETAG, LONG_TTL, passed));
    await assertNotSent(store.delete(key, passed));
    await assertNotSent(store.deleteIfMatch(key, A_ETAG, passed));
    await assertNotSent(store.ping(passed));
    if (hasScan) await assertNotSent(collectKeys(store, () => passed));
    assert.equal(await store.read(key, later()), A_RECORD);
    assert.equal(await store.read(fresh, later()), undefined);
  },
};
