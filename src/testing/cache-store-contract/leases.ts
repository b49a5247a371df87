import assert from "node:assert/strict";

import {
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

/** Time of a lease that outlasts every test. */
const LONG_LEASE = 20_000;

/** Tests of `lease`, `renew` and `release`. */
export const LEASES: CacheContractTests = {
  async "20 concurrent callers ask for a lease: exactly one gets it, for the others it is busy"({
    store,
    key,
  }) {
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

  async "the holder of a lease can extend it"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
    assert.equal(await take(store, leaseOf(key, "one")), "leased");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
  },

  async "renew extends the lease of its owner only"({ store, key, expire, shortTtl }) {
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
      assert.equal((await fill(store, leaseOf(key, "one"), "loaded")).status, "superseded");
    }
    assert.equal(await read(store, key), undefined);
  },

  async "renew ends a lease on a key that was written to, even if the value is gone again"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await put(store, key, "newer");
    assert.equal(await store.renew(leaseOf(key, "one"), LONG_LEASE, later()), false);
    assert.equal(await store.compareAndSet(key, "newer", undefined, later()), true);
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), {
      status: "superseded",
      value: undefined,
    });
  },

  async "renew keeps a lease on an unchanged value"({ store, key }) {
    await put(store, key, "seen and more");
    await take(store, leaseOf(key, "one", "seen"));
    assert.equal(await store.renew(leaseOf(key, "one", "seen"), LONG_LEASE, later()), true);
    assert.deepEqual(await fill(store, leaseOf(key, "one", "seen"), "loaded"), { status: "stored" });
  },

  async "an expired lease stays its holder's until another caller takes it"(context) {
    const { store, key, expire, shortTtl } = context;
    await take(store, leaseOf(key, "one"), shortTtl);
    await expire();
    assert.equal(await store.renew(leaseOf(key, "one"), shortTtl, later()), true);
    await expire();
    assert.deepEqual(await fill(store, leaseOf(key, "one"), "loaded"), { status: "stored" });
  },

  async "an expired lease is still ended by a delete and by a newer value"(context) {
    const { store, key, expire, shortTtl } = context;
    const writes = [() => store.deleteMany([key], later()), () => put(store, key, "newer")];
    for (const write of writes) {
      await take(store, leaseOf(key, "one"), shortTtl);
      await expire();
      await write();
      assert.equal((await fill(store, leaseOf(key, "one"), "loaded")).status, "superseded");
    }
    assert.equal(await read(store, key), "newer");
  },

  async "waiting callers learn of each load that ends without a value, and of no other"({ store, key }) {
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

  async "a load that ends without a value is forgotten if no caller waits"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    await store.release(leaseOf(key, "one"), later());
    await take(store, leaseOf(key, "two"));
    assert.deepEqual(await store.lease(leaseOf(key, "three"), LONG_LEASE, later()), {
      status: "busy",
      ended: 0,
    });
  },

  async "a lease ends when it expires"({ store, key, expire, shortTtl }) {
    assert.equal(await take(store, leaseOf(key, "one"), shortTtl), "leased");
    assert.equal(await take(store, leaseOf(key, "two")), "busy");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a lease ends by release, which returns whether it was held until then"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    assert.equal(await store.release(leaseOf(key, "one"), later()), true);
    assert.equal(await store.release(leaseOf(key, "one"), later()), false);
    await take(store, leaseOf(key, "one"));
    await store.deleteMany([key], later());
    assert.equal(await store.release(leaseOf(key, "one"), later()), false);
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a release by another caller or without a lease ends nothing"({ store, key }) {
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

  async "a value is found if none was expected"({ store, key }) {
    await put(store, key, "value");
    assert.deepEqual(await store.lease(leaseOf(key, "one"), 1000, later()), {
      status: "found",
      value: "value",
    });
  },

  async "a value other than the expected one is found"({ store, key }) {
    await put(store, key, "value");
    for (const seen of ["value2", "VALUE", "alue"]) {
      const found = await store.lease(leaseOf(key, "one", seen), 1000, later());
      assert.deepEqual(found, { status: "found", value: "value" }, seen);
    }
  },

  async "the expected value, given whole or by its beginning, is leased to one caller"({ store, key }) {
    await put(store, key, "value");
    for (const seen of ["value", "val", ""]) {
      assert.equal(await take(store, leaseOf(key, "one", seen)), "leased");
      assert.equal(await take(store, leaseOf(key, "two", seen)), "busy");
      await store.release(leaseOf(key, "one"), later());
    }
    assert.equal(await read(store, key), "value");
  },

  async "an expected value that is gone is leased"({ store, key }) {
    assert.equal(await take(store, leaseOf(key, "one", "value")), "leased");
    assert.equal(await take(store, leaseOf(key, "two", "value")), "busy");
  },

  async "a caller that finds another value loses its lease"({ store, key, expire, shortTtl }) {
    await take(store, leaseOf(key, "one"));
    await store.ensureMany([{ key, value: "value", ttl: shortTtl }], later());
    assert.equal(await take(store, leaseOf(key, "one")), "found");
    await expire();
    assert.equal(await take(store, leaseOf(key, "two")), "leased");
  },

  async "a caller that finds a value does not end another caller's lease"({ store, key }) {
    await put(store, key, "value");
    await take(store, leaseOf(key, "one", "value"));
    assert.equal(await take(store, leaseOf(key, "two")), "found");
    assert.equal(await take(store, leaseOf(key, "three", "value")), "busy");
  },

  async "a lease is not an entry: it is neither read nor counted, and blocks no write"({ store, key }) {
    await take(store, leaseOf(key, "one"));
    assert.equal(await read(store, key), undefined);
    assert.equal(await store.deleteMany([key], later()), 0);
    await take(store, leaseOf(key, "one"));
    const entry = { key, value: "1", ttl: LONG_TTL };
    assert.deepEqual(await store.setMany([entry], "if-present", later()), [false]);
    assert.equal(await store.set(entry, "if-present", later()), false);
    assert.equal(await store.set(entry, "if-absent", later()), true);
  },
};

/** Tests of leases in stores whose keys can be walked. */
export const LEASES_AND_NAMESPACES: CacheContractTests = {
  async "scan yields no lease, whether on existing or on missing entries"({ store, prefix }) {
    const keys = [`${prefix}:1:there`, `${prefix}:1:{tag}there`];
    for (const key of keys) {
      await put(store, key, "value");
      await take(store, leaseOf(key, "one", "value"));
      await take(store, leaseOf(`${key}-not`, "one"));
    }
    assert.deepEqual((await collect(store.scan(prefix, later))).toSorted(), keys.toSorted());
  },

  async "clear ends the leases on its keys and on its missing ones, counts none, and ends no other"({
    store,
    prefix,
  }) {
    const own = [`${prefix}:1:there`, `${prefix}:1:none`, `${prefix}:1:{tag}none`, `${prefix}:-2:`];
    const foreign = [`${prefix}:session:none`, `${prefix}a:1:none`];
    await put(store, `${prefix}:1:there`, "value");
    for (const key of [...own, ...foreign]) {
      assert.equal(await take(store, leaseOf(key, "one", "value")), "leased");
    }
    assert.equal(await countCleared(store, prefix), 1);
    for (const key of own) {
      const superseded = { status: "superseded", value: undefined };
      assert.deepEqual(await fill(store, leaseOf(key, "one", "value"), "loaded"), superseded, key);
      assert.equal(await take(store, leaseOf(key, "two")), "leased", key);
    }
    for (const key of foreign) assert.equal(await take(store, leaseOf(key, "two")), "busy", key);
  },
};
