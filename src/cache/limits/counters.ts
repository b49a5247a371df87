import { describeKind } from "../../core/descriptions.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError, CacheUsageError } from "../../core/errors.ts";
import type { Cache } from "../cache.ts";

/** The part of a cache that limits count with. */
export type CountingCache = Pick<Cache, "add" | "deleteMany" | "get" | "getMany" | "incr">;

/** @throws {CacheUsageError} For what is no cache: all of them, or the settings in its place. */
export function checkCountingCache(cache: unknown, call: string): void {
  if (typeof cache === "object" && cache !== null && "incr" in cache && typeof cache.incr === "function") return;
  throw new CacheUsageError(`${call}() expected a cache, such as caches.default, got ${describeKind(cache)}.`);
}

/**
 * A counter that is not there when it is added to, but is when it is begun, keeps being evicted: this often
 * is enough.
 */
const MOST_ATTEMPTS = 5;

/** A counter of a window: its key, and how long it has to live from its first count on. */
export interface Counter {
  readonly key: string;
  /** In seconds. */
  readonly timeout: number;
}

/**
 * Adds to a counter, and begins it where there is none: one command for a counter that is there, two for a
 * new one. Its time to live is that of its beginning.
 *
 * @returns The sum. Of many at the same time, each sees another one.
 */
export async function addToCounter(cache: CountingCache, { key, timeout }: Counter, delta: number): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const sum = await addIfPresent(cache, key, delta);
    if (sum !== undefined) return sum;
    if (await cache.add(key, delta, { timeout })) return delta;
    if (attempt === MOST_ATTEMPTS) throw new CacheKeyNotFoundError(key);
  }
}

/** {@link addToCounter} for a counter that is probably not there: one command where that is so. */
export async function beginCounter(cache: CountingCache, counter: Counter, delta: number): Promise<number> {
  const isBegun = await cache.add(counter.key, delta, { timeout: counter.timeout });
  return isBegun ? delta : addToCounter(cache, counter, delta);
}

/** What a counter says, 0 where there is none. @throws {CacheNotIntegerError} When the entry is no counter. */
export function toCount(key: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value === "bigint") return Number(value);
  throw new CacheNotIntegerError(key);
}

/** Adds to a counter that is there. @returns The sum; `undefined` where there is none, and then none is begun. */
export async function addIfPresent(cache: CountingCache, key: string, delta: number): Promise<number | undefined> {
  try {
    return await cache.incr(key, delta);
  } catch (error) {
    if (error instanceof CacheKeyNotFoundError) return undefined;
    throw error;
  }
}
