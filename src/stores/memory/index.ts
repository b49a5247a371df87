import * as v from "valibot";

import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "../cache-store.ts";
import type { SessionStoreFactory } from "../session-store.ts";
import { MemoryCacheStore, MAX_COUNTERS } from "./memory-cache-store.ts";
import { MemorySessionStore } from "./memory-session-store.ts";

/**
 * Keeps sessions in the memory of this process, for development and tests: they end with it and are
 * invisible to other processes.
 */
export function memorySessionStore(): SessionStoreFactory {
  return (context) => new MemorySessionStore(context.clock);
}

/** Options of {@link memoryCacheStore}. */
export interface MemoryCacheStoreOptions {
  /**
   * Maximum number of entries: beyond it, the least recently used one is dropped.
   *
   * @defaultValue `10_000`
   */
  readonly maxEntries?: number | undefined;
  /**
   * Maximum total size of the entries, in bytes, within `maxEntries`: keys and values in UTF-8
   * (text that is not Latin-1 may take up to twice as much in the process) and 160 bytes an entry.
   * Beyond it, the least recently used one is dropped; an entry that is larger by itself is not
   * kept.
   *
   * @defaultValue no bound
   */
  readonly maxBytes?: number | undefined;
  /**
   * Maximum number of counters beside the entries, with `maxBytes` of their own: counters of `incr`
   * and `decr` are not dropped before they expire, since limits would not hold then. Beyond it,
   * counting with another key is a {@link StoreServiceError}.
   *
   * @defaultValue `100_000`
   */
  readonly maxCounters?: number | undefined;
}

const COUNT = "a whole number of entries, from 1";
const COUNTERS = "a whole number of counters, from 1";
const BYTES = "a whole number of bytes, from 1";

const cacheOptionsSchema = settingsObject({
  maxEntries: v.optional(v.pipe(v.number(COUNT), v.safeInteger(COUNT), v.minValue(1, COUNT)), 10_000),
  maxCounters: v.optional(
    v.pipe(v.number(COUNTERS), v.safeInteger(COUNTERS), v.minValue(1, COUNTERS)),
    MAX_COUNTERS,
  ),
  maxBytes: v.optional(v.pipe(v.number(BYTES), v.safeInteger(BYTES), v.minValue(1, BYTES))),
});

/**
 * Keeps cache entries in the memory of this process, like Django's `LocMemCache`: other processes
 * have caches of their own. Each cache that uses it has its own entries.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option.
 */
export function memoryCacheStore(options: MemoryCacheStoreOptions = {}): CacheStoreFactory {
  return (context) => openMemoryCacheStore(options, context);
}

function openMemoryCacheStore(
  options: MemoryCacheStoreOptions,
  { clock, values }: CacheStoreContext,
): CacheStore {
  return new MemoryCacheStore(clock, parseSettings(cacheOptionsSchema, options, "memoryCacheStore"), values);
}
