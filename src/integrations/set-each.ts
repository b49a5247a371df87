import type { Cache } from "../cache/cache.ts";
import type { Timeout } from "../cache/options/timeouts.ts";

/** A value with a timeout of its own. */
export interface TimedValue {
  readonly key: string;
  readonly value: unknown;
  readonly timeout: Timeout;
}

/**
 * Stores values, with one call for all that have the same timeout. No two have the same key.
 *
 * @returns The keys that were not stored.
 */
export async function setEach(cache: Cache, entries: Iterable<TimedValue>): Promise<Set<string>> {
  const byTimeout = new Map<Timeout, Map<string, unknown>>();
  for (const { key, value, timeout } of entries) {
    const values = byTimeout.get(timeout) ?? new Map<string, unknown>();
    byTimeout.set(timeout, values.set(key, value));
  }
  const unstored = await Promise.all(
    [...byTimeout].map(([timeout, values]) => cache.setMany(values, { timeout })),
  );
  return new Set(unstored.flat());
}
