import assert from "node:assert/strict";

import { newSessionKey } from "../../core/ids.ts";
import {
  A_ETAG,
  A_RECORD,
  assertAbsent,
  assertEtagWorks,
  B_ETAG,
  B_RECORD,
  type ContractTests,
  later,
  LONG_TTL,
} from "./support.ts";

/** Tests of the methods with an etag. */
export const CONDITIONAL_WRITES: ContractTests = {
  async "commit replaces the version of the etag"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    assert.deepEqual(await store.commit(key, B_RECORD, A_ETAG, LONG_TTL, later()), { status: "committed" });
    assert.equal(await store.read(key, later()), B_RECORD);
  },

  async "commit of another version changes nothing and returns the record"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    const result = await store.commit(key, B_RECORD, B_ETAG, LONG_TTL, later());
    assert.deepEqual(result, { status: "conflict", record: A_RECORD });
    assert.equal(await store.read(key, later()), A_RECORD);
  },

  async "commit after delete is gone and creates nothing"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.delete(key, later());
    assert.deepEqual(await store.commit(key, B_RECORD, A_ETAG, LONG_TTL, later()), { status: "gone" });
    assert.equal(await store.read(key, later()), undefined);
  },

  async "touch of another version changes nothing and returns the record"({ store, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, shortTtl, later());
    const result = await store.touch(key, B_ETAG, LONG_TTL, later());
    assert.deepEqual(result, { status: "conflict", record: A_RECORD });
    await expire();
    assert.equal(await store.read(key, later()), undefined);
  },

  async "touch after delete is gone and creates nothing"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.delete(key, later());
    assert.deepEqual(await store.touch(key, A_ETAG, LONG_TTL, later()), { status: "gone" });
    await assertAbsent(store, key);
  },

  async "deleteIfMatch removes the version of the etag"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    assert.deepEqual(await store.deleteIfMatch(key, A_ETAG, later()), { status: "committed" });
    await assertAbsent(store, key);
  },

  async "deleteIfMatch of another version changes nothing and returns the record"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    assert.deepEqual(await store.deleteIfMatch(key, B_ETAG, later()), {
      status: "conflict",
      record: A_RECORD,
    });
    assert.equal(await store.read(key, later()), A_RECORD);
  },

  async "an etag may be at the end of a record of non-ASCII text"({ store, key }) {
    const record = `{"name":"Žofie \u{1F36A} ąć"}${A_RECORD}`;
    await assertEtagWorks(store, key, record, { start: -43, text: record.slice(-43) });
  },

  async "an etag counts bytes, both after and before non-ASCII text"({ store, key }) {
    const [before, etag, behind] = ['"\u{1F36A}é"', "0123456789abcdef", '"ąć"'];
    const record = before + etag + behind;
    await assertEtagWorks(store, key, record, { start: Buffer.byteLength(before), text: etag });
    const fromEnd = -Buffer.byteLength(etag + behind);
    await assertEtagWorks(store, newSessionKey(), record, { start: fromEnd, text: etag });
  },

  async "an etag may be at the very beginning of a record"({ store, key }) {
    await assertEtagWorks(store, key, A_RECORD, { start: 0, text: A_RECORD.slice(0, 10) });
  },

  async "a record too short for the etag's place is another version"({ store, key }) {
    await store.create(key, "short", LONG_TTL, later());
    const conflict = { status: "conflict", record: "short" };
    assert.deepEqual(await store.commit(key, A_RECORD, A_ETAG, LONG_TTL, later()), conflict);
    assert.deepEqual(await store.touch(key, { start: 3, text: "rtly" }, LONG_TTL, later()), conflict);
    assert.deepEqual(await store.deleteIfMatch(key, { start: -6, text: "short" }, later()), conflict);
  },
};
