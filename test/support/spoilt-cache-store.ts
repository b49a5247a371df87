import type { CacheStore } from "../../src/stores/cache-store.ts";
import { MemoryCacheStore } from "../../src/stores/memory/memory-cache-store.ts";
import {
  type CacheStoreSuiteOptions,
  describeCacheStore,
  type OpenedCacheStore,
} from "../../src/testing/cache-store-contract/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import type { TestFramework } from "../../src/testing/session-store-contract/index.ts";

/** The members of a spoilt store that differ from the sound one of which it is made. */
export type Spoil = (store: CacheStore) => Partial<CacheStore>;

/** A fault of a store, and the title of the test that has to fail for it. */
export type Fault = readonly [description: string, spoil: Spoil, title: string];

/** The titles of the tests of a suite. */
interface Outcome {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/**
 * Runs the suite of cache stores on a store, without a test framework.
 *
 * @param only The title of the one test to run; all when it is left out.
 */
export async function runCacheStoreSuite(
  spoil: Spoil,
  { skip = [], only }: { skip?: CacheStoreSuiteOptions["skip"]; only?: string } = {},
): Promise<Outcome> {
  const tests: [string, () => Promise<void>][] = [];
  const [passed, failed, skipped]: [string[], string[], string[]] = [[], [], []];
  const test = Object.assign((title: string, run: () => Promise<void>) => tests.push([title, run]), {
    skip: (title: string) => skipped.push(title),
  });
  const framework: TestFramework = { describe: (_, define) => define(), it: test };
  describeCacheStore(framework, "spoilt", { open: () => openSpoilt(spoil), skip });
  for (const [title, run] of tests.filter(([each]) => only === undefined || each === only)) {
    await run().then(
      () => passed.push(title),
      () => failed.push(title),
    );
  }
  return { passed, failed, skipped };
}

/** A store in memory that is spoilt. */
export function openSpoilt(spoil: Spoil): OpenedCacheStore {
  const clock = new ManualClock();
  const store = new MemoryCacheStore(clock, { maxEntries: 10_000 });
  const spoilt = new Proxy<CacheStore>(store, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(spoil(store), name) ?? Reflect.get(target, name);
      return typeof replaced === "function" ? (replaced as () => unknown).bind(store) : replaced;
    },
  });
  return { store: spoilt, advance: (span) => clock.advance(span) };
}
