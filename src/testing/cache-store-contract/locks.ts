import assert from "node:assert/strict";

import {
  assertMissing,
  type CacheContractTests,
  collect,
  countCleared,
  fill,
  later,
  leaseOf,
  LONG_TTL,
  put,
  read,
  take,
} from "./support.ts";

/** Tests of locks. */
export const LOCKS: CacheContractTests = {
  async "a lock is one caller's until it is released, and only by its token"({ store, key }) {
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(typeof (await store.acquireLock(key, "one", LONG_TTL, later())), "number");
    assert.equal(await store.acquireLock(key, "two", LONG_TTL, later()), undefined);
    assert.equal(await store.acquireLock(key, "one", LONG_TTL, later()), undefined);
    assert.equal(await store.lockHolder(key, later()), "one");
    for (const token of ["two", "on", "one ", ""])
      assert.equal(await store.releaseLock(key, token, later()), false);
    assert.equal(await store.lockHolder(key, later()), "one");
    assert.equal(await store.releaseLock(key, "one", later()), true);
    assert.equal(await store.releaseLock(key, "one", later()), false);
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(typeof (await store.acquireLock(key, "two", LONG_TTL, later())), "number");
  },

  async "an expired lock is free, and its holder can neither extend nor release it"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    await store.acquireLock(key, "one", shortTtl, later());
    await expire();
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(await store.extendLock(key, "one", LONG_TTL, later()), false);
    assert.equal(await store.releaseLock(key, "one", later()), false);
    assert.equal(typeof (await store.acquireLock(key, "two", LONG_TTL, later())), "number");
    assert.equal(await store.releaseLock(key, "one", later()), false);
    assert.equal(await store.lockHolder(key, later()), "two");
  },

  async "extendLock lengthens or shortens the remaining time, for the holder only"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [longer, shorter, foreign] = [`${prefix}longer`, `${prefix}shorter`, `${prefix}foreign`];
    await store.acquireLock(longer, "one", shortTtl, later());
    await store.acquireLock(shorter, "one", LONG_TTL, later());
    await store.acquireLock(foreign, "one", shortTtl, later());
    assert.equal(await store.extendLock(longer, "one", LONG_TTL, later()), true);
    assert.equal(await store.extendLock(shorter, "one", shortTtl, later()), true);
    assert.equal(await store.extendLock(foreign, "two", LONG_TTL, later()), false);
    assert.equal(await store.extendLock(`${prefix}free`, "one", LONG_TTL, later()), false);
    await expire();
    assert.equal(await store.lockHolder(longer, later()), "one");
    assert.equal(await store.lockHolder(shorter, later()), undefined);
    assert.equal(await store.lockHolder(foreign, later()), undefined);
    assert.equal(await store.lockHolder(`${prefix}free`, later()), undefined);
  },

  async "20 concurrent acquireLock: exactly one gets it"({ store, key }) {
    const tokens = Array.from({ length: 20 }, (_, index) => `t${index}`);
    const fences = await Promise.all(tokens.map((token) => store.acquireLock(key, token, LONG_TTL, later())));
    const winners = tokens.filter((_, index) => fences[index] !== undefined);
    assert.deepEqual(winners, [await store.lockHolder(key, later())]);
  },

  async "the fencing token is a whole number that grows with each holder, even if a lock has expired"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const fences: number[] = [];
    const acquire = async (ttl: number): Promise<void> => {
      fences.push((await store.acquireLock(key, "t", ttl, later())) ?? Number.NaN);
    };
    for (let holder = 0; holder < 30; holder++) {
      await acquire(LONG_TTL);
      await store.releaseLock(key, "t", later());
    }
    await acquire(shortTtl);
    await expire();
    await acquire(LONG_TTL);
    assert.ok(
      fences.every((fence) => Number.isSafeInteger(fence) && fence > 0),
      String(fences),
    );
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((one, other) => one - other),
    );
  },

  async "locks are independent of each other, whatever text their keys are"({ store, prefix }) {
    const keys = ["", " ", "a*", "{a}", "a}b", "a{b", "{}", "\0", "é", "\u{1F36A}", ":lock", "lock"].map(
      (end) => prefix + end,
    );
    for (const [index, key] of keys.entries()) {
      assert.equal(
        typeof (await store.acquireLock(key, `t${index}`, LONG_TTL, later())),
        "number",
        JSON.stringify(key),
      );
    }
    for (const [index, key] of keys.entries()) {
      assert.equal(await store.extendLock(key, `t${index}`, LONG_TTL, later()), true);
      assert.equal(await store.releaseLock(key, `t${index}`, later()), true, JSON.stringify(key));
    }
  },
};

/** Tests that locks and entries of the same key are independent. */
export const LOCKS_AND_ENTRIES: CacheContractTests = {
  async "a lock is not an entry: every method finds nothing under its key, and leaves the lock"({
    store,
    key,
  }) {
    await store.acquireLock(key, "one", LONG_TTL, later());
    await assertMissing(store, key);
    assert.equal(await store.lockHolder(key, later()), "one");
  },

  async "an entry is not a lock: the lock can be held while the entry exists, is stored and deleted"({
    store,
    key,
  }) {
    await put(store, key, "value");
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(typeof (await store.acquireLock(key, "one", LONG_TTL, later())), "number");
    await put(store, key, "other", 1000);
    await store.compareAndSet(key, "other", undefined, later());
    await store.incr(key, 1n, later(), { begin: { value: "1", ttl: 1000 } });
    await store.deleteMany([key], later());
    await take(store, leaseOf(key, "loads"));
    await fill(store, leaseOf(key, "loads"), "loaded");
    await store.ensureMany([{ key, value: "ensured", ttl: null }], later());
    assert.equal(await read(store, key), "loaded");
    assert.equal(await store.lockHolder(key, later()), "one");
    assert.equal(await store.releaseLock(key, "one", later()), true);
    assert.equal(await read(store, key), "loaded");
  },

  async "neither scan nor clear includes locks"({ store, prefix }) {
    const keys = ["job", "a}b", "{x}"].map((end) => `${prefix}:1:${end}`);
    for (const key of keys) await store.acquireLock(key, "one", LONG_TTL, later());
    await put(store, `${prefix}:1:entry`, "value");
    assert.deepEqual(await collect(store.scan(prefix, later)), [`${prefix}:1:entry`]);
    assert.equal(await countCleared(store, prefix), 1);
    for (const key of keys) assert.equal(await store.lockHolder(key, later()), "one");
  },
};
