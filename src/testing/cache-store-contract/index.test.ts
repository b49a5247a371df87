import { expect, test } from "vitest";

import { slowed } from "../../../test/support/slowed-store.ts";
import { type Fault, openSpoilt, runCacheStoreSuite } from "../../../test/support/spoilt-cache-store.ts";
import { systemClock } from "../../core/clock.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import type { TestFramework } from "../session-store-contract/index.ts";
import { describeCacheStore } from "./index.ts";

test("a sound store passes every test", async () => {
  const { passed, failed } = await runCacheStoreSuite(() => ({}));
  expect(failed).toEqual([]);
  expect(passed.length).toBeGreaterThan(30);
});

const FAULTS: readonly Fault[] = [
  [
    "whose incr begins a counter",
    (store) => ({
      incr: async (key, delta, deadline) => {
        await store.setMany([{ key, value: "0", ttl: null }], "if-absent", deadline);
        return store.incr(key, delta, deadline);
      },
    }),
    "every method finds nothing under an unknown key, and none creates it",
  ],
  [
    "whose incr reads, then writes",
    (store) => ({
      incr: async (key, delta, deadline) => {
        const value = await store.get(key, deadline);
        if (value === undefined) return { status: "missing" };
        const sum = BigInt(String(value)) + delta;
        await store.setMany([{ key, value: String(sum), ttl: null }], "always", deadline);
        return { status: "incremented", value: sum };
      },
    }),
    "100 concurrent incr: each sees another sum, and together they are 100",
  ],
  [
    "whose set ignores its condition",
    (store) => ({ set: (entry, _condition, deadline) => store.set(entry, "always", deadline) }),
    "set replaces a value, stores a missing one, or leaves both, as its condition says",
  ],
  [
    "that treats a time to live as seconds",
    (store) => ({
      set: (entry, condition, deadline) => {
        const ttl = entry.ttl === null ? null : entry.ttl * 1000;
        return store.set({ ...entry, ttl }, condition, deadline);
      },
    }),
    "ttlMany returns the remaining time, in milliseconds",
  ],
  [
    "whose touch with null requires an expiry",
    (store) => ({
      touchMany: async (keys, ttl, deadline) => {
        const before = await store.ttlMany(keys, deadline);
        const touched = await store.touchMany(keys, ttl, deadline);
        return touched.map((isThere, index) => isThere && !(ttl === null && before[index] === null));
      },
    }),
    "touchMany with null removes the expiry, and is true for an entry without one",
  ],
  [
    "whose clear treats the prefix as a pattern",
    (store) => ({
      async *clear(keyPrefix, pageDeadline) {
        const pattern = new RegExp(
          `^${keyPrefix.replaceAll("*", ".*").replaceAll(/[\\[\]()?|^$]/g, ".")}:-?\\d+:`,
          "s",
        );
        for await (const key of store.scan("", pageDeadline)) {
          if (pattern.test(key)) yield await store.deleteMany([key], pageDeadline());
        }
      },
    }),
    "clear takes the prefix literally: `a*` deletes nothing of `abc`",
  ],
  [
    "whose clear deletes all keys with the prefix",
    (store) => ({
      async *clear(keyPrefix, pageDeadline) {
        for await (const key of store.scan(`${keyPrefix}:`, pageDeadline)) {
          yield await store.deleteMany([key], pageDeadline());
        }
      },
    }),
    "clear deletes exactly {prefix}:{integer}:{anything}, and counts it",
  ],
  [
    "whose scan yields a key twice",
    (store) => ({
      async *scan(prefix, pageDeadline) {
        yield* store.scan(prefix, pageDeadline);
        yield* store.scan(prefix, pageDeadline);
      },
    }),
    "scan yields every key with the prefix once, and no other",
  ],
  [
    "that answers after its deadline",
    (store) => ({
      getMany: (keys) => store.getMany(keys, { total: 1, remaining: 1, hasPassed: false } as never),
    }),
    "a deadline that has passed: every method fails as not sent, and nothing is written",
  ],
  [
    "that returns bytes instead of text",
    (store) => ({
      get: async (key, deadline) => Buffer.from(String((await store.get(key, deadline)) ?? "")),
    }),
    "get reads a value, and nothing but its own",
  ],
  [
    "that claims to have leases, and grants none",
    () => ({ lease: () => Promise.resolve({ status: "busy", ended: 0 }) }),
    "the store can do what its capabilities say",
  ],
  [
    "whose ensureMany sets the time to live of existing entries",
    (store) => ({
      ensureMany: async (entries, deadline) => {
        const values = await store.ensureMany(entries, deadline);
        for (const { key, ttl } of entries) await store.touchMany([key], ttl, deadline);
        return values;
      },
    }),
    "ensureMany does not shorten a time to live",
  ],
  [
    "whose ensureMany returns its arguments",
    (store) => ({
      ensureMany: async (entries, deadline) => {
        await store.ensureMany(entries, deadline);
        return entries.map(({ value }) => value);
      },
    }),
    "20 concurrent ensureMany: all get the value of one",
  ],
  [
    "whose takeMany reads, then deletes",
    (store) => ({
      takeMany: async (keys, deadline) => {
        const values = await store.getMany(keys, deadline);
        await store.deleteMany(keys, deadline);
        return values;
      },
    }),
    "20 concurrent takeMany of one entry: exactly one gets it",
  ],
  [
    "whose takeMany leaves the lease of a missing entry",
    (store) => ({
      takeMany: async (keys, deadline) => {
        const values = await store.getMany(keys, deadline);
        return values.includes(undefined) ? values : store.takeMany(keys, deadline);
      },
    }),
    "takeMany ends the leases on its keys, even without an entry",
  ],
  [
    "whose touchHeadless touches entries with a head",
    (store) => ({
      touchHeadless: async (keys, ttl, deadline) => {
        const answers = await store.touchHeadless(keys, ttl, deadline);
        await store.touchMany(keys, ttl, deadline);
        return answers;
      },
    }),
    "touchHeadless returns a head and the remaining time to live, and changes neither",
  ],
  [
    "whose replaceHead accepts any head",
    (store) => ({
      replaceHead: async (key, _, next, deadline) => {
        const [each] = await store.touchHeadless([key], null, deadline);
        return typeof each === "object" && store.replaceHead(key, each.head, next, deadline);
      },
    }),
    "replaceHead leaves an entry with another head as it is, and creates none",
  ],
  [
    "whose ttlMany counts whole milliseconds that have passed",
    (store) => ({
      ttlMany: async (keys, deadline) =>
        (await store.ttlMany(keys, deadline)).map((left) => (typeof left === "number" ? left - 1 : left)),
    }),
    "ttlMany is never less than 1, however little is left",
  ],
  [
    "whose compareAndSet reads, then writes",
    (store) => ({
      compareAndSet: async (key, expected, next, deadline) => {
        if ((await store.get(key, deadline)) !== expected) return false;
        if (next === undefined) await store.deleteMany([key], deadline);
        else await store.setMany([{ key, ...next }], "always", deadline);
        return true;
      },
    }),
    "20 concurrent compareAndSet of one value: exactly one replaces it",
  ],
  [
    "whose incr adds to what it begins",
    (store) => ({
      incr: async (key, delta, deadline, options) => {
        const result = await store.incr(key, delta, deadline);
        if (result.status !== "missing" || options?.begin === undefined) return result;
        await store.setMany([{ key, ...options.begin }], "always", deadline);
        return store.incr(key, delta, deadline);
      },
    }),
    "incr with a beginning stores it if there is no entry, with its time to live",
  ],
  [
    "whose incr checks for an entry, then begins one",
    (store) => ({
      incr: async (key, delta, deadline, options) => {
        const result = await store.incr(key, delta, deadline);
        if (result.status !== "missing" || options?.begin === undefined) return result;
        await store.setMany([{ key, ...options.begin }], "always", deadline);
        return { status: "incremented", value: BigInt(String(options.begin.value)) };
      },
    }),
    "100 concurrent incr with a beginning: one begins, and together they are 100",
  ],
  [
    "whose incr restarts the time to live with each call",
    (store) => ({
      incr: async (key, delta, deadline, options) => {
        if (options?.begin !== undefined) await store.touchMany([key], options.begin.ttl, deadline);
        return store.incr(key, delta, deadline, options);
      },
    }),
    "incr with a beginning adds to an existing entry, and keeps its time to live",
  ],
  [
    "whose incr ignores the lower bound",
    (store) => ({
      incr: (key, delta, deadline, options) =>
        store.incr(key, delta, deadline, { ...options, least: undefined }),
    }),
    "incr does not go below its lower bound, whatever is subtracted",
  ],
  [
    "that claims to have locks, and grants none",
    () => ({ acquireLock: async () => undefined }),
    "the store can do what its capabilities say",
  ],
];

