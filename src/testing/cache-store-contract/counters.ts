import assert from "node:assert/strict";

import { type CacheContractTest, later, put, read, ttlOf } from "./support.ts";

const MOST = 2n ** 63n - 1n;

/** What `incr` promises. */
export const COUNTERS: Readonly<Record<string, CacheContractTest>> = {
  async "incr adds to an integer, up and down, through zero"({ store, key }) {
    await put(store, key, "5");
    assert.deepEqual(await store.incr(key, 3n, later()), { status: "incremented", value: 8n });
    assert.deepEqual(await store.incr(key, -8n, later()), { status: "incremented", value: 0n });
    assert.deepEqual(await store.incr(key, -2n, later()), { status: "incremented", value: -2n });
    assert.deepEqual(await store.incr(key, 0n, later()), { status: "incremented", value: -2n });
    assert.equal(await read(store, key), "-2");
  },

  async "100 concurrent incr: each sees another sum, and together they are 100"({ store, key }) {
    await put(store, key, "0");
    const results = await Promise.all(Array.from({ length: 100 }, () => store.incr(key, 1n, later())));
    const sums = results.map((result) => (result.status === "incremented" ? Number(result.value) : result.status));
    assert.deepEqual(new Set(sums), new Set(Array.from({ length: 100 }, (_, index) => index + 1)));
    assert.equal(await read(store, key), "100");
  },

  async "incr keeps the time to live"({ store, key, expire, shortTtl }) {
    await put(store, key, "5", shortTtl);
    await store.incr(key, 1n, later());
    await expire();
    assert.equal(await read(store, key), undefined);
  },

  async "incr keeps an entry without expiry as it is"({ store, key }) {
    await put(store, key, "5", null);
    await store.incr(key, 1n, later());
    assert.equal(await ttlOf(store, key), null);
  },

  async "incr of what is no integer in canonical digits changes nothing"({ store, key }) {
    const values = ["", "abc", "1.0", "1e3", '"1"', "null", "01", "+1", "-0", " 1", "1 ", "9223372036854775808"];
    for (const value of values) {
      await put(store, key, value);
      assert.deepEqual(await store.incr(key, 1n, later()), { status: "not-integer" }, JSON.stringify(value));
      assert.equal(await read(store, key), value);
    }
  },

  async "incr is exact over all of 64 bits, and does not leave them"({ store, key }) {
    await put(store, key, String(MOST - 1n));
    assert.deepEqual(await store.incr(key, 1n, later()), { status: "incremented", value: MOST });
    assert.deepEqual(await store.incr(key, 1n, later()), { status: "not-integer" });
    assert.deepEqual(await store.incr(key, -MOST - 1n, later()), { status: "incremented", value: -1n });
    assert.deepEqual(await store.incr(key, -MOST, later()), { status: "incremented", value: -MOST - 1n });
    assert.deepEqual(await store.incr(key, -1n, later()), { status: "not-integer" });
    assert.equal(await read(store, key), String(-MOST - 1n));
  },
};
