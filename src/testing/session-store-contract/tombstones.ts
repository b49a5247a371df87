import assert from "node:assert/strict";

import { Deadline } from "../../core/deadlines.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import {
  A_RECORD,
  assertListed,
  assertNotSent,
  collectKeys,
  type ContractTests,
  createMany,
  later,
  LONG_TTL,
} from "./support.ts";

/** Tests of tombstones. A store without them skips these, with its reason. */
export const TOMBSTONES: ContractTests = {
  async "a tombstone is read as added, and an unknown name has none"({ store, key }) {
    const tombstones = tombstonesOf(store);
    assert.equal(await tombstones.read(key, later()), undefined);
    assert.equal(await tombstones.add(key, "login 1", LONG_TTL, later()), undefined);
    assert.equal(await tombstones.read(key, later()), "login 1");
    assert.equal(await tombstones.read(newSessionKey(), later()), undefined);
  },

  async "an addition to a name with a tombstone returns its text, and changes neither text nor time to live"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const [tombstones, other] = [tombstonesOf(store), newSessionKey()];
    await tombstones.add(key, "first", LONG_TTL, later());
    await tombstones.add(other, "first", shortTtl, later());
    assert.equal(await tombstones.add(key, "second", shortTtl, later()), "first");
    assert.equal(await tombstones.add(other, "second", LONG_TTL, later()), "first");
    assert.equal(await tombstones.read(key, later()), "first");
    await expire();
    assert.equal(await tombstones.read(key, later()), "first");
    assert.equal(await tombstones.read(other, later()), undefined);
  },

  async "of 20 parallel additions to one name exactly one is stored, and the others return its text"({
    store,
    key,
  }) {
    const tombstones = tombstonesOf(store);
    const texts = Array.from({ length: 20 }, (_, index) => `addition ${index}`);
    const answers = await Promise.all(texts.map((text) => tombstones.add(key, text, LONG_TTL, later())));
    const stored = await tombstones.read(key, later());
    assert.deepEqual(
      answers,
      texts.map((text) => (text === stored ? undefined : stored)),
    );
    assert.ok(texts.includes(stored ?? ""));
  },

  async "of 20 parallel additions to a name whose tombstone has expired exactly one is stored"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const tombstones = tombstonesOf(store);
    await tombstones.add(key, "expired", shortTtl, later());
    await expire();
    const texts = Array.from({ length: 20 }, (_, index) => `addition ${index}`);
    const answers = await Promise.all(texts.map((text) => tombstones.add(key, text, LONG_TTL, later())));
    const stored = await tombstones.read(key, later());
    assert.deepEqual(
      answers,
      texts.map((text) => (text === stored ? undefined : stored)),
    );
  },

  async "replace stores text and time to live, whether or not there is a tombstone"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const [tombstones, other] = [tombstonesOf(store), newSessionKey()];
    await tombstones.add(key, "moved", shortTtl, later());
    await tombstones.replace(key, "ended", LONG_TTL, later());
    await tombstones.replace(other, "moved", LONG_TTL, later());
    await tombstones.replace(other, "ended", shortTtl, later());
    assert.equal(await tombstones.read(key, later()), "ended");
    assert.equal(await tombstones.read(other, later()), "ended");
    assert.equal(await tombstones.add(key, "late", LONG_TTL, later()), "ended");
    await expire();
    assert.equal(await tombstones.read(key, later()), "ended");
    assert.equal(await tombstones.read(other, later()), undefined);
  },

  async "while a tombstone is replaced, every read finds one of the texts, whole"({ store, key }) {
    const tombstones = tombstonesOf(store);
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.padStart(3).repeat(100));
    await tombstones.add(key, texts[0] ?? "", LONG_TTL, later());
    const replacements = Promise.all(texts.map((text) => tombstones.replace(key, text, LONG_TTL, later())));
    const found = await Promise.all(Array.from({ length: 100 }, () => tombstones.read(key, later())));
    await replacements;
    for (const text of found) assert.ok(texts.includes(text ?? ""), `${String(text)} was found`);
  },

  async "delete ends a tombstone, and its name can have another"({ store, key }) {
    const tombstones = tombstonesOf(store);
    await tombstones.delete(key, later());
    await tombstones.add(key, "first", LONG_TTL, later());
    await tombstones.delete(key, later());
    assert.equal(await tombstones.read(key, later()), undefined);
    assert.equal(await tombstones.add(key, "second", LONG_TTL, later()), undefined);
    assert.equal(await tombstones.read(key, later()), "second");
  },

  async "a time to live of 1 ms or with a fraction is accepted and expires, and the name can have another"({
    store,
    key,
    expire,
    shortTtl,
  }) {
    const [tombstones, other] = [tombstonesOf(store), newSessionKey()];
    await tombstones.add(key, "first", 1, later());
    await tombstones.replace(other, "first", shortTtl - 0.5, later());
    await expire();
    for (const name of [key, other]) {
      assert.equal(await tombstones.read(name, later()), undefined);
      assert.equal(await tombstones.add(name, "second", LONG_TTL, later()), undefined);
      assert.equal(await tombstones.read(name, later()), "second");
    }
  },

  async "names that differ only in case or in one character are independent"({ store }) {
    const tombstones = tombstonesOf(store);
    for (const name of NAMES)
      assert.equal(await tombstones.add(name, `of ${name}`, LONG_TTL, later()), undefined);
    for (const name of NAMES) assert.equal(await tombstones.read(name, later()), `of ${name}`);
    await tombstones.delete(NAMES[0] ?? "", later());
    for (const name of NAMES.slice(1)) assert.equal(await tombstones.read(name, later()), `of ${name}`);
  },

  async "every text of 1 to 512 printable characters of ASCII comes back as it was"({ store, key }) {
    const tombstones = tombstonesOf(store);
    for (const text of [
      PRINTABLE,
      `${PRINTABLE}'"\\%_`.repeat(6).slice(0, 512),
      " a  ",
      "NULL",
      "0",
      "!",
      "x".repeat(512),
    ]) {
      await tombstones.replace(key, text, LONG_TTL, later());
      assert.equal(await tombstones.read(key, later()), text);
      assert.equal(await tombstones.add(key, "other", LONG_TTL, later()), text);
    }
  },

  async "a tombstone is not a record: it does not replace one, and scan and the index ignore it"({
    store,
    hasScan,
    key,
  }) {
    const tombstones = tombstonesOf(store);
    await tombstones.add(key, "moved", LONG_TTL, later());
    await tombstones.add(newSessionKey(), "moved", LONG_TTL, later());
    assert.equal(await store.read(key, later()), undefined);
    assert.equal(await store.delete(key, later()), false);
    assert.equal(await tombstones.read(key, later()), "moved");
    await assertListed({ store, hasScan }, []);
    assert.deepEqual(await store.create(key, A_RECORD, LONG_TTL, later()), { status: "created" });
    assert.equal(await tombstones.read(key, later()), "moved");
    await assertListed({ store, hasScan }, [key]);
    const page = await store.users?.page(key, { after: undefined, limit: 10 }, later());
    assert.deepEqual(page?.sessions ?? [], []);
  },

  async "the deletion of a record leaves its tombstone, and vice versa"({ store, key }) {
    const [tombstones, other] = [tombstonesOf(store), newSessionKey()];
    for (const each of [key, other]) {
      await store.create(each, A_RECORD, LONG_TTL, later());
      await tombstones.add(each, "moved", LONG_TTL, later());
    }
    assert.equal(await store.delete(key, later()), true);
    assert.equal(await tombstones.read(key, later()), "moved");
    await tombstones.delete(other, later());
    assert.equal(await store.read(other, later()), A_RECORD);
  },

  async "clearExpired leaves live tombstones, and does not count expired ones"({
    store,
    hasScan,
    key,
    expire,
    shortTtl,
  }) {
    const tombstones = tombstonesOf(store);
    await tombstones.add(key, "moved", LONG_TTL, later());
    await createMany(store, 3);
    for (let count = 0; count < 3; count++) await tombstones.add(newSessionKey(), "moved", shortTtl, later());
    await expire();
    const counts: number[] = [];
    assert.equal(await store.clearExpired(later, ({ cleared }) => counts.push(cleared)), 0);
    assert.ok(counts.every((count) => count === 0));
    assert.equal(await tombstones.read(key, later()), "moved");
    if (hasScan) assert.equal((await collectKeys(store)).length, 3);
  },

  async "a deadline that has passed: every method of tombstones fails as not sent, and nothing is written"({
    store,
    key,
  }) {
    const [tombstones, passed, fresh] = [tombstonesOf(store), new Deadline(0), newSessionKey()];
    await tombstones.add(key, "first", LONG_TTL, later());
    await assertNotSent(tombstones.read(key, passed));
    await assertNotSent(tombstones.add(fresh, "second", LONG_TTL, passed));
    await assertNotSent(tombstones.replace(key, "second", LONG_TTL, passed));
    await assertNotSent(tombstones.delete(key, passed));
    assert.equal(await tombstones.read(key, later()), "first");
    assert.equal(await tombstones.read(fresh, later()), undefined);
  },
};

/** Tests of a store without tombstones. */
export function withoutTombstones(reason: string): ContractTests {
  return {
    async [`has no tombstones (${reason}), and does not claim to`]({ store }) {
      assert.equal(store.tombstones, undefined);
    },
  };
}

const NAMES = [
  "a.b",
  "A.b",
  "a.B",
  "A.B",
  "a-b",
  "a_b",
  "ab",
  "a.b.",
  ".",
  "..",
  "-",
  "_",
  "x".repeat(36),
  "X".repeat(36),
];

/** All printable characters of ASCII. */
const PRINTABLE = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 32 + index));

function tombstonesOf({ tombstones }: SessionStore): SessionTombstones {
  assert.ok(tombstones, "the store has no tombstones: say why in noTombstones");
  return tombstones;
}
