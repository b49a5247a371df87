import assert from "node:assert/strict";

import {
  assertMissing,
  type CacheContractTest,
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

/** What locks promise. */
export const LOCKS: Readonly<Record<string, CacheContractTest>> = {
  async "a lock is one caller's until it is released, and only by its token"({ store, key }) {
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(typeof (await store.acquireLock(key, "one", LONG_TTL, later())), "number");
    assert.equal(await store.acquireLock(key, "two", LONG_TTL, later()), undefined);
    assert.equal(await store.acquireLock(key, "one", LONG_TTL, later()), undefined);
    assert.equal(await store.lockHolder(key, later()), "one");
    for (const token of ["two", "on", "one ", ""]) assert.equal(await store.releaseLock(key, token, later()), false);
    assert.equal(await store.lockHolder(key, later()), "one");
    assert.equal(await store.releaseLock(key, "one", later()), true);
    assert.equal(await store.releaseLock(key, "one", later()), false);
    assert.equal(await store.lockHolder(key, later()), undefined);
    assert.equal(typeof (await store.acquireLock(key, "two", LONG_TTL, later())), "number");
  },

  async "a lock is free when its time is over, and neither extended nor released by its holder then"({
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

  async "extendLock sets the time that is left, to longer and to shorter, for the holder alone"({
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

  async "20 concurrent acquireLock: exactly one has it"({ store, key }) {
    const tokens = Array.from({ length: 20 }, (_, index) => `t${index}`);
    const fences = await Promise.all(tokens.map((token) => store.acquireLock(key, token, LONG_TTL, later())));
    const winners = tokens.filter((_, index) => fences[index] !== undefined);
    assert.deepEqual(winners, [await store.lockHolder(key, later())]);
  },

  async "the fencing token is a whole number that grows with each holder, also when a lock ended by its time"({
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

  async "locks are apart from each other, whatever text their keys are"({ store, prefix }) {
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

/** That locks and entries of the same key have nothing to do with each other. */
export const LOCKS_AND_ENTRIES: Readonly<Record<string, CacheContractTest>> = {
  async "a lock is no entry: every method finds nothing under its key, and leaves the lock"({ store, key }) {
    await store.acquireLock(key, "one", LONG_TTL, later());
    await assertMissing(store, key);
    assert.equal(await store.lockHolder(key, later()), "one");
  },

  async "an entry is no lock: it can be held while the entry is there, stored and deleted"({ store, key }) {
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

  async "neither scan nor clear comes upon locks"({ store, prefix }) {
    const keys = ["job", "a}b", "{x}"].map((end) => `${prefix}:1:${end}`);
    for (const key of keys) await store.acquireLock(key, "one", LONG_TTL, later());
    await put(store, `${prefix}:1:entry`, "value");
    assert.deepEqual(await collect(store.scan(prefix, later)), [`${prefix}:1:entry`]);
    assert.equal(await countCleared(store, prefix), 1);
    for (const key of keys) assert.equal(await store.lockHolder(key, later()), "one");
  },
};
