import { checkOptions, describeGiven, knownOptions } from "../../core/calls.ts";
import { CacheUsageError } from "../../core/errors.ts";
import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { keysBeginningWith } from "../../cache/keys/key-patterns.ts";
import { type Timeout, toTtl } from "../../cache/options/timeouts.ts";
import { setEach } from "../set-each.ts";

/** Options of {@link unstorageDriver}. */
export interface UnstorageDriverOptions {
  /** First part of the keys in the cache, without a colon at the end. @defaultValue none */
  readonly base?: string | undefined;
  /** Time to live of items without one of their own. @defaultValue no expiry */
  readonly ttl?: Timeout | undefined;
}

/** Options that unstorage passes to a call. */
export interface UnstorageItemOptions {
  /** Time to live: seconds, or text with a unit. @defaultValue that of the driver */
  readonly ttl?: Timeout | undefined;
}

/** An item that is to be stored. */
export interface UnstorageItem {
  readonly key: string;
  readonly value: string;
  readonly options?: UnstorageItemOptions | undefined;
}

/** Driver of unstorage on a cache. Failures of the cache are thrown. */
export interface UnstorageDriver {
  readonly name: string;
  readonly options: UnstorageDriverOptions;
  readonly flags: { readonly maxDepth: boolean; readonly ttl: boolean };
  /** Returns the cache. */
  readonly getInstance: () => Cache;
  readonly hasItem: (key: string) => Promise<boolean>;
  /** Reads the text of an item; `null` without one. */
  readonly getItem: (key: string) => Promise<string | null>;
  /** Reads items with one command, in their order. */
  readonly getItems: (
    items: readonly { readonly key: string }[],
  ) => Promise<{ key: string; value: string | null }[]>;
  readonly setItem: (key: string, value: string, options?: UnstorageItemOptions) => Promise<void>;
  /** Stores items, with one round trip for all that have the same time to live. */
  readonly setItems: (items: readonly UnstorageItem[], options?: UnstorageItemOptions) => Promise<void>;
  readonly removeItem: (key: string) => Promise<void>;
  /** Returns the remaining time of an item in seconds, if it has one; `null` without an item. */
  readonly getMeta: (key: string) => Promise<{ ttl?: number } | null>;
  /** Walks the keys that begin with a base: for maintenance, not for requests. */
  readonly getKeys: (base?: string) => Promise<string[]>;
  /** Deletes the items whose keys begin with a base, page by page, and no other entries. */
  readonly clear: (base?: string) => Promise<void>;
}

const OPTIONS = knownOptions(
  "unstorageDriver()",
  ["base", "ttl"],
  '{ base: "nitro", ttl: 60 }',
  CacheUsageError,
);

/**
 * Makes a driver for unstorage 1 on a cache, and so for Nitro and Nuxt.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { unstorageDriver } from "sojourn/integrations/unstorage";
 * import { createStorage } from "unstorage";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const storage = createStorage({ driver: unstorageDriver(caches.default, { base: "storage" }) });
 * ```
 */
export function unstorageDriver(cache: Cache, options: UnstorageDriverOptions = {}): UnstorageDriver {
  checkCache(cache, "unstorageDriver");
  const { prefix, timeout } = toSettings(options);
  const timeoutOf = ({ ttl }: UnstorageItemOptions): Timeout => (ttl === undefined ? timeout : ttl);
  const keyOf = (key: string): string => prefix + key;
  // unstorage calls the methods without their object.
  return {
    name: "sojourn",
    options,
    flags: { maxDepth: false, ttl: true },
    getInstance: () => cache,
    hasItem: (key) => cache.has(keyOf(key)),
    getItem: async (key) => (await cache.get<string>(keyOf(key))) ?? null,
    getItems: async (items) => {
      const values = await cache.getMany<string>(items.map(({ key }) => keyOf(key)));
      return items.map(({ key }) => ({ key, value: values.get(keyOf(key)) ?? null }));
    },
    setItem: async (key, value, own = {}) => {
      await cache.set(keyOf(key), value, { timeout: timeoutOf(own) });
    },
    setItems: async (items, common = {}) => {
      const last = new Map(items.map((item) => [keyOf(item.key), item]));
      const entries = [...last].map(([key, { value, options: own }]) => ({
        key,
        value,
        timeout: timeoutOf({ ...common, ...own }),
      }));
      await setEach(cache, entries);
    },
    removeItem: async (key) => {
      await cache.delete(keyOf(key));
    },
    getMeta: async (key) => {
      const ttl = await cache.ttl(keyOf(key));
      if (ttl === undefined) return null;
      return ttl === null ? {} : { ttl };
    },
    getKeys: async (base = "") => {
      const keys = await cache.keys(keysBeginningWith(keyOf(base)));
      return keys.map((key) => key.slice(prefix.length));
    },
    clear: async (base = "") => {
      await cache.deletePattern(keysBeginningWith(keyOf(base)));
    },
  };
}

function toSettings(options: UnstorageDriverOptions): { prefix: string; timeout: Timeout } {
  checkOptions(options, OPTIONS);
  const { base = "", ttl = null } = options;
  if (typeof base !== "string" || !base.isWellFormed()) {
    throw new CacheUsageError(`"base" of unstorageDriver() has to be a text, got ${describeGiven(base)}.`);
  }
  // It throws for what is no duration.
  toTtl(ttl);
  return { prefix: base === "" || base.endsWith(":") ? base : `${base}:`, timeout: ttl };
}
