import assert from "node:assert/strict";

import { assertMissing, type CacheContractTests, later, LONG_TTL, put, read, ttlOf } from "./support.ts";

/** Tests of `compareAndSet`. */
export const COMPARE_AND_SET: CacheContractTests = {
  async "compareAndSet replaces an entry that has the expected value"({ store, key }) {
    await put(store, key, "old");
    assert.equal(await store.compareAndSet(key, "old", { value: "new", ttl: LONG_TTL }, later()), true);
    assert.equal(await read(store, key), "new");
  },

  async "compareAndSet leaves an entry with any other value as it is"({ store, key, expire, shortTtl }) {
    for (const other of ["", "valu", "value2", "VALUE", " value"]) {
      await put(store, key, "value", shortTtl);
      assert.equal(await store.compareAndSet(key, other, { value: "new", ttl: null }, later()), false);
      assert.equal(await store.compareAndSet(key, other, undefined, later()), false);
      assert.equal(await read(store, key), "value");
    }
    await expire();
    assert.equal(await read(store, key), undefined);
  },

  async "compareAndSet with undefined deletes"({ store, key }) {
    await put(store, key, "old");
    assert.equal(await store.compareAndSet(key, "old", undefined, later()), true);
    await assertMissing(store, key);
  },

  async "compareAndSet of a missing or expired entry is false, and creates none"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const next = { value: "new", ttl: LONG_TTL };
    assert.equal(await store.compareAndSet(key, "", next, later()), false);
    await put(store, key, "old", shortTtl);
    await expire();
    assert.equal(await store.compareAndSet(key, "old", next, later()), false);
    assert.equal(await store.compareAndSet(key, "old", undefined, later()), false);
    await assertMissing(store, key);
  },

  async "compareAndSet sets the time to live"({ store, prefix, expire, shortTtl }) {
    const [short, never] = [`${prefix}short`, `${prefix}never`];
    await put(store, short, "old", null);
    await put(store, never, "old", shortTtl);
    await store.compareAndSet(short, "old", { value: "new", ttl: shortTtl }, later());
    await store.compareAndSet(never, "old", { value: "new", ttl: null }, later());
    await expire();
    assert.deepEqual(await store.getMany([short, never], later()), [undefined, "new"]);
    assert.equal(await ttlOf(store, never), null);
  },

  async "20 concurrent compareAndSet of one value: exactly one replaces it"({ store, key }) {
    await put(store, key, "old");
    const values = Array.from({ length: 20 }, (_, index) => `v${index}`);
    const results = await Promise.all(
      values.map((value) => store.compareAndSet(key, "old", { value, ttl: LONG_TTL }, later())),
    );
    const winners = values.filter((_, index) => results[index]);
    assert.deepEqual(winners, [await read(store, key)]);
  },
};
