import { describeKind } from "../../core/descriptions.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError, CacheUsageError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";
import type { CountingSteps } from "../counters.ts";

/** A cache that limits count in. */
export type CountingCache = Cache;

/** @throws {CacheUsageError} For what is no cache: all of them, or the settings in its place. */
export function checkCountingCache(cache: unknown, call: string): void {
  if (typeof cache === "object" && cache !== null && "counters" in cache && "incr" in cache) return;
  throw new CacheUsageError(`${call}() expected a cache, such as caches.default, got ${describeKind(cache)}.`);
}

/** A counter of a window: its key, and how long it has to live from its first count on. */
export interface Counter {
  readonly key: string;
  /** In seconds. */
  readonly timeout: number;
}

/**
 * Adds to a counter, and begins it where there is none, in one command. Its time to live is that of its
 * beginning.
 *
 * @returns The sum. Of many at the same time, each sees another one.
 */
export async function addToCounter(steps: CountingSteps, { key, timeout }: Counter, delta: number): Promise<number> {
  const sum = await steps.incr(key, delta, { timeout });
  if (sum === undefined) throw new CacheKeyNotFoundError(key);
  return sum;
}

/** Takes a count back, where its counter is still there. @returns The sum, which is not below 0. */
export async function takeBack(steps: CountingSteps, key: string, count: number): Promise<number | undefined> {
  return steps.incr(key, -count, { least: 0n });
}

/** What a counter says, 0 where there is none. @throws {CacheNotIntegerError} When the entry is no counter. */
export function toCount(key: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return Number(value);
  throw new CacheNotIntegerError(key);
}
