import { setTimeout as sleep } from "node:timers/promises";

import type { Milliseconds } from "../../core/clock.ts";
import { newNonce } from "../../core/ids.ts";
import type { CacheStore } from "../../stores/cache-store.ts";
import { letEnd, whileAlive } from "../while-alive.ts";
import type { TestFramework } from "../session-store-contract/index.ts";
import { COMPARE_AND_SET } from "./compare-and-set.ts";
import { COUNTERS } from "./counters.ts";
import { ENSURE, ENSURE_AND_LEASES } from "./ensure.ts";
import { ENTRIES } from "./entries.ts";
import { EXPIRY } from "./expiry.ts";
import { COMPARE_AND_SET_AND_LEASES, FILLS } from "./fills.ts";
import { HEADS, HEADS_AND_LEASES } from "./heads.ts";
import { LEASES, LEASES_AND_NAMESPACES } from "./leases.ts";
import { LOCKS, LOCKS_AND_ENTRIES } from "./locks.ts";
import { NAMESPACES } from "./namespaces.ts";
import type { CacheContractTest, CacheContractTests } from "./support.ts";
import { TAKES, TAKES_AND_LEASES } from "./takes.ts";
import { withTexts } from "./texts.ts";
import { NO_TRACKING, TRACKING } from "./tracking.ts";
import { BYTES, COMPARED_VALUES, LEASED_VALUES, VALUES } from "./values.ts";

/**
 * A store made for one test. It may share its engine with others: each test has keys of its own.
 */
export interface OpenedCacheStore {
  readonly store: CacheStore;
  /**
   * Lets time pass for the store. Needed for stores that take the time from a manual clock.
   *
   * @defaultValue sleeping
   */
  readonly advance?: (span: Milliseconds) => Promise<void> | void;
  /** Called after the test. */
  readonly close?: () => Promise<void> | void;
}

/** Options of {@link describeCacheStore}. */
export interface CacheStoreSuiteOptions {
  /** Makes a store that has room for 6000 entries. */
  readonly open: () => Promise<OpenedCacheStore> | OpenedCacheStore;
  /**
   * Form in which the store reads values, as in {@link CacheStoreContext.values}.
   *
   * @defaultValue `"text"`
   */
  readonly values?: "text" | "bytes";
  /** Whether it reports changes of what was read (`track`). @defaultValue `false` */
  readonly hasTracking?: boolean;
  /** Titles of tests that the store cannot pass, with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
  /**
   * Time to live of entries that expire during a test, which waits a fifth longer. A test whose
   * first calls take more than half of it runs again with twice the time, up to 16 times. In
   * milliseconds.
   *
   * @defaultValue 400
   */
  readonly shortTtl?: Milliseconds;
}

const CONTRACT: CacheContractTests = {
  ...ENTRIES,
  ...ENSURE,
  ...TAKES,
  ...HEADS,
  ...EXPIRY,
  ...COUNTERS,
  ...COMPARE_AND_SET,
  ...LEASES,
  ...ENSURE_AND_LEASES,
  ...TAKES_AND_LEASES,
  ...HEADS_AND_LEASES,
  ...FILLS,
  ...COMPARE_AND_SET_AND_LEASES,
  ...LOCKS,
  ...LOCKS_AND_ENTRIES,
  ...NAMESPACES,
  ...LEASES_AND_NAMESPACES,
  ...VALUES,
  ...COMPARED_VALUES,
  ...LEASED_VALUES,
};

const CONTRACT_OF_BYTES: CacheContractTests = { ...CONTRACT, ...BYTES };

/**
 * The contract of {@link CacheStore} as a test suite: one test for each of its sentences.
 *
 * @example
 * ```ts
 * import { describe, it } from "node:test";
 * import { RedisRegistry } from "sojourn/redis";
 * import { memoryCacheStore } from "sojourn/stores/memory";
 * import { describeCacheStore, ManualClock } from "sojourn/testing";
 *
 * describeCacheStore({ describe, it }, "memory", {
 *   open: () => {
 *     const clock = new ManualClock();
 *     const store = memoryCacheStore()({ redis: new RedisRegistry(), clock });
 *     return { store, advance: (span) => clock.advance(span) };
 *   },
 * });
 * ```
 */
export function describeCacheStore(
  framework: TestFramework,
  name: string,
  options: CacheStoreSuiteOptions,
): void {
  const contract = contractOf(options);
  const reasons = skipReasons(options, contract);
  framework.describe(`cache store ${name}`, () => {
    for (const [title, run] of Object.entries(contract)) {
      const reason = reasons.get(title);
      if (reason === undefined) framework.it(title, () => runWithStore(options, run));
      else framework.it.skip(`${title} (skipped: ${reason})`, () => runWithStore(options, run));
    }
  });
}

function contractOf({ values, hasTracking = false }: CacheStoreSuiteOptions): CacheContractTests {
  const contract = values === "bytes" ? CONTRACT_OF_BYTES : CONTRACT;
  return { ...contract, ...(hasTracking ? TRACKING : NO_TRACKING) };
}

function skipReasons({ skip = [] }: CacheStoreSuiteOptions, contract: object): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const { reason, tests } of skip) {
    for (const title of tests) {
      if (!Object.hasOwn(contract, title)) throw new Error(`There is no test "${title}" to skip.`);
      reasons.set(title, reason);
    }
  }
  return reasons;
}

/**
 * Runs a test again, with a fresh store, if the machine was too slow for
 * {@link CacheContractContext.shortTtl}.
 */
async function runWithStore(options: CacheStoreSuiteOptions, run: CacheContractTest): Promise<void> {
  const { shortTtl = 400, values = "text" } = options;
  await whileAlive(shortTtl, async (life) => {
    const { store: raw, advance = sleepFor, close } = await options.open();
    // Ends in a letter in which no nonce ends, so that no prefix begins with another.
    const prefix = `sojourn-contract-${newNonce()}z`;
    try {
      await run({
        store: withTexts(raw, values),
        raw,
        values,
        prefix,
        key: `${prefix}key`,
        get shortTtl() {
          return life.ttl;
        },
        expire: () => letEnd(life, advance),
      });
    } finally {
      await raw.close();
      await close?.();
    }
  });
}

async function sleepFor(span: Milliseconds): Promise<void> {
  await sleep(span);
}
