import { createHash } from "node:crypto";

import { CacheKeyNotFoundError, CacheNotIntegerError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";
import type { CountingSteps } from "../counters.ts";
import type { Timeout } from "../options/timeouts.ts";

/** A cache for the counters of limits. */
export type CountingCache = Cache;

/**
 * Returns a key that shows no part but the prefix: ids are addresses and names of people, and keys
 * appear in logs.
 */
export function toHashedKey(prefix: string, parts: readonly (string | number)[]): string {
  return prefix + createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/** A counter of a window: its key, and its time to live from its first count on. */
export interface Counter {
  readonly key: string;
  readonly timeout: Timeout;
}

/**
 * Adds to a counter, and starts a missing one, in one command. Its time to live counts from its
 * start.
 *
 * @returns The sum. Concurrent calls get different sums.
 */
export async function addToCounter(
  steps: CountingSteps,
  { key, timeout }: Counter,
  delta: number,
): Promise<number> {
  const sum = await steps.incr(key, delta, { timeout });
  if (sum === undefined) throw new CacheKeyNotFoundError(key);
  return sum;
}

/** Subtracts a count, if its counter still exists. @returns The sum, at least 0. */
export async function takeBack(
  steps: CountingSteps,
  key: string,
  count: number,
): Promise<number | undefined> {
  return steps.incr(key, -count, { least: 0n });
}

/**
 * Returns the value of a counter, 0 if there is none.
 *
 * @throws {CacheNotIntegerError} When the entry is no counter.
 */
export function toCount(key: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return Number(value);
  throw new CacheNotIntegerError(key);
}
