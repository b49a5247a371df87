import assert from "node:assert/strict";

import {
  assertMissing,
  type CacheContractTests,
  fill,
  later,
  leaseOf,
  numbered,
  put,
  take,
} from "./support.ts";

/** Tests of `takeMany`. */
export const TAKES: CacheContractTests = {
  async "takeMany returns entries, in the order of the keys, and deletes them"({ store, prefix }) {
    await store.setMany(numbered(prefix, 3), "always", later());
    const keys = [`${prefix}2`, `${prefix}none`, `${prefix}0`];
    assert.deepEqual(await store.takeMany(keys, later()), ["v2", undefined, "v0"]);
    assert.deepEqual(await store.takeMany(keys, later()), [undefined, undefined, undefined]);
    assert.deepEqual(await store.getMany([`${prefix}0`, `${prefix}1`], later()), [undefined, "v1"]);
    await assertMissing(store, `${prefix}2`);
  },

  async "takeMany of an expired entry returns nothing"({ store, key, expire, shortTtl }) {
    await put(store, key, "value", shortTtl);
    await expire();
    assert.deepEqual(await store.takeMany([key], later()), [undefined]);
    await assertMissing(store, key);
  },

  async "20 concurrent takeMany of one entry: exactly one gets it"({ store, key }) {
    await put(store, key, "value");
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.takeMany([key], later())));
    assert.deepEqual(
      taken.flat().filter((value) => value !== undefined),
      ["value"],
    );
  },

  async "a repeated key is taken once"({ store, key }) {
    await put(store, key, "value");
    const taken = await store.takeMany([key, key], later());
    assert.deepEqual(
      taken.filter((value) => value !== undefined),
      ["value"],
    );
  },
};

/** Tests of `takeMany` with leases. */
export const TAKES_AND_LEASES: CacheContractTests = {
  async "takeMany ends the leases on its keys, even without an entry"({ store, prefix }) {
    const [there, missing] = [`${prefix}there`, `${prefix}missing`];
    await put(store, there, "old");
    await take(store, leaseOf(there, "one", "old"));
    await take(store, leaseOf(missing, "one"));
    assert.deepEqual(await store.takeMany([there, missing], later()), ["old", undefined]);
    for (const key of [there, missing]) {
      assert.deepEqual(await fill(store, leaseOf(key, "one", "old"), "loaded"), {
        status: "superseded",
        value: undefined,
      });
      assert.equal(await take(store, leaseOf(key, "two")), "leased");
    }
  },
};
