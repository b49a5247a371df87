import { expect, test } from "vitest";

import { type Fault, runCacheStoreSuite } from "../../../test/support/spoilt-cache-store.ts";

const FAULTS: readonly Fault[] = [
  [
    "whose lock is given to any caller that asks again",
    (store) => ({
      acquireLock: async (key, token, ttl, deadline) => {
        await store.releaseLock(key, token, deadline);
        return store.acquireLock(key, token, ttl, deadline);
      },
    }),
    "a lock is one caller's until it is released, and only by its token",
  ],
  [
    "that releases the lock of any holder",
    (store) => ({
      releaseLock: async (key, _, deadline) =>
        store.releaseLock(key, (await store.lockHolder(key, deadline)) ?? "", deadline),
    }),
    "a lock is one caller's until it is released, and only by its token",
  ],
  [
    "whose lock is checked, then taken",
    (store) => ({
      acquireLock: async (key, token, ttl, deadline) => {
        if ((await store.lockHolder(key, deadline)) !== undefined) return undefined;
        return (await store.acquireLock(key, token, ttl, deadline)) ?? 1;
      },
    }),
    "20 concurrent acquireLock: exactly one gets it",
  ],
  [
    "whose lock outlives its expiry",
    (store) => ({
      acquireLock: (key, token, ttl, deadline) => store.acquireLock(key, token, ttl * 1000, deadline),
    }),
    "an expired lock is free, and its holder can neither extend nor release it",
  ],
  [
    "whose extension only ever lengthens a lock",
    (store) => ({
      extendLock: (key, token, ttl, deadline) =>
        store.extendLock(key, token, Math.max(ttl, 60_000), deadline),
    }),
    "extendLock lengthens or shortens the remaining time, for the holder only",
  ],
  [
    "whose fencing token is a time of day",
    (store) => ({
      acquireLock: async (...args) =>
        (await store.acquireLock(...args)) === undefined ? undefined : 1_800_000_000,
    }),
    "the fencing token is a whole number that grows with each holder, even if a lock has expired",
  ],
  [
    "that keeps its locks as entries",
    (store) => ({
      acquireLock: async (key, token, ttl, deadline) => {
        await store.setMany([{ key, value: token, ttl }], "if-absent", deadline);
        return store.acquireLock(key, token, ttl, deadline);
      },
    }),
    "a lock is not an entry: every method finds nothing under its key, and leaves the lock",
  ],
  [
    "that deletes the lock with the entry",
    (store) => ({
      deleteMany: async (keys, deadline) => {
        for (const key of keys) {
          await store.releaseLock(key, (await store.lockHolder(key, deadline)) ?? "", deadline);
        }
        return store.deleteMany(keys, deadline);
      },
    }),
    "an entry is not a lock: the lock can be held while the entry exists, is stored and deleted",
  ],
  [
    "whose clear frees locks",
    (store) => ({
      async *clear(keyPrefix, pageDeadline) {
        yield* store.clear(keyPrefix, pageDeadline);
        await store.releaseLock(`${keyPrefix}:1:job`, "one", pageDeadline());
      },
    }),
    "neither scan nor clear includes locks",
  ],
  [
    "whose locks are mixed up by braces",
    (store) => ({
      acquireLock: (key, ...rest) =>
        store.acquireLock(/\{(.+)\}/.exec(key)?.[1] ?? key.replace(/[{}]/g, ""), ...rest),
    }),
    "locks are independent of each other, whatever text their keys are",
  ],
];

test.each(FAULTS)("a store %s fails", async (_, spoil, title) => {
  expect((await runCacheStoreSuite(spoil, { only: title })).failed).toEqual([title]);
});
