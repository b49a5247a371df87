import * as v from "valibot";

import type { Milliseconds } from "../core/clock.ts";
import { type Duration, durationSchema, expirySchema } from "../core/durations.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import { type CacheStoreFactory, MAX_LEASE } from "../stores/cache-store.ts";
import { redisCacheStore } from "../stores/redis/index.ts";
import {
  type CacheCompressor,
  type Compression,
  type CompressionSettings,
  compressionSchema,
} from "./entry/compression.ts";
import type { KeyFunction } from "./keys/keys.ts";
import type { LoadDefaults, ResolvedLoadDefaults } from "./load/load-options.ts";
import { type CacheSerializer, isCacheSerializer, JsonSerializer } from "./entry/serializers.ts";
import type { Timeout } from "./options/timeouts.ts";

/** Settings of one cache, with the names and units of Django's `CACHES`. */
export interface CacheSettings extends LoadDefaults {
  /**
   * Store of the entries: `redisCacheStore()`, `memoryCacheStore()`, or your own.
   *
   * @defaultValue `redisCacheStore()`
   */
  readonly store?: CacheStoreFactory;
  /**
   * First part of the keys, `{keyPrefix}:{version}:{key}`. `clear()` needs one, since it deletes
   * all keys with this prefix.
   *
   * A cache with the prefix `a:1` lies inside the one with the prefix `a`. @defaultValue `""`
   */
  readonly keyPrefix?: string;
  /** Default version of entries. An integer. @defaultValue `1` */
  readonly version?: number;
  /**
   * Keeps the version in the store, under `{keyPrefix}:version`, so that `bumpVersion()` empties
   * the cache at once for all processes. Each call then reads it as well. Django does not read it.
   * @defaultValue `false`
   */
  readonly sharedVersion?: boolean;
  /**
   * Default time to live of an entry. `null`: no expiry; 0 or less: nothing is stored.
   *
   * @defaultValue `300`
   */
  readonly timeout?: Timeout;
  /** Makes the storage keys in another way; `clear()` does not work then. @defaultValue none */
  readonly keyFunction?: KeyFunction;
  /**
   * Writes and reads values: `JsonSerializer`, `TaggedJsonSerializer`, or one of your own.
   *
   * @defaultValue `JsonSerializer`
   */
  readonly serializer?: CacheSerializer;
  /** Compresses values of sufficient length, as django-redis does. @defaultValue none */
  readonly compression?: CacheCompressor | CompressionSettings;
  /**
   * Gives all callers of an entry the same value, deeply frozen, instead of building it for each:
   * reads cost less. For `JsonSerializer` only. @defaultValue `false`
   */
  readonly frozen?: boolean;
  /** Maximum duration of one store operation. At least 10 ms. @defaultValue `"1s"` */
  readonly deadline?: Duration;
  /**
   * Time after which the right to load an entry expires when the process that holds it has died; a
   * live process renews it. From 100 ms to 30 s; `null`: each process loads for itself.
   * @defaultValue `"5s"`
   */
  readonly lease?: Duration | null;
  /**
   * Result of a call when the store fails: the store's error, or a `"miss"`, which is counted and
   * emitted as the event `storeError`. Deletes, counters and locks throw in any case.
   * @defaultValue `"throw"`
   */
  readonly onStoreError?: "throw" | "miss";
}

/** {@link CacheSettings}, checked and complete. */
export interface ResolvedCacheSettings {
  readonly store: CacheStoreFactory;
  readonly keyPrefix: string;
  readonly version: number;
  readonly sharedVersion: boolean;
  readonly timeout: Milliseconds | null;
  readonly keyFunction: KeyFunction | undefined;
  readonly serializer: CacheSerializer | undefined;
  readonly compression: Compression | undefined;
  readonly frozen: boolean;
  readonly deadline: Milliseconds;
  readonly lease: Milliseconds | null;
  readonly onStoreError: "throw" | "miss";
  readonly loads: ResolvedLoadDefaults;
}

