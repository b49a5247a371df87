import assert from "node:assert/strict";

import type { CacheStore } from "../../stores/cache-store.ts";
import {
  type CacheContractContext,
  type CacheContractTests,
  fill,
  later,
  LONG_TTL,
  read,
} from "./support.ts";

const TEXT = "Žofie \u{1F36A} \0";

/**
 * Every byte, mostly invalid as UTF-8, in the middle of a larger buffer that is not a `Buffer` of
 * Node.
 */
const ALL_BYTES = new Uint8Array(300).map((_, index) => index - 20).subarray(20, 276);

/** Tests of values as text and as bytes. */
export const VALUES: CacheContractTests = {
  async "a value may be written as text or as the bytes of its UTF-8, and is read in one form"(context) {
    const { store, key } = context;
    for (const value of [TEXT, Buffer.from(TEXT), new Uint8Array(Buffer.from(TEXT))]) {
      await store.deleteMany([key], later());
      await store.setMany([{ key, value, ttl: LONG_TTL }], "if-absent", later());
      assert.equal(await read(store, key), TEXT);
      assert.deepEqual(await store.ensureMany([{ key, value: "other", ttl: LONG_TTL }], later()), [TEXT]);
      await store.deleteMany([key], later());
      assert.deepEqual(await store.ensureMany([{ key, value, ttl: LONG_TTL }], later()), [TEXT]);
    }
  },

  async "incr counts digits that were written as bytes, and the result is read in one form"({ store, key }) {
    await store.setMany([{ key, value: Buffer.from("41"), ttl: LONG_TTL }], "always", later());
    assert.deepEqual(await store.incr(key, 1n, later()), { status: "incremented", value: 42n });
    assert.equal(await read(store, key), "42");
  },
};

/** Tests of the values given to `compareAndSet`. */
export const COMPARED_VALUES: CacheContractTests = {
  async "compareAndSet takes text and bytes"({ store, key }) {
    await store.setMany([{ key, value: TEXT, ttl: LONG_TTL }], "always", later());
    const next = { value: Buffer.from("next"), ttl: LONG_TTL };
    assert.equal(await store.compareAndSet(key, new Uint8Array(Buffer.from(TEXT)), next, later()), true);
    assert.equal(await read(store, key), "next");
    assert.equal(await store.compareAndSet(key, "next", undefined, later()), true);
  },
};

/** Tests of the values given to leases. */
export const LEASED_VALUES: CacheContractTests = {
  async "the expected and the filled value may be text or bytes"({ store, key }) {
    await store.setMany([{ key, value: TEXT, ttl: LONG_TTL }], "always", later());
    const lease = { key, token: "one", expected: new Uint8Array(Buffer.from(TEXT).subarray(0, 2)) };
    assert.deepEqual(await store.lease(lease, 1000, later()), { status: "leased" });
    const value = new Uint8Array(Buffer.from("Ž2"));
    assert.deepEqual(await fill(store, lease, value), { status: "stored" });
    assert.deepEqual(await fill(store, lease, value), { status: "superseded", value: "Ž2" });
    assert.deepEqual(await store.lease(lease, 1000, later()), { status: "leased" });
    assert.deepEqual(await store.lease({ ...lease, expected: Buffer.from("Z") }, 1000, later()), {
      status: "found",
      value: "Ž2",
    });
  },
};

/** Tests of values read as bytes. */
export const BYTES: CacheContractTests = {
  async "a head is returned as bytes, and the rest need not be UTF-8"({ raw, key }) {
    const head = Buffer.from("~é\n");
    await raw.setMany([{ key, value: Buffer.concat([head, ALL_BYTES]), ttl: LONG_TTL }], "always", later());
    const [found] = await raw.touchHeadless([key], null, later());
    assert.ok(typeof found === "object" && head.equals(found.head as Buffer));
    assert.equal(await raw.replaceHead(key, found.head, { value: "", ttl: LONG_TTL }, later()), true);
    assertAllBytes(await raw.get(key, later()));
  },

  async "bytes that are no UTF-8 come back unchanged, from every method"(context) {
    const { raw, key } = context;
    await raw.setMany([{ key, value: ALL_BYTES, ttl: LONG_TTL }], "always", later());
    assertAllBytes(await raw.get(key, later()));
    for (const value of await raw.getMany([key, key], later())) assertAllBytes(value);
    assertAllBytes((await raw.ensureMany([{ key, value: "other", ttl: LONG_TTL }], later()))[0]);
    await raw.deleteMany([key], later());
    assertAllBytes((await raw.ensureMany([{ key, value: ALL_BYTES, ttl: LONG_TTL }], later()))[0]);
    assertAllBytes(await raw.get(key, later()));
    assertAllBytes((await raw.takeMany([key], later()))[0]);
  },

  async "bytes that are no UTF-8 are compared as they are"(context) {
    const { raw, key } = context;
    const other = ALL_BYTES.with(200, 201);
    await raw.setMany([{ key, value: ALL_BYTES, ttl: LONG_TTL }], "always", later());
    if (raw.capabilities.compareAndSet) await assertCompared(raw, key, other);
    if (raw.capabilities.leases) await assertLeased(context, other);
    assertAllBytes(await raw.get(key, later()));
  },

  async "1 MB of bytes comes back unchanged"({ raw, key }) {
    const value = Buffer.alloc(1_000_000, ALL_BYTES);
    await raw.setMany([{ key, value, ttl: LONG_TTL }], "always", later());
    assert.ok(value.equals((await raw.get(key, later())) as Buffer));
  },
};

function assertAllBytes(value: unknown): void {
  assert.ok(Buffer.isBuffer(value));
  assert.ok(value.equals(ALL_BYTES), `got ${value.toString("hex")}`);
}

async function assertCompared(raw: CacheStore, key: string, other: Uint8Array): Promise<void> {
  const next = { value: ALL_BYTES, ttl: LONG_TTL };
  assert.equal(await raw.compareAndSet(key, other, next, later()), false);
  assert.equal(await raw.compareAndSet(key, ALL_BYTES, next, later()), true);
}

async function assertLeased({ raw, key }: CacheContractContext, other: Uint8Array): Promise<void> {
  const lease = { key, token: "one", expected: ALL_BYTES.subarray(0, 201) };
  const found = await raw.lease({ ...lease, expected: other }, 1000, later());
  assertAllBytes(found.status === "found" ? found.value : found.status);
  assert.deepEqual(await raw.lease(lease, 1000, later()), { status: "leased" });
  assert.deepEqual(await fill(raw, lease, ALL_BYTES), { status: "stored" });
  const superseded = await fill(raw, lease, other);
  assertAllBytes(superseded.status === "superseded" ? superseded.value : superseded.status);
}
