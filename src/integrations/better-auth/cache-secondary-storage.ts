import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { toHashedKey } from "../../cache/limits/counters.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";

/** Options of {@link betterAuthStorage}. */
export interface BetterAuthStorageOptions extends PrefixOption {
  /** @defaultValue `"better-auth:"` */
  readonly prefix?: string | undefined;
}

/** The `SecondaryStorage` of better-auth on a cache. Failures of the cache are thrown. */
export interface BetterAuthStorage {
  /** Reads a text; `null` on a miss. A counter is read as its digits. */
  readonly get: (key: string) => Promise<string | null>;
  /**
   * Reads a text and deletes it in one step: of concurrent callers, in all processes, one gets it.
   */
  readonly getAndDelete: (key: string) => Promise<string | null>;
  /**
   * Adds 1 to a counter, in one step inside the store.
   *
   * @param ttl Time to live of a new counter, in seconds. An existing one keeps its own.
   * @returns The sum: 1 for a new counter.
   */
  readonly increment: (key: string, ttl: number) => Promise<number>;
  /** Stores a text. @param ttl Time to live, in seconds. Without one there is no expiry. */
  readonly set: (key: string, value: string, ttl?: number) => Promise<void>;
  readonly delete: (key: string) => Promise<void>;
}

/**
 * Makes the `secondaryStorage` of better-auth 1.7 on a cache: for its sessions, verification values
 * and rate limits.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { betterAuthStorage } from "sojourn/integrations/better-auth";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const authOptions = { secondaryStorage: betterAuthStorage(caches.default) };
 * ```
 */
export function betterAuthStorage(cache: Cache, options: BetterAuthStorageOptions = {}): BetterAuthStorage {
  checkCache(cache, "betterAuthStorage");
  const prefix = toPrefix("betterAuthStorage", options, "better-auth:");
  // Its keys are tokens of sessions and addresses of people, and keys appear in logs and events.
  const keyOf = (key: string): string => toHashedKey(prefix, [key]);
  // better-auth calls some of them without their object.
  return {
    get: async (key) => toText(await cache.get(keyOf(key))),
    getAndDelete: async (key) => toText(await cache.take(keyOf(key))),
    increment: (key, ttl) => cache.incr(keyOf(key), 1, { initial: 0, timeout: ttl }),
    set: async (key, value, ttl) => {
      await cache.set(keyOf(key), value, { timeout: ttl ?? null });
    },
    delete: async (key) => {
      await cache.delete(keyOf(key));
    },
  };
}

function toText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
