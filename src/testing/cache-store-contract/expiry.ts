import assert from "node:assert/strict";

import { Deadline } from "../../core/deadlines.ts";
import type { CacheStore, Lease } from "../../stores/cache-store.ts";
import {
  assertMissing,
  assertNotSent,
  type CacheContractTests,
  collect,
  later,
  leaseOf,
  LONG_TTL,
  numbered,
  put,
  read,
  take,
  touch,
  ttlOf,
} from "./support.ts";

/** Tests of times to live and deadlines. */
export const EXPIRY: CacheContractTests = {
  async "ttlMany returns the remaining time, in milliseconds"({ store, key }) {
    await put(store, key, "value", 60_000.5);
    const left = await ttlOf(store, key);
    assert.ok(typeof left === "number" && left > 30_000 && left <= 60_001, `got ${String(left)}`);
  },

  async "ttlMany is never less than 1, however little is left"({ store, key }) {
    for (const ttl of [0.25, 1, 2, 3]) {
      await put(store, key, "value", ttl);
      for (let call = 0; call < 50; call++) {
        const left = await ttlOf(store, key);
        if (left === undefined) break;
        assert.ok(typeof left === "number" && left >= 1 && left <= 4, `got ${String(left)}`);
      }
    }
  },

  async "a time to live of null is no expiry"({ store, key, expire }) {
    await put(store, key, "value", null);
    await expire();
    assert.equal(await ttlOf(store, key), null);
    assert.equal(await read(store, key), "value");
  },

  async "an expired entry looks like an unknown one to every method"({ store, key, expire, shortTtl }) {
    await put(store, key, "1", shortTtl);
    await expire();
    await assertMissing(store, key);
  },

  async "an expired entry is not scanned, and makes room for if-absent"({
    store,
    key,
    prefix,
    expire,
    shortTtl,
  }) {
    await put(store, key, "old", shortTtl);
    await expire();
    if (store.capabilities.scan) assert.deepEqual(await collect(store.scan(prefix, later)), []);
    assert.equal(await store.set({ key, value: "new", ttl: LONG_TTL }, "if-absent", later()), true);
    assert.equal(await read(store, key), "new");
  },

  async "each entry of a call has its own time to live, which replaces the one before"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [short, long, never] = [`${prefix}short`, `${prefix}long`, `${prefix}never`];
    await put(store, short, "old", null);
    await put(store, long, "old", shortTtl);
    await put(store, never, "old", shortTtl);
    const entries = [
      { key: short, value: "new", ttl: shortTtl },
      { key: long, value: "new", ttl: LONG_TTL },
      { key: never, value: "new", ttl: null },
    ];
    await store.setMany(entries, "always", later());
    await expire();
    assert.deepEqual(await store.getMany([short, long, never], later()), [undefined, "new", "new"]);
    assert.equal(await ttlOf(store, never), null);
  },

  async "a write that its condition prevents leaves the time to live as it is"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    await put(store, key, "value", shortTtl);
    await store.set({ key, value: "other", ttl: LONG_TTL }, "if-absent", later());
    await store.setMany([{ key, value: "other", ttl: LONG_TTL }], "if-absent", later());
    await expire();
    assert.equal(await read(store, key), undefined);
  },

  async "touchMany lengthens or shortens the time to live, and leaves the value"({
    store,
    prefix,
    expire,
    shortTtl,
  }) {
    const [longer, shorter] = [`${prefix}longer`, `${prefix}shorter`];
    await put(store, longer, "a", shortTtl);
    await put(store, shorter, "b", null);
    assert.equal(await touch(store, longer, LONG_TTL), true);
    assert.equal(await touch(store, shorter, shortTtl), true);
    assert.equal(await read(store, shorter), "b");
    await expire();
    assert.equal(await read(store, longer), "a");
    assert.equal(await read(store, shorter), undefined);
  },

  async "touchMany with null removes the expiry, and is true for an entry without one"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    await put(store, key, "value", shortTtl);
    assert.equal(await touch(store, key, null), true);
    assert.equal(await touch(store, key, null), true);
    await expire();
    assert.equal(await read(store, key), "value");
    assert.equal(await ttlOf(store, key), null);
  },

  async "a time to live of 1 ms, or of less, is accepted and expires"({ store, key, expire }) {
    await put(store, key, "value", 0.25);
    await expire();
    await assertMissing(store, key);
  },

  async "a deadline that has passed: every method fails as not sent, and nothing is written"({
    store,
    key,
    prefix,
  }) {
    await put(store, key, "1");
    const passed = new Deadline(0);
    await assertNotSent(store.get(key, passed));
    await assertNotSent(store.getMany([key], passed));
    await assertNotSent(store.getMany([key, key], passed));
    await assertNotSent(store.set({ key, value: "2", ttl: null }, "always", passed));
    await assertNotSent(store.setMany(numbered(prefix, 2), "always", passed));
    await assertNotSent(store.deleteMany([key], passed));
    await assertNotSent(store.takeMany([key], passed));
    await assertNotSent(store.ensureMany(numbered(prefix, 2), passed));
    await assertNotSent(store.touchMany([key], 1, passed));
    await assertNotSent(store.touchMany([key], null, passed));
    await assertNotSent(store.touchHeadless([key], 1, passed));
    await assertNotSent(store.replaceHead(key, "1", { value: "2", ttl: null }, passed));
    await assertNotSent(store.ttlMany([key], passed));
    await assertNotSent(store.incr(key, 1n, passed));
    await assertNotSent(store.incr(`${prefix}0`, 1n, passed, { begin: { value: "1", ttl: null } }));
    await assertNotSent(store.ping(passed));
    if (store.capabilities.compareAndSet) {
      await assertNotSent(store.compareAndSet(key, "1", undefined, passed));
      await assertNotSent(store.compareAndSet(key, "1", { value: "2", ttl: null }, passed));
    }
    if (store.capabilities.leases) await assertLeasesNotSent(store, leaseOf(`${prefix}0`, "one"), passed);
    if (store.capabilities.locks) await assertLocksNotSent(store, `${prefix}lock`, passed);
    if (store.capabilities.scan) await assertNotSent(collect(store.scan(prefix, () => passed)));
    if (store.capabilities.scan) await assertNotSent(collect(store.clear(prefix, () => passed)));
    assert.deepEqual(await store.getMany([key, `${prefix}0`], later()), ["1", undefined]);
  },
};

async function assertLocksNotSent(store: CacheStore, key: string, passed: Deadline): Promise<void> {
  await assertNotSent(store.acquireLock(key, "late", 60_000, passed));
  await store.acquireLock(key, "one", 60_000, later());
  await assertNotSent(store.extendLock(key, "one", 1, passed));
  await assertNotSent(store.releaseLock(key, "one", passed));
  await assertNotSent(store.lockHolder(key, passed));
  assert.equal(await store.lockHolder(key, later()), "one");
}

async function assertLeasesNotSent(store: CacheStore, lease: Lease, passed: Deadline): Promise<void> {
  await assertNotSent(store.lease(lease, 1000, passed));
  assert.equal(await take(store, lease), "leased");
  await assertNotSent(store.release(lease, passed));
  await assertNotSent(store.fill(lease, { value: "late", ttl: null }, passed));
  assert.equal(await take(store, { ...lease, token: "two" }), "busy");
}
