import assert from "node:assert/strict";

import { type CacheContractTests, later, leaseOf, LONG_TTL, put, read, take, ttlOf } from "./support.ts";

const MOST = 2n ** 63n - 1n;

/** Tests of `incr`. */
export const COUNTERS: CacheContractTests = {
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
    const sums = results.map((result) =>
      result.status === "incremented" ? Number(result.value) : result.status,
    );
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

  async "incr of a value that is no integer in canonical digits changes nothing"({ store, key }) {
    const values = [
      "",
      "abc",
      "1.0",
      "1e3",
      '"1"',
      "null",
      "01",
      "+1",
      "-0",
      " 1",
      "1 ",
      "9223372036854775808",
    ];
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

  async "incr with a beginning stores it if there is no entry, with its time to live"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [short, long] = [`${prefix}short`, `${prefix}long`];
    const begun = { status: "incremented", value: 7n };
    assert.deepEqual(await store.incr(short, 5n, later(), { begin: { value: "7", ttl: shortTtl } }), begun);
    assert.deepEqual(await store.incr(long, 5n, later(), { begin: { value: "7", ttl: null } }), begun);
    assert.equal(await read(store, short), "7");
    assert.equal(await ttlOf(store, long), null);
    await expire();
    assert.deepEqual(await store.getMany([short, long], later()), [undefined, "7"]);
    assert.deepEqual(await store.incr(short, 5n, later(), { begin: { value: "1", ttl: LONG_TTL } }), {
      status: "incremented",
      value: 1n,
    });
  },

  async "incr with a beginning adds to an existing entry, and keeps its time to live"({ store, key }) {
    await put(store, key, "5", null);
    const begin = { value: "0", ttl: LONG_TTL };
    assert.deepEqual(await store.incr(key, 3n, later(), { begin }), { status: "incremented", value: 8n });
    assert.equal(await ttlOf(store, key), null);
    await put(store, key, "text");
    assert.deepEqual(await store.incr(key, 3n, later(), { begin }), { status: "not-integer" });
    assert.equal(await read(store, key), "text");
  },

  async "100 concurrent incr with a beginning: one begins, and together they are 100"({ store, key }) {
    const begin = { value: "1", ttl: LONG_TTL };
    const results = await Promise.all(
      Array.from({ length: 100 }, () => store.incr(key, 1n, later(), { begin })),
    );
    const sums = results.map((result) =>
      result.status === "incremented" ? Number(result.value) : result.status,
    );
    assert.deepEqual(new Set(sums), new Set(Array.from({ length: 100 }, (_, index) => index + 1)));
  },

  async "incr that begins an entry of a short life ends the lease on its key"({ store, key }) {
    assert.equal(await take(store, leaseOf(key, "loads")), "leased");
    await store.incr(key, 1n, later(), { begin: { value: "1", ttl: 1000 } });
    await store.deleteMany([key], later());
    assert.equal(await store.renew(leaseOf(key, "loads"), 1000, later()), false);
  },

  async "incr does not go below its lower bound, whatever is subtracted"({ store, key }) {
    const expectValue = async (delta: bigint, least: bigint, value: bigint): Promise<void> => {
      assert.deepEqual(await store.incr(key, delta, later(), { least }), { status: "incremented", value });
      assert.equal(await read(store, key), String(value));
    };
    await put(store, key, "2", null);
    await expectValue(-1n, 0n, 1n);
    await expectValue(-1n, 0n, 0n);
    await expectValue(-1n, 0n, 0n);
    await expectValue(-10n, -5n, -5n);
    await expectValue(1n, -5n, -4n);
    assert.equal(await ttlOf(store, key), null);
    await store.deleteMany([key], later());
    assert.deepEqual(await store.incr(key, -1n, later(), { least: 0n }), { status: "missing" });
    assert.equal(await read(store, key), undefined);
  },
};
