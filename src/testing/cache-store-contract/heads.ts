import assert from "node:assert/strict";

import type { Milliseconds } from "../../core/clock.ts";
import type { CacheStore, EntryHead } from "../../stores/cache-store.ts";
import {
  assertMissing,
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

const HEAD = '~{"é":1}\n';
const VALUE = `${HEAD}the value, and\nmore of it`;

/** Tests of `touchHeadless` and `replaceHead`. */
export const HEADS: CacheContractTests = {
  async "touchHeadless sets the time to live of an entry without a head, to longer, shorter and none"(
    context,
  ) {
    const { store, prefix, expire, shortTtl } = context;
    for (const [index, value] of ["", "1", "a~\n", "~", "~ without a line end", "\n~\n"].entries()) {
      const [longer, shorter, never] = [`${prefix}l${index}`, `${prefix}s${index}`, `${prefix}n${index}`];
      await put(store, longer, value, shortTtl);
      await put(store, shorter, value, null);
      await put(store, never, value, shortTtl);
      assert.deepEqual(await store.touchHeadless([longer, `${prefix}none`], LONG_TTL, later()), [
        true,
        false,
      ]);
      assert.deepEqual(await store.touchHeadless([shorter], shortTtl, later()), [true]);
      assert.deepEqual(await store.touchHeadless([never, never], null, later()), [true, true]);
      await expire();
      assert.deepEqual(await store.getMany([longer, shorter, never], later()), [value, undefined, value]);
      assert.equal(await ttlOf(store, never), null);
    }
  },

  async "touchHeadless returns a head and the remaining time to live, and changes neither"({
    store,
    prefix,
  }) {
    const [ends, never, plain] = [`${prefix}ends`, `${prefix}never`, `${prefix}plain`];
    await put(store, ends, VALUE);
    await put(store, never, HEAD, null);
    await put(store, plain, "1");
    const [first, none, touched, second] = await store.touchHeadless(
      [ends, `${prefix}none`, plain, never],
      1,
      later(),
    );
    assert.deepEqual([none, touched], [false, true]);
    assert.deepEqual(second, { head: HEAD, ttl: null });
    const { head, ttl } = first as EntryHead;
    assert.equal(head, HEAD);
    assert.ok(ttl !== null && ttl > LONG_TTL / 2 && ttl <= LONG_TTL, `got ${String(ttl)}`);
    assert.deepEqual(await store.getMany([ends, never], later()), [VALUE, HEAD]);
    assert.ok(Number(await ttlOf(store, ends)) > LONG_TTL / 2);
  },

  async "replaceHead replaces the expected head, keeps the rest, and sets the time to live"(context) {
    const { store, prefix, expire, shortTtl } = context;
    const [longer, shorter, never] = [`${prefix}longer`, `${prefix}shorter`, `${prefix}never`];
    await put(store, longer, VALUE, shortTtl);
    await put(store, shorter, VALUE, null);
    await put(store, never, HEAD, shortTtl);
    for (const [key, ttl] of [
      [longer, LONG_TTL],
      [shorter, shortTtl],
      [never, null],
    ] as const) {
      assert.equal(await replace(store, key, ttl), true);
    }
    assert.equal(await read(store, shorter), "~{}\nthe value, and\nmore of it");
    await expire();
    const values = await store.getMany([longer, shorter, never], later());
    assert.deepEqual(values, ["~{}\nthe value, and\nmore of it", undefined, "~{}\n"]);
    assert.equal(await ttlOf(store, never), null);
  },

  async "replaceHead leaves an entry with another head as it is, and creates none"(context) {
    const { store, key, expire, shortTtl } = context;
    assert.equal(await replace(store, key, null), false);
    await assertMissing(store, key);
    for (const other of ["~{}\nvalue", `a${VALUE}`, HEAD.slice(0, -1), ""]) {
      await put(store, key, other);
      assert.equal(await replace(store, key, null), false);
      assert.equal(await read(store, key), other);
      assert.notEqual(await ttlOf(store, key), null);
    }
    await put(store, key, VALUE, shortTtl);
    await expire();
    assert.equal(await replace(store, key, null), false);
    await assertMissing(store, key);
  },

  async "20 concurrent replaceHead of one head: exactly one replaces it"({ store, key }) {
    await put(store, key, VALUE);
    const results = await Promise.all(Array.from({ length: 20 }, () => replace(store, key, LONG_TTL)));
    assert.equal(results.filter(Boolean).length, 1);
  },
};

/** Tests of `touchHeadless` and `replaceHead` with leases. */
export const HEADS_AND_LEASES: CacheContractTests = {
  async "neither touchHeadless nor replaceHead ends a lease"({ store, prefix, shortTtl }) {
    const [plain, headed] = [`${prefix}plain`, `${prefix}headed`];
    await put(store, plain, "1");
    await put(store, headed, VALUE);
    await take(store, leaseOf(plain, "one", "1"));
    await take(store, leaseOf(headed, "one", "~"));
    await store.touchHeadless([plain], shortTtl, later());
    assert.equal(await replace(store, headed, shortTtl), true);
    assert.deepEqual(await fill(store, leaseOf(plain, "one", "1"), "2"), { status: "stored" });
    assert.deepEqual(await fill(store, leaseOf(headed, "one", "~"), "2"), { status: "stored" });
  },
};

function replace(store: CacheStore, key: string, ttl: Milliseconds | null): Promise<boolean> {
  return store.replaceHead(key, HEAD, { value: "~{}\n", ttl }, later());
}
