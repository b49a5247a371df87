import { describe, test } from "vitest";
import type { Lease } from "../../../src/stores/cache-store.ts";
import { within } from "../../support/redis-connections.ts";
import { isSoak } from "../../support/scale.ts";

/** Each test has keys of its own, and most of them wait for something to expire. */
export const concurrently = { describe, it: test.concurrent };

export const later = () => within();
export const leaseOn = (key: string): Lease => ({ key, token: "t", expected: undefined });
export const entries = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `${prefix}${index}`, value: "1", ttl: 60_000 }));

/** {@link concurrently}, without the tests of promises that a store does not make. */
export const promisedAlone = { describe, it: withoutSkipped(test.concurrent) };

type RunTest = (title: string, run: () => Promise<void>) => unknown;

function withoutSkipped(register: RunTest): RunTest & { skip: RunTest } {
  return Object.assign((...args: Parameters<RunTest>) => register(...args), { skip: () => {} });
}

/** Forms of values to be tried: both are the same code on all engines, so the gate has one. */
export const FORMS: readonly ("text" | "bytes")[] = isSoak ? ["text", "bytes"] : ["text"];
