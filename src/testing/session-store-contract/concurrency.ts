import assert from "node:assert/strict";

import { A_ETAG, A_RECORD, assertAbsent, B_RECORD, type ContractTests, later, LONG_TTL } from "./support.ts";

/** Tests of concurrent writes. */
export const CONCURRENCY: ContractTests = {
  async "20 concurrent commits with one etag: exactly one is committed, and the others get its record"({
    store,
    key,
  }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    const records = Array.from({ length: 20 }, (_, index) => `record ${index} ${B_RECORD}`);
    const results = await Promise.all(
      records.map((record) => store.commit(key, record, A_ETAG, LONG_TTL, later())),
    );
    const winner = await store.read(key, later());
    assert.equal(results.filter((result) => result.status === "committed").length, 1);
    assert.deepEqual(results[records.indexOf(winner ?? "")], { status: "committed" });
    const losers = results.filter((result) => result.status !== "committed");
    assert.deepEqual(
      losers,
      Array.from({ length: 19 }, () => ({ status: "conflict", record: winner })),
    );
  },

  async "20 concurrent creates of one key: exactly one is created"({ store, key }) {
    const records = Array.from({ length: 20 }, (_, index) => `record ${index}`);
    const results = await Promise.all(records.map((record) => store.create(key, record, LONG_TTL, later())));
    const winner = records.indexOf((await store.read(key, later())) ?? "");
    assert.equal(results.filter(({ status }) => status === "created").length, 1);
    assert.deepEqual(results[winner], { status: "created" });
  },

  async "a delete among concurrent commits and touches ends the record for good"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    const commits = Array.from({ length: 10 }, () => store.commit(key, A_RECORD, A_ETAG, LONG_TTL, later()));
    const deletion = store.delete(key, later());
    const touches = Array.from({ length: 10 }, () => store.touch(key, A_ETAG, LONG_TTL, later()));
    await Promise.all([...commits, ...touches]);
    assert.equal(await deletion, true);
    await assertAbsent(store, key);
  },

  async "20 concurrent deletes: exactly one finds the record"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    const found = await Promise.all(Array.from({ length: 20 }, () => store.delete(key, later())));
    assert.equal(found.filter(Boolean).length, 1);
  },
};
