import assert from "node:assert/strict";

import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import { pause } from "../../core/timers.ts";
import type { GoneCause, RecordWatch } from "../../stores/record-watch.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import {
  A_ETAG,
  A_RECORD,
  B_ETAG,
  B_RECORD,
  type ContractTests,
  createMany,
  later,
  LONG_TTL,
} from "./support.ts";

/** Tests of `watch`. A store without it skips these. */
export const WATCHES: ContractTests = {
  async "a watch reports a record that is deleted, by each method, and no other"({ store, key }) {
    const [matched, many, other] = [newSessionKey(), newSessionKey(), newSessionKey()];
    for (const each of [key, matched, many, other]) await store.create(each, A_RECORD, LONG_TTL, later());
    await withWatch(store, async (watched) => {
      for (const each of [key, matched, many, other]) watched.watch.add(each);
      await store.delete(key, later());
      await store.deleteIfMatch(matched, A_ETAG, later());
      await (store.deleteMany ? store.deleteMany([many], later()) : store.delete(many, later()));
      for (const each of [key, matched, many]) assert.equal(await watched.causeOf(each), "deleted");
      assert.equal(watched.causes.has(other), false);
    });
  },

  async "a watch reports a record that expires, also after a change of its time to live"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const shortened = newSessionKey();
    await store.create(key, A_RECORD, shortTtl, later());
    await store.create(shortened, A_RECORD, LONG_TTL, later());
    await withWatch(store, async (watched) => {
      watched.watch.add(key);
      watched.watch.add(shortened);
      await store.touch(shortened, A_ETAG, shortTtl, later());
      await watched.settle();
      await expire();
      assert.equal(await watched.causeOf(key), "expired");
      // It may be seen with its new time to live when it is gone already.
      assert.ok(["expired", "deleted"].includes((await watched.causeOf(shortened)) ?? ""));
    });
  },

  async "a watch reports no record that is written, touched or extended"({ store, key, expire, shortTtl }) {
    await store.create(key, A_RECORD, shortTtl, later());
    await withWatch(store, async (watched) => {
      watched.watch.add(key);
      await store.commit(key, B_RECORD, A_ETAG, shortTtl, later());
      await store.touch(key, B_ETAG, LONG_TTL, later());
      await watched.settle();
      await expire();
      await watched.settle();
      assert.equal(await store.read(key, later()), B_RECORD);
      assert.equal(watched.causes.has(key), false);
      await store.delete(key, later());
      assert.equal(await watched.causeOf(key), "deleted");
    });
  },

  async "a watch reports a key without a record when it is added, even one that ends meanwhile"({
    store,
    key,
  }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await withWatch(store, async (watched) => {
      const absent = newSessionKey();
      watched.watch.add(absent);
      watched.watch.add(key);
      await store.delete(key, later());
      assert.ok(await watched.causeOf(absent));
      assert.ok(await watched.causeOf(key));
    });
  },

  async "a watch reports the next record of a key as well"({ store, key }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await withWatch(store, async (watched) => {
      watched.watch.add(key);
      await store.delete(key, later());
      assert.equal(await watched.causeOf(key), "deleted");
      await store.create(key, B_RECORD, LONG_TTL, later());
      await watched.settle();
      watched.causes.clear();
      await store.delete(key, later());
      assert.equal(await watched.causeOf(key), "deleted");
    });
  },

  async "a watch reports no key that was removed, and nothing once it is closed"({ store, key }) {
    const closed = newSessionKey();
    await store.create(key, A_RECORD, LONG_TTL, later());
    await store.create(closed, A_RECORD, LONG_TTL, later());
    await withWatch(store, async (watched) => {
      watched.watch.add(key);
      watched.watch.add(closed);
      await watched.settle();
      watched.watch.remove(key);
      await store.delete(key, later());
      await watched.settle();
      await watched.watch.close();
      await store.delete(closed, later());
      await watched.settle();
      assert.deepEqual([...watched.causes], []);
    });
  },

  async "several watches of one key each report its end, and a closed one does not end the others"({
    store,
    key,
  }) {
    await store.create(key, A_RECORD, LONG_TTL, later());
    await withWatch(store, (first) =>
      withWatch(store, async (second) => {
        await withWatch(store, async (third) => third.watch.add(key));
        first.watch.add(key);
        second.watch.add(key);
        await store.delete(key, later());
        assert.equal(await first.causeOf(key), "deleted");
        assert.equal(await second.causeOf(key), "deleted");
      }),
    );
  },

  async "a watch of 1000 records reports the 500 that are deleted, and only these"({ store }) {
    const keys = await createMany(store, 1000);
    await withWatch(store, async (watched) => {
      for (const key of keys) watched.watch.add(key);
      const doomed = keys.slice(0, 500);
      await Promise.all(doomed.map((key) => store.delete(key, later())));
      for (const key of doomed) assert.ok(await watched.causeOf(key));
      await watched.settle();
      assert.deepEqual([...watched.causes.keys()].toSorted(), doomed.toSorted());
    });
  },
};

/** Tests of a store without watches. */
export const NO_WATCHES: ContractTests = {
  async "makes no watch"({ store }) {
    const watch = store.watch?.({ onGone: () => {}, onFailure: () => {} });
    await watch?.close();
    assert.ok(watch === undefined, "the store makes a watch: set hasWatch");
  },
};

/** A watch, and what it has reported. */
interface Watched {
  readonly watch: RecordWatch;
  readonly causes: Map<SessionKey, GoneCause>;
  /** Returns the reported cause of a key's absence, once there is one. */
  causeOf(key: SessionKey): Promise<GoneCause | undefined>;
  /** Waits for what should not be reported. */
  settle(): Promise<void>;
}

/** Time for a report in a test: a watch promises a second, and the machine may be busy. */
const PATIENCE = 5000;
const TICK = 5;
/** Time in which nothing is reported. */
const SILENCE = 150;

async function withWatch(store: SessionStore, act: (watched: Watched) => Promise<void>): Promise<void> {
  const causes = new Map<SessionKey, GoneCause>();
  const failures: Error[] = [];
  const watch = store.watch?.({
    onGone: (key, cause) => causes.set(key, cause),
    onFailure: (error) => failures.push(error),
  });
  assert.ok(watch, "the store makes no watch: leave hasWatch out");
  const causeOf = async (key: SessionKey): Promise<GoneCause | undefined> => {
    for (let waited = 0; !causes.has(key) && waited < PATIENCE; waited += TICK) await pause(TICK);
    return causes.get(key);
  };
  try {
    await act({ watch, causes, causeOf, settle: () => pause(SILENCE) });
  } finally {
    await watch.close();
  }
  assert.deepEqual(failures, []);
}
