import { expect, test } from "vitest";

import type { CacheStore } from "../../stores/cache-store.ts";
import { MemoryCacheStore } from "../../stores/memory/memory-cache-store.ts";
import { ManualClock } from "../manual-clock.ts";
import type { TestFramework } from "../session-store-contract/index.ts";
import { type CacheStoreSuiteOptions, describeCacheStore } from "./index.ts";

type Spoil = (store: CacheStore) => Partial<CacheStore>;

/** Runs the suite without a test framework. @returns The titles that passed, failed and were skipped. */
async function runSuite(spoil: Spoil, skip: CacheStoreSuiteOptions["skip"] = []) {
  const tests: [string, () => Promise<void>][] = [];
  const [passed, failed, skipped]: [string[], string[], string[]] = [[], [], []];
  const it = Object.assign((title: string, run: () => Promise<void>) => tests.push([title, run]), {
    skip: (title: string) => skipped.push(title),
  });
  const framework: TestFramework = { describe: (_, define) => define(), it };
  describeCacheStore(framework, "spoilt", { open: () => openSpoilt(spoil), skip });
  for (const [title, run] of tests) {
    await run().then(
      () => passed.push(title),
      () => failed.push(title),
    );
  }
  return { passed, failed, skipped };
}

function openSpoilt(spoil: Spoil) {
  const clock = new ManualClock();
  const store = new MemoryCacheStore(clock, 10_000);
  const spoilt = new Proxy<CacheStore>(store, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(spoil(store), name) ?? Reflect.get(target, name);
      return typeof replaced === "function" ? (replaced as () => unknown).bind(store) : replaced;
    },
  });
  return { store: spoilt, advance: (span: number) => clock.advance(span) };
}

test("a sound store passes every test", async () => {
  const { passed, failed } = await runSuite(() => ({}));
  expect(failed).toEqual([]);
  expect(passed.length).toBeGreaterThan(30);
});

const faults: [string, Spoil, string][] = [
  [
    "whose incr begins a counter",
    (store) => ({
      incr: async (key, delta, deadline) => {
        await store.setMany([{ key, value: "0", ttl: null }], "if-absent", deadline);
        return store.incr(key, delta, deadline);
      },
    }),
    "an unknown key: every method finds nothing, and none creates it",
  ],
  [
    "whose incr reads, then writes",
    (store) => ({
      incr: async (key, delta, deadline) => {
        const [value] = await store.getMany([key], deadline);
        if (value === undefined) return { status: "missing" };
        const sum = BigInt(value) + delta;
        await store.setMany([{ key, value: String(sum), ttl: null }], "always", deadline);
        return { status: "incremented", value: sum };
      },
    }),
    "100 concurrent incr: each sees another sum, and together they are 100",
  ],
  [
    "that takes a time to live for seconds",
    (store) => ({
      setMany: (entries, condition, deadline) => {
        const longer = entries.map((entry) => ({ ...entry, ttl: entry.ttl === null ? null : entry.ttl * 1000 }));
        return store.setMany(longer, condition, deadline);
      },
    }),
    "ttl tells what is left, in milliseconds",
  ],
  [
    "whose touch with null wants an expiry to take off",
    (store) => ({
      touch: async (key, ttl, deadline) => {
        const hadNone = (await store.ttl(key, deadline)) === null;
        return (await store.touch(key, ttl, deadline)) && !(ttl === null && hadNone);
      },
    }),
    "touch with null takes the expiry off, and is true for an entry without one",
  ],
  [
    "whose clear takes the prefix for a pattern",
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
    "clear takes the prefix as it is: `a*` deletes nothing of `abc`",
  ],
  [
    "whose clear deletes all that has the prefix",
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
    (store) => ({ getMany: (keys) => store.getMany(keys, { total: 1, remaining: 1, hasPassed: false } as never) }),
    "a deadline that has passed: every method fails as not sent, and nothing is written",
  ],
];

test.each(faults)("a store %s fails", async (_, spoil, title) => {
  expect((await runSuite(spoil)).failed).toContain(title);
});

test("a skipped test shows its reason", async () => {
  const title = "clear deletes 2500 entries among as many others";
  const { passed, skipped } = await runSuite(() => ({}), [{ reason: "it cannot be walked", tests: [title] }]);
  expect(skipped).toEqual([`${title} (skipped: it cannot be walked)`]);
  expect(passed).not.toContain(title);
});

test("skipping a test that does not exist is an error", () => {
  const framework: TestFramework = { describe: () => {}, it: Object.assign(() => {}, { skip: () => {} }) };
  const options = { open: () => openSpoilt(() => ({})), skip: [{ reason: "none", tests: ["no such test"] }] };
  expect(() => describeCacheStore(framework, "any", options)).toThrow('There is no test "no such test" to skip.');
});
