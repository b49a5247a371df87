import assert from "node:assert/strict";

import {
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

/** A lease that no test outlasts. */
const LONG_LEASE = 20_000;

/** What `lease`, `renew` and `release` promise. */
export const LEASES: Readonly<Record<string, CacheContractTest>> = {
  async "20 concurrent callers ask for a lease: exactly one gets it, the others hear that it is busy"({ store, key }) {
    const tokens = Array.from({ length: 20 }, (_, index) => `t${index}`);
    const answers = await Promise.all(tokens.map((token) => take(store, leaseOf(key, token))));
    assert.deepEqual(answers.toSorted(), [...Array.from({ length: 19 }, () => "busy"), "leased"]);
  },

  async "each key has a lease of its own"({ store, prefix }) {
    for (const key of [`${prefix}a`, `${prefix}b`, `${prefix}a:b`, `${prefix}{a}`, `${prefix}{a}b`]) {
      assert.equal(await take(store, leaseOf(key, key)), "leased", key);
    }
    assert.equal(await take(store, leaseOf(`${prefix}a`, `${prefix}b`)), "busy");
  },

  async "the one who has a lease keeps it for longer"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
    assert.equal(await take(store, leaseOf(key, "one")), "leased");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
  },

  async "renew lets the lease of its owner last longer, and nobody else's"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
    assert.equal(await store.renew(leaseOf(key, "two"), LONG_LEASE, later()), false);
    assert.equal(await store.renew(leaseOf(key, "one"), LONG_LEASE, later()), true);
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
  },

  async "renew does not take again a lease that a delete, a release or another caller has ended"(context) {
    const { store, key, expire, shortTtl } = context;
    const takeOver = async () => {
      await expire();
      assert.equal(await take(store, leaseOf(key, "two")), "leased");
    };
    const endings = [
      () => store.deleteMany([key], later()),
      () => store.release(leaseOf(key, "one"), later()),
      takeOver,
    ];
    for (const end of endings) {
      assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
      await end();
      assert.equal(await store.renew(leaseOf(key, "one"), LONG_LEASE, later()), false);
      assert.equal((await fill(store, leaseOf(key, "one"), "loaded")).status, "overruled");
    }
    assert.equal(await read(store, key), undefined);
  },

  async "renew ends a lease on a key that was written to, also when the value goes again"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await put(store, key, "newer");
    assert.equal(await store.renew(leaseOf(key, "one"), LONG_LEASE, later()), false);
    assert.equal(await store.compareAndSet(key, "newer", undefined, later()), true);
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), { status: "overruled", value: undefined });
  },

  async "renew keeps a lease on what was seen"({ store, key }) {
    await put(store, key, "seen and more");
    await take(store, leaseOf(key, "one", "seen"));
    assert.equal(await store.renew(leaseOf(key, "one", "seen"), LONG_LEASE, later()), true);
    assert.deepEqual(await fill(store, leaseOf(key, "one", "seen"), "loaded"), { status: "stored" });
  },

  async "a lease whose time is over stays its holder's until another caller takes it"(context) {
    const { store, key, expire, shortTtl } = context;
    await take(store, leaseOf(key, "one"), shortTtl);
    await expire();
    assert.equal(await store.renew(leaseOf(key, "one"), shortTtl, later()), true);
    await expire();
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), { status: "stored" });
  },

  async "a lease whose time is over is ended by a delete and by a newer value all the same"(context) {
    const { store, key, expire, shortTtl } = context;
    const writes = [() => store.deleteMany([key], later()), () => put(store, key, "newer")];
    for (const write of writes) {
      await take(store, leaseOf(key, "one"), shortTtl);
      await expire();
      await write();
      assert.equal((await fill(store, leaseOf(key, "one"), "loaded")).status, "overruled");
    }
    assert.equal(await read(store, key), "newer");
  },

  async "who waits hears of each load that ends without a value, and of no other"({ store, key }) {
    const wait = (token: string) => store.lease(leaseOf(key, token), LONG_LEASE, later());
    await take(store, leaseOf(key, "one"));
    assert.deepEqual(await wait("three"), { status: "busy", ended: 0 });
    await store.renew(leaseOf(key, "one"), LONG_LEASE, later());
    assert.deepEqual(await wait("three"), { status: "busy", ended: 0 });
    await store.release(leaseOf(key, "one"), later());
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
    assert.deepEqual(await wait("three"), { status: "busy", ended: 1 });
    await store.release(leaseOf(key, "two"), later());
    assert.equal(await take(store, leaseOf(key, "four")), "leased");
    assert.deepEqual(await wait("five"), { status: "busy", ended: 2 });
    await store.deleteMany([key], later());
    assert.equal(await take(store, leaseOf(key, "six")), "leased");
    assert.deepEqual(await wait("five"), { status: "busy", ended: 0 });
  },

  async "a load that ends without a value is forgotten where nobody waits"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await store.release(leaseOf(key, "one"), later());
    await take(store, leaseOf(key, "two"));
    assert.deepEqual(await store.lease(leaseOf(key, "three"), LONG_LEASE, later()), { status: "busy", ended: 0 });
  },

  async "a lease ends when its time is over"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a lease ends by release, which says whether it was held to the end"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    assert.equal(await store.release(leaseOf(key, "one"), later()), true);
    assert.equal(await store.release(leaseOf(key, "one"), later()), false);
    await take(store, leaseOf(key, "one"));
    await store.deleteMany([key], later());
    assert.equal(await store.release(leaseOf(key, "one"), later()), false);
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a release by somebody else ends nothing, nor does one of no lease"({ store, key }) {
    assert.equal(await store.release(leaseOf(key, "two"), later()), false);
    await take(store, leaseOf(key, "one"));
    assert.equal(await store.release(leaseOf(key, "two"), later()), false);
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), { status: "stored" });
  },

  async "a lease ends when its key is deleted, whether there is an entry or not"({ store, key }) {
    for (const seen of [undefined, "value"]) {
      if (seen !== undefined) await put(store, key, seen);
      await take(store, leaseOf(key, "one", seen));
      assert.equal(await store.deleteMany([key], later()), seen === undefined ? 0 : 1);
      assert.equal(await take(store, leaseOf(key, "two")), "leased");
      await store.release(leaseOf(key, "two"), later());
    }
  },

  async "where a value is, and nothing was seen, it is found"({ store, key }) {
    await put(store, key, "value");
    assert.deepEqual(await store.lease(leaseOf(key, "one"), 1000, later()), { status: "found", value: "value" });
  },

  async "another value than was seen is found"({ store, key }) {
    await put(store, key, "value");
    for (const seen of ["value2", "VALUE", "alue"]) {
      const found = await store.lease(leaseOf(key, "one", seen), 1000, later());
      assert.deepEqual(found, { status: "found", value: "value" }, seen);
    }
  },

  async "what was seen, whole or the beginning of it, is leased, to one"({ store, key }) {
    await put(store, key, "value");
    for (const seen of ["value", "val", ""]) {
      assert.equal(await take(store, leaseOf(key, "one", seen)), "leased");
      assert.equal(await take(store, leaseOf(key, "two", seen)), "busy");
      await store.release(leaseOf(key, "one"), later());
    }
    assert.equal(await read(store, key), "value");
  },

  async "what was seen and is gone is leased"({ store, key }) {
    assert.equal(await take(store, leaseOf(key, "one", "value")), "leased");
    assert.equal(await take(store, leaseOf(key, "two", "value")), "busy");
  },

  async "a caller who finds another value has no lease any more"({ store, key, expire, shortTtl }) {
    await take(store, leaseOf(key, "one"));
    await store.ensureMany([{ key, value: "value", ttl: shortTtl }], later());
    assert.equal(await take(store, leaseOf(key, "one")), "found");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a caller who finds a value ends nobody else's lease"({ store, key }) {
    await put(store, key, "value");
    await take(store, leaseOf(key, "one", "value"));
    assert.equal(await take(store, leaseOf(key, "two")), "found");
    assert.equal(await take(store, leaseOf(key, "three", "value")), "busy");
  },

  async "a lease is no entry: it is neither read, counted, nor in the way of a write"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    assert.equal(await read(store, key), undefined);
    assert.equal(await store.deleteMany([key], later()), 0);
    await take(store, leaseOf(key, "one"));
    assert.deepEqual(await store.setMany([{ key, value: "1", ttl: LONG_TTL }], "if-present", later()), [false]);
    assert.deepEqual(await store.setMany([{ key, value: "1", ttl: LONG_TTL }], "if-absent", later()), [true]);
  },
};