const PREFIX = 'a text such as "myproject"';
const EARLY = "true, false or a number from 0";
const JITTER = "a number from 0 to 1";

const span = v.optional(durationSchema({ least: 0 }));

const cacheSchema = settingsObject({
  store: v.optional(
    v.custom<CacheStoreFactory>(
      (input) => typeof input === "function",
      "a store such as redisCacheStore() or memoryCacheStore()",
    ),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(
    v.pipe(
      v.string(PREFIX),
      v.check((text) => text.isWellFormed(), PREFIX),
    ),
    "",
  ),
  version: v.optional(v.pipe(v.number("an integer"), v.safeInteger("an integer")), 1),
  sharedVersion: v.optional(v.boolean("true or false"), false),
  timeout: v.optional(expirySchema(), 300),
  keyFunction: v.optional(
    v.custom<KeyFunction>((input) => typeof input === "function", "a function of key, keyPrefix and version"),
  ),
  serializer: v.optional(
    v.custom<CacheSerializer>(isCacheSerializer, "an object with dump(value) and load(text)"),
  ),
  compression: v.optional(compressionSchema),
  frozen: v.optional(v.boolean("true or false"), false),
  deadline: v.optional(durationSchema({ least: "10ms" }), "1s"),
  lease: v.optional(v.nullable(durationSchema({ least: "100ms", most: `${MAX_LEASE}ms` })), "5s"),
  onStoreError: v.optional(v.picklist(["throw", "miss"], '"throw" or "miss"'), "throw"),
  stale: span,
  staleIfError: span,
  early: v.optional(v.custom<number | boolean>(isEarly, EARLY)),
  negativeTimeout: v.optional(expirySchema()),
  softTimeout: span,
  hardTimeout: span,
  jitter: v.optional(v.pipe(v.number(JITTER), v.minValue(0, JITTER), v.maxValue(1, JITTER))),
});

/**
 * @param path Path of the settings in the application's code, such as `caches.default`.
 * @throws {ImproperlyConfigured} Naming the setting, the expected form and the given value.
 */
export function resolveCacheSettings(settings: CacheSettings, path: string): ResolvedCacheSettings {
  const parsed = parseSettings(cacheSchema, settings, path);
  const { stale, staleIfError, early, negativeTimeout, softTimeout, hardTimeout, jitter, ...rest } = parsed;
  checkSharedVersion(rest, path);
  checkFrozen(rest, path);
  return {
    ...rest,
    keyFunction: rest.keyFunction,
    serializer: rest.serializer,
    compression: rest.compression,
    loads: {
      stale: stale ?? 0,
      staleIfError: staleIfError ?? 0,
      early: Number(early ?? 0),
      negativeTtl: negativeTimeout,
      softTimeout,
      hardTimeout,
      jitter: jitter ?? 0,
    },
  };
}

function isEarly(input: unknown): boolean {
  return typeof input === "boolean" || (typeof input === "number" && Number.isFinite(input) && input >= 0);
}

/** Refuses `frozen` with other serializers: values such as dates cannot be frozen. */
function checkFrozen(
  { frozen, serializer }: { readonly frozen: boolean; readonly serializer?: CacheSerializer | undefined },
  path: string,
): void {
  if (!frozen || serializer === undefined || serializer === JsonSerializer) return;
  throw new ImproperlyConfigured(
    `${path}.frozen`,
    "expected false with a serializer other than JsonSerializer.",
  );
}

function checkSharedVersion(
  { sharedVersion, keyPrefix }: { readonly sharedVersion: boolean; readonly keyPrefix: string },
  path: string,
): void {
  if (!sharedVersion || keyPrefix !== "") return;
  const message =
    "expected a text that is not empty with sharedVersion: the key of the version begins with it.";
  throw new ImproperlyConfigured(`${path}.keyPrefix`, message);
}
