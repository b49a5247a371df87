import assert from "node:assert/strict";

import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import {
  A_ETAG,
  A_RECORD,
  assertAbsent,
  B_ETAG,
  B_RECORD,
  type ContractTests,
  later,
  LONG_TTL,
} from "./support.ts";

/** Tests of `create`, `read` and `delete`, and of any text as a record. */
export const RECORDS: ContractTests = {
  async "an unknown key: read finds nothing, writes are gone, delete finds nothing"({ store, key }) {
    await assertAbsent(store, key);
  },

  async "create stores a record that read returns"({ store, key }) {
    assert.deepEqual(await store.create(key, A_RECORD, LONG_TTL, later()), { status: "created" });
    assert.equal(await store.read(key, later()), A_RECORD);
  },

  async "create leaves an existing record as it is"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    assert.deepEqual(await store.create(key, B_RECORD, LONG_TTL, later()), { status: "exists" });
    assert.equal(await store.read(key, later()), A_RECORD);
  },

  async "each key has a record of its own"({ store, key }) {
    const other = newSessionKey();
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.create(other, B_RECORD, LONG_TTL, later());
    await store.delete(other, later());
    assert.equal(await store.read(key, later()), A_RECORD);
    assert.equal(await store.read(other, later()), undefined);
  },

  async "delete removes a record and returns whether there was one"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    assert.equal(await store.delete(key, later()), true);
    assert.equal(await store.delete(key, later()), false);
    await assertAbsent(store, key);
  },

  async "deleteMany, if implemented, removes records and returns which existed"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    if (store.deleteMany === undefined) return;
    const [other, expired, stays] = [newSessionKey(), newSessionKey(), newSessionKey()];
    await store.create(expired, A_RECORD, shortTtl, later());
    for (const each of [key, other, stays]) await store.create(each, A_RECORD, LONG_TTL, later());
    await expire();
    const deleted = await store.deleteMany([key, newSessionKey(), expired, other], later());
    assert.deepEqual(new Set(deleted), new Set([key, other]));
    for (const each of [key, other, expired]) await assertAbsent(store, each);
    assert.equal(await store.read(stays, later()), A_RECORD);
    assert.deepEqual(await store.deleteMany([key, other], later()), []);
    assert.deepEqual(await store.deleteMany([], later()), []);
  },

  async "a deleted key can be created again"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.delete(key, later());
    assert.deepEqual(await store.create(key, B_RECORD, LONG_TTL, later()), { status: "created" });
    assert.equal(await store.read(key, later()), B_RECORD);
  },

  async "a record of 1 MB, half of it non-ASCII, comes back as it was"({ store, key }) {
    const record = "x".repeat(500_000) + "é".repeat(250_000) + A_RECORD;
    await store.create(key, record, LONG_TTL, later());
    assert.ok((await store.read(key, later())) === record);
    const conflict = await store.commit(key, A_RECORD, B_ETAG, LONG_TTL, later());
    assert.ok(conflict.status === "conflict" && conflict.record === record);
    const changed = `y${record}`;
    assert.deepEqual(await store.commit(key, changed, A_ETAG, LONG_TTL, later()), { status: "committed" });
    assert.ok((await store.read(key, later())) === changed);
  },

  async "records with quotes, line ends and percent signs come back as they were"({ store, key }) {
    await assertComesBack(store, key, `"'\\\r\n%s\t$1 {} ${A_RECORD}`, "\n");
  },

  async "records with NUL come back as they were"({ store, key }) {
    await assertComesBack(store, key, `a\0b${A_RECORD}`, "\0");
  },

  async "ping resolves, and the store has a name"({ store }) {
    await store.ping(later());
    assert.match(store.name, /^[a-z][a-z-]*$/);
  },
};

/** Asserts that a record is read as created, and as committed with something more at its end. */
async function assertComesBack(
  store: SessionStore,
  key: SessionKey,
  record: string,
  end: string,
): Promise<void> {
  await store.create(key, record, LONG_TTL, later());
  assert.equal(await store.read(key, later()), record);
  assert.deepEqual(await store.commit(key, record + end, A_ETAG, LONG_TTL, later()), { status: "committed" });
  assert.equal(await store.read(key, later()), record + end);
}
