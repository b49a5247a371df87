import assert from "node:assert/strict";

import type { SetCondition } from "../../stores/cache-store.ts";
import {
  assertMissing,
  type CacheContractTests,
  collect,
  later,
  LONG_TTL,
  numbered,
  put,
  read,
} from "./support.ts";

/**
 * Tests of reading, storing and deleting one entry and many, and of any text as keys and values.
 */
export const ENTRIES: CacheContractTests = {
  async "every method finds nothing under an unknown key, and none creates it"({ store, key }) {
    await assertMissing(store, key);
  },

  async "get reads a value, and nothing but its own"({ store, key, prefix }) {
    await put(store, key, "value");
    assert.equal(await store.get(key, later()), "value");
    assert.equal(await store.get(`${prefix}none`, later()), undefined);
  },

  async "set replaces a value, stores a missing one, or leaves both, as its condition says"({
    store,
    key,
    prefix,
  }) {
    const other = `${prefix}other`;
    const set = (at: string, value: string, condition: SetCondition): Promise<boolean> =>
      store.set({ key: at, value, ttl: LONG_TTL }, condition, later());
    assert.equal(await set(key, "first", "if-absent"), true);
    assert.equal(await set(key, "second", "if-absent"), false);
    assert.equal(await read(store, key), "first");
    assert.equal(await set(key, "third", "if-present"), true);
    assert.equal(await set(other, "third", "if-present"), false);
    assert.equal(await set(key, "fourth", "always"), true);
    assert.deepEqual(await store.getMany([key, other], later()), ["fourth", undefined]);
  },

  async "setMany stores values that getMany returns, in the order of its keys"({ store, prefix }) {
    const entries = numbered(prefix, 3);
    assert.deepEqual(await store.setMany(entries, "always", later()), [true, true, true]);
    const keys = [`${prefix}2`, `${prefix}none`, `${prefix}0`, `${prefix}2`];
    assert.deepEqual(await store.getMany(keys, later()), ["v2", undefined, "v0", "v2"]);
  },

  async "calls without keys or entries return nothing"({ store }) {
    assert.deepEqual(await store.getMany([], later()), []);
    assert.deepEqual(await store.setMany([], "always", later()), []);
    assert.deepEqual(await store.ensureMany([], later()), []);
    assert.deepEqual(await store.touchMany([], LONG_TTL, later()), []);
    assert.deepEqual(await store.ttlMany([], later()), []);
    assert.deepEqual(await store.takeMany([], later()), []);
    assert.deepEqual(await store.touchHeadless([], LONG_TTL, later()), []);
    assert.equal(await store.deleteMany([], later()), 0);
  },

  async "1700 entries in one call are stored, read, touched, counted, deleted and taken"({ store, prefix }) {
    const entries = numbered(prefix, 1700);
    const keys = entries.map(({ key }) => key);
    const values = entries.map(({ value }) => value);
    assert.ok((await store.setMany(entries.slice(1), "always", later())).every(Boolean));
    const only = entries.slice(1).map(() => true);
    assert.deepEqual(await store.touchMany(keys, null, later()), [false, ...only]);
    assert.deepEqual(await store.ttlMany(keys, later()), [undefined, ...only.map(() => null)]);
    assert.deepEqual(await store.touchHeadless(keys, LONG_TTL, later()), [false, ...only]);
    assert.deepEqual(await store.touchMany(keys, LONG_TTL, later()), [false, ...only]);
    assert.deepEqual(
      await store.ensureMany(
        entries.map((entry, index) => (index === 0 ? entry : { ...entry, value: "other" })),
        later(),
      ),
      values,
    );
    assert.deepEqual(await store.getMany(keys, later()), values);
    assert.equal(await store.deleteMany(keys.slice(1), later()), 1699);
    assert.deepEqual(await store.getMany(keys.slice(0, 2), later()), ["v0", undefined]);
    await store.setMany(entries, "always", later());
    assert.deepEqual(await store.takeMany(keys, later()), values);
    assert.equal(await store.deleteMany(keys, later()), 0);
  },

  async "a second value replaces the first"({ store, key }) {
    await put(store, key, "first");
    await put(store, key, "second");
    assert.equal(await read(store, key), "second");
  },

  async "if-absent stores a missing entry, and leaves an existing one"({ store, key, prefix }) {
    await put(store, key, "mine");
    const entries = [
      { key, value: "theirs", ttl: LONG_TTL },
      { key: `${prefix}free`, value: "theirs", ttl: LONG_TTL },
    ];
    assert.deepEqual(await store.setMany(entries, "if-absent", later()), [false, true]);
    assert.deepEqual(await store.getMany([key, `${prefix}free`], later()), ["mine", "theirs"]);
  },

  async "if-present replaces an existing entry, and creates none"({ store, key, prefix }) {
    await put(store, key, "old");
    const entries = [
      { key, value: "new", ttl: LONG_TTL },
      { key: `${prefix}free`, value: "new", ttl: LONG_TTL },
    ];
    assert.deepEqual(await store.setMany(entries, "if-present", later()), [true, false]);
    assert.deepEqual(await store.getMany([key, `${prefix}free`], later()), ["new", undefined]);
  },

  async "deleteMany returns the number of entries, a repeated key being one"({ store, prefix }) {
    await store.setMany(numbered(prefix, 2), "always", later());
    const keys = [`${prefix}0`, `${prefix}1`, `${prefix}0`, `${prefix}none`];
    assert.equal(await store.deleteMany(keys, later()), 2);
    assert.equal(await store.deleteMany(keys, later()), 0);
    await assertMissing(store, `${prefix}0`);
  },

  async "20 concurrent setMany with if-absent: exactly one stores"({ store, key }) {
    const values = Array.from({ length: 20 }, (_, index) => `v${index}`);
    const results = await Promise.all(
      values.map((value) => store.setMany([{ key, value, ttl: LONG_TTL }], "if-absent", later())),
    );
    const winners = values.filter((_, index) => results[index]?.[0] === true);
    assert.deepEqual(winners, [await read(store, key)]);
  },

  async "a value is any text: empty, NUL, line ends, quotes, non-ASCII, 1 MB"({ store, key }) {
    for (const value of ["", "\0", `"'\\\r\n%s {} $1`, "Žofie \u{1F36A} ąć \u2028", "é".repeat(500_000)]) {
      await put(store, key, value);
      assert.ok((await read(store, key)) === value);
    }
  },

  async "a key is any text, and different keys are independent"({ store, prefix }) {
    const ends = [
      "",
      " ",
      "\n",
      "\0",
      "a*",
      "ab",
      "A*",
      "[a]",
      "{a}",
      "?",
      "\\",
      ":1:",
      "é",
      "e\u0301",
      "\u{1F36A}",
    ];
    const entries = ends.map((end, index) => ({ key: prefix + end, value: String(index), ttl: LONG_TTL }));
    await store.setMany(entries, "always", later());
    const keys = entries.map(({ key }) => key);
    const values = entries.map(({ value }) => value);
    assert.deepEqual(await store.getMany(keys, later()), values);
    for (const [index, key] of keys.entries()) assert.equal(await store.get(key, later()), values[index]);
    if (store.capabilities.scan) {
      assert.deepEqual((await collect(store.scan(prefix, later))).toSorted(), keys.toSorted());
    }
  },

  async "ping resolves, and the store has a name"({ store }) {
    await store.ping(later());
    assert.match(store.name, /^[a-z][a-z-]*$/);
  },

  async "the store can do what its capabilities say"({ store, prefix }) {
    const { capabilities } = store;
    assert.deepEqual(Object.keys(capabilities).toSorted(), [
      "atomicIncrement",
      "compareAndSet",
      "leases",
      "locks",
      "scan",
    ]);
    const [key, free] = [`${prefix}:1:there`, `${prefix}:1:free`];
    await put(store, key, "1");
    const done = {
      atomicIncrement: async () => (await store.incr(key, 1n, later())).status === "incremented",
      scan: async () => (await collect(store.scan(prefix, later))).length === 1,
      compareAndSet: () => store.compareAndSet(free, "none", undefined, later()).then((isDone) => !isDone),
      leases: async () =>
        (await store.lease({ key: free, token: "t", expected: undefined }, 1000, later())).status ===
        "leased",
      locks: async () => (await store.acquireLock(free, "t", 1000, later())) !== undefined,
    };
    for (const name of ["atomicIncrement", "scan", "compareAndSet", "leases", "locks"] as const) {
      assert.equal(typeof capabilities[name], "boolean");
      if (capabilities[name]) assert.ok(await done[name](), name);
    }
  },
};