test.each(FAULTS)("a store %s fails", async (_, spoil, title) => {
  expect((await runCacheStoreSuite(spoil, { only: title })).failed).toEqual([title]);
});

test("a store whose calls take half of the short time to live passes: the tests run again with more time", async () => {
  const tests = new Map<string, () => Promise<void>>();
  const register = Object.assign((title: string, run: () => Promise<void>) => tests.set(title, run), {
    skip: () => {},
  });
  const make = memoryCacheStore();
  const open = () => ({ store: slowed(make({ redis: new RedisRegistry(), clock: systemClock }), 20) });
  describeCacheStore({ describe: (_, define) => define(), it: register }, "slow", { open, shortTtl: 40 });
  for (const title of [
    "ensureMany: an existing entry lives at least as long as its new value would have",
    "touchMany lengthens or shortens the time to live, and leaves the value",
    "the holder of a lease can extend it",
  ]) {
    await expect(tests.get(title)?.(), title).resolves.toBeUndefined();
  }
});

test("a skipped test shows its reason", async () => {
  const title = "clear deletes 2500 entries among as many others";
  const { passed, skipped } = await runCacheStoreSuite(() => ({}), {
    skip: [{ reason: "it cannot be walked", tests: [title] }],
  });
  expect(skipped).toEqual([`${title} (skipped: it cannot be walked)`]);
  expect(passed).not.toContain(title);
});

test("skipping a test that does not exist is an error", () => {
  const framework: TestFramework = { describe: () => {}, it: Object.assign(() => {}, { skip: () => {} }) };
  const options = { open: () => openSpoilt(() => ({})), skip: [{ reason: "none", tests: ["no such test"] }] };
  expect(() => describeCacheStore(framework, "any", options)).toThrow(
    'There is no test "no such test" to skip.',
  );
});
