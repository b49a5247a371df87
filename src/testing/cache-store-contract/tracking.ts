import assert from "node:assert/strict";

import type { CacheStore } from "../../stores/cache-store.ts";
import type { TrackedReads } from "../../stores/tracked-reads.ts";
import { type CacheContractTests, fill, later, leaseOf, LONG_TTL, numbered, put, take } from "./support.ts";

/** Tests of `track`. A store without it skips these. */
export const TRACKING: CacheContractTests = {
  async "tracked reads return values with their time to live, in the order of the keys"({ raw, prefix }) {
    await raw.setMany(numbered(prefix, 3), "always", later());
    await raw.touchMany([`${prefix}2`], null, later());
    await withReads(raw, async ({ reads }) => {
      const keys = [`${prefix}2`, `${prefix}none`, `${prefix}0`];
      const found = await reads.getMany(keys, later());
      const texts = found.map((each) => each?.value.toString());
      assert.deepEqual(texts, ["v2", undefined, "v0"]);
      assert.equal(found[0]?.ttl, null);
      const ttl = found[2]?.ttl ?? 0;
      assert.ok(ttl > 0 && ttl <= LONG_TTL, `expected a time up to ${LONG_TTL} ms, got ${ttl}`);
      assert.deepEqual(await reads.getMany([], later()), []);
    });
  },

  async "a change of a key that was read is reported before the next confirmation, whatever changes it"({
    raw,
    key,
  }) {
    const lease = leaseOf(key, "t");
    const changes: Readonly<Record<string, () => Promise<unknown>>> = {
      set: () => raw.set({ key, value: "5", ttl: LONG_TTL }, "always", later()),
      incr: () => raw.incr(key, 1n, later()),
      compareAndSet: () => raw.compareAndSet(key, "6", { value: "x", ttl: LONG_TTL }, later()),
      touchMany: () => raw.touchMany([key], LONG_TTL, later()),
      "touchMany with no expiry": () => raw.touchMany([key], null, later()),
      takeMany: () => raw.takeMany([key], later()),
      ensureMany: () => raw.ensureMany([{ key, value: "x", ttl: LONG_TTL }], later()),
      deleteMany: () => raw.deleteMany([key], later()),
      fill: async () => {
        assert.equal(await take(raw, lease), "leased");
        await fill(raw, lease, "~{}\nx");
      },
      replaceHead: () => raw.replaceHead(key, "~{}\n", { value: "", ttl: LONG_TTL }, later()),
      setMany: () => raw.setMany([{ key, value: "y", ttl: LONG_TTL }], "if-present", later()),
    };
    await withReads(raw, async ({ reads, changed }) => {
      for (const [name, change] of Object.entries(changes)) {
        await reads.getMany([key], later());
        changed.clear();
        await change();
        await reads.confirm(later());
        assert.ok(changed.has(key), `${name} was not reported`);
      }
    });
  },

  async "a change is reported again once the key was read again, also that of a missing key"({ raw, key }) {
    await withReads(raw, async ({ reads, changed }) => {
      for (const value of ["one", "two", "three"]) {
        changed.clear();
        await reads.getMany([key], later());
        await put(raw, key, value);
        await reads.confirm(later());
        assert.ok(changed.has(key), `the change to ${value} was not reported`);
      }
    });
  },

  async "an answer of tracked reads with one order comes after the reports of earlier changes"({
    raw,
    prefix,
  }) {
    const entries = numbered(prefix, 20);
    await raw.setMany(entries, "always", later());
    await withReads(raw, async ({ reads, changed }) => {
      for (const { key } of entries) {
        await reads.getMany([key], later());
        changed.clear();
        await put(raw, key, "new");
        await reads.getMany([`${prefix}other`], later());
        assert.ok(!reads.hasOneOrder || changed.has(key), "an answer overtook the report of a change");
      }
    });
  },
};

/** Tests of a store without tracked reads. */
export const NO_TRACKING: CacheContractTests = {
  async "tracks no reads"({ raw }) {
    const reads = raw.track?.({ onChange: () => {}, onLinkEnd: () => {} });
    await reads?.close();
    assert.ok(reads === undefined, "the store tracks reads: set hasTracking");
  },
};

/** Reads, and what was reported of them. */
interface Tracked {
  readonly reads: TrackedReads;
  readonly changed: Set<string>;
}

async function withReads(store: CacheStore, act: (tracked: Tracked) => Promise<void>): Promise<void> {
  const changed = new Set<string>();
  const reads = store.track?.({
    onChange: (key) => key !== undefined && changed.add(key),
    onLinkEnd: () => {},
  });
  assert.ok(reads, "the store tracks no reads: leave hasTracking out");
  try {
    await act({ reads, changed });
  } finally {
    await reads.close();
  }
}
