import * as v from "valibot";

import { type Duration, durationSchema } from "../../core/durations.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "../cache-store.ts";
import { keySpacesOf, withKeySpaces } from "../key-spaces.ts";
import { makeCacheStore } from "../make-store.ts";
import { redisCacheStore } from "../redis/index.ts";
import type { ChangeListener, TrackedReads } from "../tracked-reads.ts";
import { CoherentLevel } from "./coherent-level.ts";
import { MemoryLevel } from "./memory-level.ts";
import { TieredCacheStore } from "./tiered-cache-store.ts";

/** Limits of the level in memory. */
export interface TieredMemoryOptions {
  /**
   * Maximum number of values: beyond it, the least recently used one leaves.
   *
   * @defaultValue `10_000`
   */
  readonly maxEntries?: number | undefined;
  /**
   * Maximum total size of the values, in bytes, within `maxEntries`: keys and values in UTF-8 and
   * 160 bytes a value. Beyond it, the least recently used one leaves; a value that is larger by
   * itself does not enter.
   *
   * @defaultValue no bound
   */
  readonly maxBytes?: number | undefined;
}

/** Options of {@link tieredCacheStore}. */
export interface TieredCacheStoreOptions {
  /** Limits of the level in memory. */
  readonly memory?: TieredMemoryOptions | undefined;
  /** Store that has the entries, and reports their changes. @defaultValue `redisCacheStore()` */
  readonly remote?: CacheStoreFactory | undefined;
  /**
   * Maximum staleness of a value while nothing is heard from the remote store, as when a firewall
   * drops all packets. Otherwise changes arrive within milliseconds, and a connection that breaks
   * empties the level at once.
   *
   * Seconds, or text such as `"500ms"`; at least 250 ms. A level in use asks the server four times
   * within it, and at least every 2 seconds.
   *
   * @defaultValue `"5s"`
   */
  readonly maxStale?: Duration | undefined;
}

const COUNT = "a whole number of entries, from 1";
const BYTES = "a whole number of bytes, from 1";

const optionsSchema = settingsObject({
  memory: v.optional(
    settingsObject({
      maxEntries: v.optional(v.pipe(v.number(COUNT), v.safeInteger(COUNT), v.minValue(1, COUNT)), 10_000),
      maxBytes: v.optional(v.pipe(v.number(BYTES), v.safeInteger(BYTES), v.minValue(1, BYTES))),
    }),
    {},
  ),
  remote: v.optional(
    v.custom<CacheStoreFactory>(
      (input) => typeof input === "function",
      "a cache store such as redisCacheStore()",
    ),
    () => redisCacheStore(),
  ),
  // Less would be shorter than the pauses of a busy process, and ask the server all the time.
  maxStale: v.optional(durationSchema({ least: "250ms" }), "5s"),
});

/**
 * Keeps cache entries in Redis, and those that this process has read in its memory too, for as long
 * as Redis reports their changes. A hit costs no command.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option, or a remote
 * store that does not report changes.
 */
export function tieredCacheStore(options: TieredCacheStoreOptions = {}): CacheStoreFactory {
  return (context) => openTieredCacheStore(options, context);
}

function openTieredCacheStore(options: TieredCacheStoreOptions, context: CacheStoreContext): CacheStore {
  const { memory, remote: factory, maxStale } = parseSettings(optionsSchema, options, "tieredCacheStore");
  const { clock, values = "text" } = context;
  const remote = makeCacheStore(factory, context, "tieredCacheStore.remote");
  const level = new CoherentLevel({
    level: new MemoryLevel({ maxEntries: memory.maxEntries, maxBytes: memory.maxBytes }, values),
    clock,
    maxStale,
    track: (listener) => track(remote, listener),
  });
  return withKeySpaces(new TieredCacheStore({ remote, level, clock }), keySpacesOf(remote));
}

function track(remote: CacheStore, listener: ChangeListener): TrackedReads {
  const reads = remote.track?.(listener);
  if (reads !== undefined) return reads;
  const expected =
    "expected a store that reports changes, such as redisCacheStore() on a connection of its own";
  const reason =
    remote.track === undefined
      ? `the store "${remote.name}" does not.`
      : "the client of the application has no duplicate(): give the connection's settings in place of the client.";
  throw new ImproperlyConfigured("tieredCacheStore.remote", `${expected}: ${reason}`);
}
