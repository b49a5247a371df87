import assert from "node:assert/strict";

import { type CacheContractTests, later, leaseOf, LONG_TTL, put, read, take, ttlOf } from "./support.ts";

/** Tests of `ensureMany`. */
export const ENSURE: CacheContractTests = {
  async "ensureMany stores missing values, and returns the values stored then, in order"({ store, prefix }) {
    const keys = [`${prefix}free`, `${prefix}taken`, `${prefix}also-free`];
    await put(store, `${prefix}taken`, "theirs");
    const entries = keys.map((key, index) => ({ key, value: `mine${index}`, ttl: LONG_TTL }));
    assert.deepEqual(await store.ensureMany(entries, later()), ["mine0", "theirs", "mine2"]);
    assert.deepEqual(await store.getMany(keys, later()), ["mine0", "theirs", "mine2"]);
  },

  async "entries stored by ensureMany expire, or not"({ store, prefix, expire, shortTtl }) {
    const [short, never] = [`${prefix}short`, `${prefix}never`];
    const entries = [
      { key: short, value: "a", ttl: shortTtl },
      { key: never, value: "b", ttl: null },
    ];
    await store.ensureMany(entries, later());
    await expire();
    assert.deepEqual(await store.getMany([short, never], later()), [undefined, "b"]);
    assert.equal(await ttlOf(store, never), null);
  },

  async "ensureMany: an existing entry lives at least as long as its new value would have"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [long, forever] = [`${prefix}long`, `${prefix}forever`];
    await put(store, long, "a", shortTtl);
    await put(store, forever, "b", shortTtl);
    const entries = [
      { key: long, value: "x", ttl: LONG_TTL },
      { key: forever, value: "x", ttl: null },
    ];
    assert.deepEqual(await store.ensureMany(entries, later()), ["a", "b"]);
    await expire();
    assert.deepEqual(await store.getMany([long, forever], later()), ["a", "b"]);
    assert.ok(Number(await ttlOf(store, long)) <= LONG_TTL);
    assert.equal(await ttlOf(store, forever), null);
  },

  async "ensureMany does not shorten a time to live"({ store, prefix, expire, shortTtl }) {
    const [long, forever] = [`${prefix}long`, `${prefix}forever`];
    await put(store, long, "a", LONG_TTL);
    await put(store, forever, "b", null);
    const entries = [long, forever].map((key) => ({ key, value: "x", ttl: shortTtl }));
    await store.ensureMany(entries, later());
    await expire();
    assert.deepEqual(await store.getMany([long, forever], later()), ["a", "b"]);
    assert.equal(await ttlOf(store, forever), null);
  },

  async "20 concurrent ensureMany: all get the value of one"({ store, key }) {
    const values = Array.from({ length: 20 }, (_, index) => `v${index}`);
    const answers = await Promise.all(
      values.map((value) => store.ensureMany([{ key, value, ttl: LONG_TTL }], later())),
    );
    const stored = await read(store, key);
    assert.ok(stored !== undefined && values.includes(stored));
    assert.deepEqual(
      answers,
      values.map(() => [stored]),
    );
  },
};

/** Tests of `ensureMany` with leases. */
export const ENSURE_AND_LEASES: CacheContractTests = {
  async "ensureMany does not end leases"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one")), "leased");
    await store.ensureMany([{ key, value: "value", ttl: shortTtl }], later());
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
  },
};