/** What is promised of leases where keys can be walked. */
export const LEASES_AND_NAMESPACES: Readonly<Record<string, CacheContractTest>> = {
  async "scan yields no lease, of entries that are there and of missing ones"({ store, prefix }) {
    const keys = [`${prefix}:1:there`, `${prefix}:1:{tag}there`];
    for (const key of keys) {
      await put(store, key, "value");
      await take(store, leaseOf(key, "one", "value"));
      await take(store, leaseOf(`${key}-not`, "one"));
    }
    assert.deepEqual((await collect(store.scan(prefix, later))).toSorted(), keys.toSorted());
  },

  async "clear ends the leases on its keys and on its missing ones, counts none, and ends no other"({ store, prefix }) {
    const own = [`${prefix}:1:there`, `${prefix}:1:none`, `${prefix}:1:{tag}none`, `${prefix}:-2:`];
    const foreign = [`${prefix}:session:none`, `${prefix}a:1:none`];
    await put(store, `${prefix}:1:there`, "value");
    for (const key of [...own, ...foreign]) {
      assert.equal(await take(store, leaseOf(key, "one", "value")), "leased");
    }
    assert.equal(await countCleared(store, prefix), 1);
    for (const key of own) {
      const overruled = { status: "overruled", value: undefined };
      assert.deepEqual(await fill(store, leaseOf(key, "one", "value"), "loaded"), overruled, key);
      assert.equal(await take(store, leaseOf(key, "two")), "leased", key);
    }
    for (const key of foreign) assert.equal(await take(store, leaseOf(key, "two")), "busy", key);
  },
};
