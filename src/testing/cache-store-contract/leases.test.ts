import { expect, test } from "vitest";

import { type Fault, runCacheStoreSuite } from "../../../test/support/spoilt-cache-store.ts";
import { type Lease, MAX_LEASE } from "../../stores/cache-store.ts";

/** A lease that replaces any value: each value begins with the empty one. */
const overlooking = (lease: Lease): Lease => ({ ...lease, expected: "" });

const FAULTS: readonly Fault[] = [
  [
    "whose fill ignores the token",
    (store) => ({
      fill: async (lease, entry, deadline) => {
        if ((await store.get(lease.key, deadline)) !== undefined) return store.fill(lease, entry, deadline);
        await store.setMany([{ key: lease.key, ...entry }], "always", deadline);
        return { status: "stored" };
      },
    }),
    "fill with another caller's token is superseded, and the owner keeps the lease",
  ],
  [
    "whose fill ignores concurrent writes",
    (store) => ({ fill: (lease, entry, deadline) => store.fill(overlooking(lease), entry, deadline) }),
    "fill after a set is superseded by the new value, whatever its time to live",
  ],
  [
    "whose fill leaves the lease of an superseded load",
    (store) => ({
      fill: async (lease, entry, deadline) => {
        const value = await store.get(lease.key, deadline);
        if (value !== undefined && value !== lease.expected) return { status: "superseded", value };
        return store.fill(lease, entry, deadline);
      },
    }),
    "a fill that is superseded by a newer value ends the lease too",
  ],
  [
    "whose delete leaves the lease",
    (store) => ({
      deleteMany: async (keys, deadline) => {
        const touched = await store.touchMany([...new Set(keys)], -1, deadline);
        return touched.filter(Boolean).length;
      },
    }),
    "fill after a delete is superseded, whether or not a value was expected",
  ],
  [
    "that treats an expired value as one that was never stored",
    (store) => ({
      set: async ({ key, value, ttl }, condition, deadline) => {
        const isStored = await store.set({ key, value, ttl: null }, condition, deadline);
        if (isStored) await store.touchMany([key], ttl, deadline);
        return isStored;
      },
    }),
    "fill after a set is superseded even if the new value has expired again",
  ],
  [
    "that leases a key to every caller",
    () => ({ lease: () => Promise.resolve({ status: "leased" }) }),
    "20 concurrent callers ask for a lease: exactly one gets it, for the others it is busy",
  ],
  [
    "whose leases do not check for a value",
    (store) => ({ lease: (lease, ttl, deadline) => store.lease(overlooking(lease), ttl, deadline) }),
    "a value is found if none was expected",
  ],
  [
    "whose leases never end",
    (store) => ({ lease: (lease, _, deadline) => store.lease(lease, MAX_LEASE, deadline) }),
    "a lease ends when it expires",
  ],
  [
    "whose release ends any caller's lease",
    (store) => ({ release: async ({ key }, deadline) => (await store.deleteMany([key], deadline)) > 0 }),
    "a release by another caller or without a lease ends nothing",
  ],
  [
    "whose clear leaves the leases on missing entries",
    (store) => ({
      async *clear(keyPrefix, pageDeadline) {
        for await (const key of store.scan(`${keyPrefix}:`, pageDeadline)) {
          if (/^:-?\d+:/.test(key.slice(keyPrefix.length)))
            yield await store.deleteMany([key], pageDeadline());
        }
      },
    }),
    "clear ends the leases on its keys and on its missing ones, counts none, and ends no other",
  ],
];

test.each(FAULTS)("a store %s fails", async (_, spoil, title) => {
  expect((await runCacheStoreSuite(spoil, { only: title })).failed).toEqual([title]);
});
