import type { RedisSettings } from "../../redis/index.ts";
import { memorySessionStore } from "../../stores/memory/index.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import type { TestFramework } from "../session-store-contract/index.ts";
import type { AdapterAbility, AdapterTestApplication, StartedAdapterApplication } from "./application.ts";
import { commitTests, SESSIONS } from "./commits.ts";
import { ERRORS } from "./errors.ts";
import { CROSS_SITE, EAGER, PROXIES } from "./requests.ts";
import { BESIDE, INJECTION, SEVERAL } from "./several.ts";
import { EVENTS, STREAMS } from "./streams.ts";
import { ConformanceContext, type ConformanceTest, type ConformanceTests } from "./support.ts";

/** Options of {@link describeAdapter}. */
export interface AdapterSuiteOptions {
  /** Starts an application on a free port. */
  readonly start: (
    application: AdapterTestApplication,
  ) => Promise<StartedAdapterApplication> | StartedAdapterApplication;
  /** Abilities that the adapter or its framework lacks, with the reason: their tests are left out. */
  readonly lacks?: Readonly<Partial<Record<AdapterAbility, string>>>;
  /** Store of the sessions. @defaultValue `memorySessionStore()` */
  readonly store?: SessionStoreFactory;
  /** Returns the connections of the store, when a test starts. */
  readonly redis?: () => RedisSettings;
  /** Titles of tests that the adapter cannot pass, with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

const TESTS_OF_ABILITIES: Readonly<Partial<Record<AdapterAbility, ConformanceTests>>> = {
  streams: STREAMS,
  events: EVENTS,
  eager: EAGER,
  proxies: PROXIES,
  several: SEVERAL,
  listener: BESIDE,
  injection: INJECTION,
};

/**
 * The duties of an adapter as a test suite: one test for each, over real HTTP with a cookie jar, and
 * again over HTTP/2 where the framework has it.
 *
 * @example
 * ```ts
 * import { describe, it } from "node:test";
 * import {
 *   type AdapterTestApplication,
 *   describeAdapter,
 *   type StartedAdapterApplication,
 * } from "sojourn/testing";
 *
 * declare function startOwl(application: AdapterTestApplication): Promise<StartedAdapterApplication>;
 *
 * describeAdapter({ describe, it }, "owlSessions", {
 *   lacks: { http2: "Owl has none" },
 *   start: startOwl,
 * });
 * ```
 */
export function describeAdapter(framework: TestFramework, name: string, options: AdapterSuiteOptions): void {
  const reasons = skipReasons(options);
  const protocols = hasAbility(options, "http2")
    ? (["HTTP/1.1", "HTTP/2"] as const)
    : (["HTTP/1.1"] as const);
  for (const protocol of protocols) {
    framework.describe(`adapter ${name}, over ${protocol}`, () => {
      for (const [title, test] of Object.entries(testsOf(options))) {
        const reason = reasons.get(title);
        const run = () => runTest(options, protocol, test);
        if (reason === undefined) framework.it(title, run);
        else framework.it.skip(`${title} (skipped: ${reason})`, run);
      }
    });
  }
}

function hasAbility({ lacks = {} }: AdapterSuiteOptions, ability: AdapterAbility): boolean {
  return lacks[ability] === undefined;
}

function testsOf(options: AdapterSuiteOptions): ConformanceTests {
  const special = Object.entries(TESTS_OF_ABILITIES)
    .filter(([ability]) => hasAbility(options, ability as AdapterAbility))
    .map(([, tests]) => tests);
  return Object.assign(
    {},
    SESSIONS,
    commitTests((ability) => hasAbility(options, ability)),
    ERRORS,
    CROSS_SITE,
    ...special,
  ) as ConformanceTests;
}

function skipReasons(options: AdapterSuiteOptions): Map<string, string> {
  const reasons = new Map<string, string>();
  const known = testsOf(options);
  for (const { reason, tests } of options.skip ?? []) {
    for (const title of tests) {
      if (!Object.hasOwn(known, title)) throw new Error(`There is no test "${title}" to skip.`);
      reasons.set(title, reason);
    }
  }
  return reasons;
}

async function runTest(
  { start, store = memorySessionStore(), redis }: AdapterSuiteOptions,
  protocol: AdapterTestApplication["protocol"],
  test: ConformanceTest,
): Promise<void> {
  const context = new ConformanceContext({
    start: async (application) => start(application),
    store,
    redis: redis?.(),
    protocol,
  });
  try {
    await test(context.parts);
  } finally {
    await context.close();
  }
}
