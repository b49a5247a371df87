import { expect, test } from "vitest";

import { slowed } from "../../../test/support/slowed-store.ts";
import { systemClock } from "../../core/clock.ts";
import { MemorySessionStore } from "../../stores/memory/memory-session-store.ts";
import type { RecordWatch } from "../../stores/record-watch.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { ManualClock } from "../manual-clock.ts";
import { describeSessionStore, type SessionStoreSuiteOptions, type TestFramework } from "./index.ts";

/**
 * Runs the suite without a test framework.
 *
 * @param only Title of the one test to run; all if omitted.
 * @returns The titles that passed, failed and were skipped.
 */
async function runSuite(
  spoil: (store: SessionStore) => Partial<SessionStore>,
  { skip = [], only }: { skip?: SessionStoreSuiteOptions["skip"]; only?: string } = {},
) {
  const tests: [string, () => Promise<void>][] = [];
  const [passed, failed, skipped]: string[][] = [[], [], []];
  const register = Object.assign((title: string, run: () => Promise<void>) => tests.push([title, run]), {
    skip: (title: string) => skipped?.push(title),
  });
  const framework: TestFramework = { describe: (_, define) => define(), it: register };
  describeSessionStore(framework, "spoilt", {
    hasReadWithTtl: true,
    hasWatch: true,
    open: () => openSpoilt(spoil),
    skip,
  });
  for (const [title, run] of tests.filter(([each]) => only === undefined || each === only)) {
    await run().then(
      () => passed?.push(title),
      () => failed?.push(title),
    );
  }
  return { passed: passed ?? [], failed: failed ?? [], skipped: skipped ?? [] };
}

