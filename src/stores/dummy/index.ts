import type { CacheStoreFactory } from "../cache-store.ts";
import { DummyCacheStore } from "./dummy-cache-store.ts";

/**
 * Stores nothing, like Django's `DummyCache`: every read is a miss, every load runs, no count and no
 * rate limit is ever reached. For development, where a cache would hide changes. Locks work, within
 * this process. Sessions cannot be kept in it.
 */
export function dummyCacheStore(): CacheStoreFactory {
  return ({ clock }) => new DummyCacheStore(clock);
}
