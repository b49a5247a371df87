import assert from "node:assert/strict";

import {
  type CacheContractTests,
  fill,
  later,
  leaseOf,
  LONG_TTL,
  put,
  read,
  take,
  ttlOf,
} from "./support.ts";

const STORED = { status: "stored" };

/** Answer of `fill` if the lease is gone or there is a newer value. */
const supersededBy = (value: string | undefined) => ({ status: "superseded", value });

/** Tests of `fill`. */
export const FILLS: CacheContractTests = {
  async "fill stores the loaded value, and ends the lease"({ store, key }) {
    const lease = leaseOf(key, "one");
    await take(store, lease);
    assert.deepEqual(await fill(store, lease, "loaded"), STORED);
    assert.equal(await read(store, key), "loaded");
    assert.equal(await take(store, leaseOf(key, "two", "loaded")), "leased");
    assert.deepEqual(await fill(store, lease, "again"), supersededBy("loaded"));
  },

  async "entries stored by fill expire, or not"({ store, prefix, expire, shortTtl }) {
    const [short, never] = [`${prefix}short`, `${prefix}never`];
    for (const [key, ttl] of [[short, shortTtl] as const, [never, null] as const]) {
      await take(store, leaseOf(key, "one"));
      await fill(store, leaseOf(key, "one"), "loaded", ttl);
    }
    await expire();
    assert.deepEqual(await store.getMany([short, never], later()), [undefined, "loaded"]);
    assert.equal(await ttlOf(store, never), null);
  },

  async "fill replaces the expected value, given whole or by its beginning, and its time to live"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    for (const seen of ["value", "val"]) {
      await put(store, key, "value", shortTtl);
      await take(store, leaseOf(key, "one", seen));
      assert.deepEqual(await fill(store, leaseOf(key, "one", seen), "loaded"), STORED);
      assert.equal(await read(store, key), "loaded");
    }
    await expire();
    assert.equal(await read(store, key), "loaded");
  },

  async "fill stores if the expected value has expired"({ store, key, expire, shortTtl }) {
    const lease = leaseOf(key, "one", "value");
    await put(store, key, "value", shortTtl);
    await take(store, lease);
    await expire();
    assert.deepEqual(await fill(store, lease, "loaded"), STORED);
  },

  async "fill without a lease is superseded, and stores nothing"({ store, key }) {
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), supersededBy(undefined));
    assert.equal(await read(store, key), undefined);
    await put(store, key, "value");
    assert.deepEqual(await fill(store, leaseOf(key, "one", "value"), "loaded"), supersededBy("value"));
    assert.equal(await read(store, key), "value");
  },

  async "fill with another caller's token is superseded, and the owner keeps the lease"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    assert.deepEqual(await fill(store, leaseOf(key, "two"), "stolen"), supersededBy(undefined));
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), STORED);
  },

  async "fill after another caller has taken the lease is superseded"({ store, key, expire, shortTtl }) {
    await take(store, leaseOf(key, "one"), shortTtl);
    await expire();
    await take(store, leaseOf(key, "two"));
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "late"), supersededBy(undefined));
    assert.deepEqual(await fill(store, leaseOf(key, "two"), "loaded"), STORED);
  },

  async "fill after a release is superseded"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await store.release(leaseOf(key, "one"), later());
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), supersededBy(undefined));
  },

  async "fill after a delete is superseded, whether or not a value was expected"({ store, key }) {
    for (const seen of [undefined, "value"]) {
      if (seen !== undefined) await put(store, key, seen);
      await take(store, leaseOf(key, "one", seen));
      await store.deleteMany([key], later());
      assert.deepEqual(await fill(store, leaseOf(key, "one", seen), "stale"), supersededBy(undefined));
      assert.equal(await read(store, key), undefined);
    }
  },

  async "fill after a delete is superseded, even if another caller loads meanwhile"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await store.deleteMany([key], later());
    await take(store, leaseOf(key, "two"));
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "stale"), supersededBy(undefined));
    assert.deepEqual(await fill(store, leaseOf(key, "two"), "loaded"), STORED);
  },

  async "fill after a set is superseded by the new value, whatever its time to live"({ store, prefix }) {
    for (const ttl of [LONG_TTL, 20_000, null]) {
      for (const seen of [undefined, "value"]) {
        const key = `${prefix}${String(ttl)}${String(seen)}`;
        if (seen !== undefined) await put(store, key, seen);
        await take(store, leaseOf(key, "one", seen));
        await put(store, key, "newer", ttl);
        assert.deepEqual(await fill(store, leaseOf(key, "one", seen), "stale"), supersededBy("newer"));
        assert.equal(await read(store, key), "newer");
      }
    }
  },

  async "fill after a set is superseded even if the new value has expired again"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [empty, seen] = [leaseOf(`${prefix}empty`, "one"), leaseOf(`${prefix}seen`, "one", "value")];
    await put(store, seen.key, "value");
    for (const lease of [empty, seen]) {
      await take(store, lease);
      await put(store, lease.key, "newer", shortTtl);
    }
    await expire();
    for (const lease of [empty, seen]) {
      assert.deepEqual(await fill(store, lease, "stale"), supersededBy(undefined));
      assert.equal(await read(store, lease.key), undefined);
    }
  },

  async "a fill that is superseded by a newer value ends the lease too"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await put(store, key, "newer");
    await fill(store, leaseOf(key, "one"), "stale");
    assert.equal(await take(store, leaseOf(key, "two", "newer")), "leased");
  },

  async "20 concurrent callers lease and fill: one value is stored, and the others are superseded"({
    store,
    key,
  }) {
    const loads = Array.from({ length: 20 }, async (_, index) => {
      const lease = leaseOf(key, `t${index}`);
      await take(store, lease);
      return fill(store, lease, `v${index}`);
    });
    const results = await Promise.all(loads);
    const stored = results.flatMap(({ status }, index) => (status === "stored" ? [`v${index}`] : []));
    assert.deepEqual(stored, [await read(store, key)]);
  },
};

/** Tests of `compareAndSet` with leases. */
export const COMPARE_AND_SET_AND_LEASES: CacheContractTests = {
  async "fill after a compareAndSet that deletes is superseded"({ store, key }) {
    const lease = leaseOf(key, "one", "value");
    await put(store, key, "value");
    await take(store, lease);
    assert.equal(await store.compareAndSet(key, "value", undefined, later()), true);
    assert.deepEqual(await fill(store, lease, "stale"), supersededBy(undefined));
  },

  async "fill after a compareAndSet is superseded by the new value, even if it has expired again"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const lease = leaseOf(key, "one", "value");
    await put(store, key, "value");
    await take(store, lease);
    assert.equal(await store.compareAndSet(key, "value", { value: "newer", ttl: shortTtl }, later()), true);
    assert.equal(await read(store, key), "newer");
    await expire();
    assert.deepEqual(await fill(store, lease, "stale"), supersededBy(undefined));
  },

  async "a compareAndSet that changes nothing ends no lease"({ store, key }) {
    const lease = leaseOf(key, "one", "value");
    await put(store, key, "value");
    await take(store, lease);
    assert.equal(await store.compareAndSet(key, "other", undefined, later()), false);
    assert.deepEqual(await fill(store, lease, "loaded"), STORED);
  },
};
