import assert from "node:assert/strict";

import type { CacheStore } from "../../stores/cache-store.ts";
import { type CacheContractTests, collect, countCleared, later, LONG_TTL, numbered } from "./support.ts";

/** Tests of `scan` and `clear`. */
export const NAMESPACES: CacheContractTests = {
  async "scan yields every key with the prefix once, and no other"({ store, prefix }) {
    const entries = numbered(`${prefix}:`, 2500);
    await store.setMany([...entries, ...numbered(`${prefix}x`, 5)], "always", later());
    const keys = entries.map(({ key }) => key);
    assert.deepEqual((await collect(store.scan(`${prefix}:`, later))).toSorted(), keys.toSorted());
  },

  async "scan takes the prefix literally, whatever characters it has"({ store, prefix }) {
    for (const part of ["a*", "a?", "[ab]", "a\\", "[^x]", "a\n", "é"]) {
      const own = `${prefix}:${part}:1`;
      await putAll(store, [own, `${prefix}:abc:1`, `${prefix}:a:1`, `${prefix}:b:1`]);
      assert.deepEqual(await collect(store.scan(`${prefix}:${part}`, later)), [own]);
    }
  },

  async "scan makes a deadline for each page"({ store, prefix }) {
    await putAll(store, [`${prefix}1`]);
    let pages = 0;
    for await (const _ of store.scan(prefix, () => (pages++, later()))) assert.ok(pages >= 1);
    assert.ok(pages >= 1);
  },

  async "scan during concurrent writes yields every key that stays, and none twice"({ store, prefix }) {
    const [staying, leaving] = [numbered(`${prefix}s`, 1500), numbered(`${prefix}l`, 500)];
    await store.setMany([...staying, ...leaving], "always", later());
    const found: string[] = [];
    for await (const key of store.scan(prefix, later)) {
      found.push(key);
      if (found.length % 100 === 0)
        await rewriteSome(
          store,
          leaving.splice(0, 40).map((entry) => entry.key),
        );
    }
    const seen = new Set(found);
    assert.equal(seen.size, found.length);
    assert.deepEqual(
      staying.filter(({ key }) => !seen.has(key)),
      [],
    );
  },

  async "clear deletes exactly {prefix}:{integer}:{anything}, and counts it"({ store, prefix }) {
    const own = [":1:a", ":1:", ":2:a:b", ":0:x", ":-3:x", ":12345:x", ":1:\n"].map((end) => prefix + end);
    const foreign = [
      ":session:a",
      ":1",
      ":1x:a",
      ":1.5:a",
      ":+1:a",
      ":--1:a",
      ":-:a",
      "::a",
      ":x:1:a",
      "a:1:x",
      ":١:a",
    ];
    await putAll(store, [
      ...own,
      ...foreign.map((end) => prefix + end),
      `a${prefix}:1:x`,
      `${prefix.slice(0, -1)}:1:x`,
    ]);
    assert.equal(await countCleared(store, prefix), own.length);
    assert.deepEqual(
      await store.getMany(own, later()),
      own.map(() => undefined),
    );
    const left = foreign.map((end) => prefix + end);
    assert.deepEqual(await store.getMany(left, later()), left);
    assert.equal(await countCleared(store, prefix), 0);
  },

  async "clear takes the prefix literally: `a*` deletes nothing of `abc`"({ store, prefix }) {
    for (const part of ["a*", "a?c", "[ab]bc", "a.c", "a\\", "[^x]bc", "(abc|x)", "$", "^a"]) {
      const [own, foreign] = [`${prefix}${part}:1:k`, `${prefix}abc:1:k`];
      await putAll(store, [own, foreign]);
      assert.equal(await countCleared(store, prefix + part), 1, part);
      assert.deepEqual(await store.getMany([own, foreign], later()), [undefined, foreign]);
    }
  },

  async "clear deletes 2500 entries among as many others"({ store, prefix }) {
    const foreign = numbered(`${prefix}:session:`, 2500);
    await store.setMany([...numbered(`${prefix}:1:`, 2500), ...foreign], "always", later());
    assert.equal(await countCleared(store, prefix), 2500);
    assert.deepEqual(await collect(store.scan(`${prefix}:1:`, later)), []);
    assert.equal((await collect(store.scan(`${prefix}:session:`, later))).length, 2500);
  },
};

/** Stores entries whose values are their keys. */
async function putAll(store: CacheStore, keys: readonly string[]): Promise<void> {
  const entries = keys.map((key) => ({ key, value: key, ttl: LONG_TTL }));
  await store.setMany(entries, "always", later());
}

/** Deletes some entries, and stores some of them again. */
async function rewriteSome(store: CacheStore, keys: readonly string[]): Promise<void> {
  await store.deleteMany(keys, later());
  await putAll(store, keys.slice(10));
}
