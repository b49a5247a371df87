import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import type { Milliseconds } from "../../core/clock.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import { letEnd, type ShortLife, whileAlive } from "../while-alive.ts";
import { CONCURRENCY } from "./concurrency.ts";
import { CONDITIONAL_WRITES } from "./conditional-writes.ts";
import { EXPIRY, READ_WITH_TTL } from "./expiry.ts";
import { RECORDS } from "./records.ts";
import { SCAN, withoutScan } from "./scan.ts";
import type { ContractContext, ContractTest, ContractTests } from "./support.ts";
import { TOMBSTONES, withoutTombstones } from "./tombstones.ts";
import { USERS } from "./users.ts";
import { NO_WATCHES, WATCHES } from "./watches.ts";

/** Functions of a test framework: those of Vitest, Jest, Mocha or `node:test` fit. */
export interface TestFramework {
  readonly describe: (title: string, define: () => void) => unknown;
  readonly it: ((title: string, run: () => Promise<void>) => unknown) & {
    readonly skip: (title: string, run: () => Promise<void>) => unknown;
  };
}

/** A store made for one test. */
export interface OpenedStore {
  readonly store: SessionStore;
  /**
   * Lets time pass for the store. Needed for stores that take the time from a manual clock.
   *
   * @defaultValue sleeping
   */
  readonly advance?: (span: Milliseconds) => Promise<void> | void;
  /** Called after the test. */
  readonly close?: () => Promise<void> | void;
}

/** Options of {@link describeSessionStore}. */
export interface SessionStoreSuiteOptions {
  /** Makes a store that shares no records with any other. */
  readonly open: () => Promise<OpenedStore> | OpenedStore;
  /** Reason for having no index of users: one test of its absence then replaces those about it. */
  readonly noUsers?: string;
  /** Reason for having no tombstones: one test of their absence then replaces those about them. */
  readonly noTombstones?: string;
  /** Reason for listing no keys: one test that `scan` is refused then replaces those about it. */
  readonly noScan?: string;
  /**
   * Whether the store has `readWithTtl`. If not, one test that it has none replaces the one about
   * it.
   *
   * @defaultValue `false`
   */
  readonly hasReadWithTtl?: boolean;
  /**
   * Whether the store makes a watch. If not, one test that it makes none replaces those about it.
   *
   * @defaultValue `false`
   */
  readonly hasWatch?: boolean;
  /** Titles of tests that the store cannot pass, with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
  /**
   * Time to live of records that expire during a test, which waits a fifth longer. A test whose
   * first calls take more than half of it runs again with twice the time, up to 16 times. In
   * milliseconds.
   *
   * @defaultValue 400
   */
  readonly shortTtl?: Milliseconds;
}

const RECORD_TESTS: ContractTests = {
  ...RECORDS,
  ...CONDITIONAL_WRITES,
  ...EXPIRY,
  ...CONCURRENCY,
};

const CONTRACT: ContractTests = {
  ...RECORD_TESTS,
  ...SCAN,
  ...READ_WITH_TTL,
  ...USERS,
  ...TOMBSTONES,
  ...WATCHES,
};

const NO_READ_WITH_TTL: ContractTests = {
  async "has no readWithTtl"({ store }) {
    assert.ok(store.readWithTtl === undefined, "the store has readWithTtl: set hasReadWithTtl");
  },
};

function contractOf(options: SessionStoreSuiteOptions): ContractTests {
  const { noUsers, noTombstones, noScan, hasReadWithTtl = false, hasWatch = false } = options;
  return {
    ...RECORD_TESTS,
    ...(noScan === undefined ? SCAN : withoutScan(noScan)),
    ...(hasReadWithTtl ? READ_WITH_TTL : NO_READ_WITH_TTL),
    ...(hasWatch ? WATCHES : NO_WATCHES),
    ...(noUsers === undefined ? USERS : withoutIndex(noUsers)),
    ...(noTombstones === undefined ? TOMBSTONES : withoutTombstones(noTombstones)),
  };
}

function withoutIndex(reason: string): ContractTests {
  return {
    async [`has no index of users (${reason}), and does not claim to`]({ store }) {
      assert.equal(store.users, undefined);
    },
  };
}

/**
 * The contract of {@link SessionStore} as a test suite: one test for each of its sentences.
 *
 * @example
 * ```ts
 * import { describe, it } from "node:test";
 * import { RedisRegistry } from "sojourn/redis";
 * import { memorySessionStore } from "sojourn/stores/memory";
 * import { describeSessionStore, ManualClock } from "sojourn/testing";
 *
 * describeSessionStore({ describe, it }, "memory", {
 *   hasReadWithTtl: true,
 *   hasWatch: true,
 *   open: () => {
 *     const clock = new ManualClock();
 *     const context = { projectName: "shop", redis: new RedisRegistry(), clock };
 *     const store = memorySessionStore()(context);
 *     return { store, advance: (span) => clock.advance(span) };
 *   },
 * });
 * ```
 */
export function describeSessionStore(
  framework: TestFramework,
  name: string,
  options: SessionStoreSuiteOptions,
): void {
  const reasons = skipReasons(options);
  framework.describe(`session store ${name}`, () => {
    for (const [title, run] of Object.entries(contractOf(options))) {
      const reason = reasons.get(title);
      if (reason === undefined) framework.it(title, () => runWithStore(options, run));
      else framework.it.skip(`${title} (skipped: ${reason})`, () => runWithStore(options, run));
    }
  });
}

function skipReasons({ skip = [] }: SessionStoreSuiteOptions): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const { reason, tests } of skip) {
    for (const title of tests) {
      if (!Object.hasOwn(CONTRACT, title)) throw new Error(`There is no test "${title}" to skip.`);
      reasons.set(title, reason);
    }
  }
  return reasons;
}

/**
 * Runs a test again, with a fresh store, if the machine was too slow for
 * {@link ContractContext.shortTtl}.
 */
async function runWithStore(options: SessionStoreSuiteOptions, run: ContractTest): Promise<void> {
  await whileAlive(options.shortTtl ?? 400, async (life) => {
    const { store, advance = sleepFor, close } = await options.open();
    try {
      await run(contextOf(store, life, advance, options.noScan === undefined));
    } finally {
      await store.close();
      await close?.();
    }
  });
}

function contextOf(
  store: SessionStore,
  life: ShortLife,
  advance: (span: Milliseconds) => unknown,
  hasScan: boolean,
): ContractContext {
  return {
    store,
    hasScan,
    key: newSessionKey(),
    get shortTtl() {
      return life.ttl;
    },
    expire: () => letEnd(life, advance),
  };
}

async function sleepFor(span: Milliseconds): Promise<void> {
  await sleep(span);
}