function openSpoilt(spoil: (store: SessionStore) => Partial<SessionStore>) {
  const clock = new ManualClock();
  const store = new MemorySessionStore(clock);
  const spoilt = new Proxy<SessionStore>(store, {
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
  expect(passed.length).toBeGreaterThan(35);
});

const faults: [string, (store: SessionStore) => Partial<SessionStore>, string][] = [
  [
    "that commits without checking the etag",
    (store) => ({
      commit: async (key, record, _etag, ttl, deadline) => {
        const stored = (await store.read(key, deadline)) ?? "";
        return store.commit(key, record, { start: 0, text: stored }, ttl, deadline);
      },
    }),
    "commit of another version changes nothing and returns the record",
  ],
  [
    "whose commit creates a record that is gone",
    (store) => ({
      commit: async (key, record, etag, ttl, deadline) => {
        const result = await store.commit(key, record, etag, ttl, deadline);
        if (result.status === "gone") await store.create(key, record, ttl, deadline);
        return result;
      },
    }),
    "commit after delete is gone and creates nothing",
  ],
  [
    "that treats a time to live as seconds",
    (store) => ({ create: (key, record, ttl, deadline) => store.create(key, record, ttl * 1000, deadline) }),
    "a time to live is in milliseconds, and need not be a whole number",
  ],
  [
    "that checks, then writes",
    (store) => ({
      create: async (key, record, ttl, deadline) => {
        if ((await store.read(key, deadline)) !== undefined) return { status: "exists" };
        void store.delete(key, deadline);
        return store.create(key, record, ttl, deadline);
      },
    }),
    "20 concurrent creates of one key: exactly one is created",
  ],
  [
    "whose watch reports writes",
    (store) => ({
      watch: (listener) => {
        const watch = store.watch?.(listener);
        return (
          watch && {
            ...openMethodsOf(watch),
            add: (key) => (watch.add(key), listener.onGone(key, "deleted")),
          }
        );
      },
    }),
    "a watch reports no record that is written, touched or extended",
  ],
  [
    "whose watch reports an end once",
    (store) => ({
      watch: (listener) => {
        const reported = new Set<string>();
        const onGone: typeof listener.onGone = (key, cause) => {
          if (reported.size < reported.add(key).size) listener.onGone(key, cause);
        };
        return store.watch?.({ ...listener, onGone, onFailure: listener.onFailure });
      },
    }),
    "a watch reports the next record of a key as well",
  ],
  [
    "whose scan yields a key twice",
    (store) => ({
      async *scan(pageDeadline) {
        yield* store.scan(pageDeadline);
        yield* store.scan(pageDeadline);
      },
    }),
    "scan yields every key once",
  ],
  [
    "whose clearExpired reports no progress",
    (store) => ({ clearExpired: (pageDeadline) => store.clearExpired(pageDeadline) }),
    "clearExpired reports its progress: never less than before, and finally its result",
  ],
  [
    "whose clearExpired starts counting again",
    (store) => ({
      clearExpired: async (pageDeadline, onProgress) => {
        const cleared = await store.clearExpired(pageDeadline, onProgress);
        onProgress?.({ cleared: 0 });
        return cleared;
      },
    }),
    "clearExpired reports its progress: never less than before, and finally its result",
  ],
  [
    "whose clearExpired continues after an error of onProgress",
    (store) => ({
      clearExpired: async (pageDeadline, onProgress) => {
        const cleared = await store.clearExpired(pageDeadline);
        try {
          onProgress?.({ cleared });
        } catch {
          // The records deleted so far stay deleted.
        }
        return cleared;
      },
    }),
    "clearExpired ends with the error that onProgress throws",
  ],
  [
    "that answers after its deadline",
    (store) => ({ read: (key) => store.read(key, { total: 1, remaining: 1, hasPassed: false } as never) }),
    "a deadline that has passed: every method fails as not sent, and nothing is written",
  ],
  [
    "whose tombstones check, then write",
    ({ tombstones }) => ({
      tombstones: tombstones && {
        ...methodsOf(tombstones),
        add: async (name, text, ttl, deadline) => {
          const present = await tombstones.read(name, deadline);
          if (present === undefined) await tombstones.replace(name, text, ttl, deadline);
          return present;
        },
      },
    }),
    "of 20 parallel additions to one name exactly one is stored, and the others return its text",
  ],
  [
    "that folds the case of its tombstones' names",
    ({ tombstones }) => ({
      tombstones: tombstones && {
        ...methodsOf(tombstones),
        add: (name, ...rest) => tombstones.add(name.toLowerCase(), ...rest),
        read: (name, deadline) => tombstones.read(name.toLowerCase(), deadline),
      },
    }),
    "names that differ only in case or in one character are independent",
  ],
  [
    "that keeps its tombstones among its records",
    (store) => ({
      tombstones: {
        read: (name, deadline) => store.read(name, deadline),
        add: async (name, text, ttl, deadline) =>
          (await store.create(name, text, ttl, deadline)).status === "created"
            ? undefined
            : store.read(name, deadline),
        replace: async (name, text, ttl, deadline) => {
          await store.delete(name, deadline);
          await store.create(name, text, ttl, deadline);
        },
        delete: async (name, deadline) => void (await store.delete(name, deadline)),
      },
    }),
    "a tombstone is not a record: it does not replace one, and scan and the index ignore it",
  ],
];

function openMethodsOf(watch: RecordWatch): RecordWatch {
  return { add: (key) => watch.add(key), remove: (key) => watch.remove(key), close: () => watch.close() };
}

function methodsOf(tombstones: SessionTombstones): SessionTombstones {
  return {
    read: (...args) => tombstones.read(...args),
    add: (...args) => tombstones.add(...args),
    replace: (...args) => tombstones.replace(...args),
    delete: (...args) => tombstones.delete(...args),
  };
}

test.each(faults)("a store %s fails", async (_, spoil, title) => {
  expect((await runSuite(spoil, { only: title })).failed).toEqual([title]);
});

test("a store whose calls take half of the short time to live passes: the tests run again with more time", async () => {
  const tests = new Map<string, () => Promise<void>>();
  const register = Object.assign((title: string, run: () => Promise<void>) => tests.set(title, run), {
    skip: () => {},
  });
  const open = () => ({ store: slowed(new MemorySessionStore(systemClock), 20) });
  describeSessionStore({ describe: (_, define) => define(), it: register }, "slow", {
    open,
    shortTtl: 40,
    hasReadWithTtl: true,
  });
  for (const title of [
    "touch lengthens or shortens the time to live, and leaves the record",
    "commit lengthens or shortens the time to live",
    "touch of another version changes nothing and returns the record",
  ]) {
    await expect(tests.get(title)?.(), title).resolves.toBeUndefined();
  }
});

test("a skipped test shows its reason", async () => {
  const { passed, skipped } = await runSuite(() => ({}), {
    skip: [{ reason: "it cannot be listed", tests: ["scan yields every key once"] }],
  });
  expect(skipped).toEqual(["scan yields every key once (skipped: it cannot be listed)"]);
  expect(passed).not.toContain("scan yields every key once");
});

test("skipping a test that does not exist is an error", () => {
  const framework: TestFramework = { describe: () => {}, it: Object.assign(() => {}, { skip: () => {} }) };
  const options = { open: () => openSpoilt(() => ({})), skip: [{ reason: "none", tests: ["no such test"] }] };
  expect(() => describeSessionStore(framework, "any", options)).toThrow(
    'There is no test "no such test" to skip.',
  );
});
