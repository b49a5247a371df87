import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/**
 * Checks a key, from the caller or from a key function.
 *
 * @param name Name of the key in messages.
 * @throws {CacheUsageError}
 */
export function checkKey(key: unknown, name = "A cache key"): asserts key is string {
  if (typeof key !== "string") {
    throw new CacheUsageError(`${name} has to be a text that is not empty, got ${describeValue(key)}.`);
  }
  if (key === "") throw new CacheUsageError(`${name} has to be a text that is not empty.`);
  // In UTF-8 every lone surrogate becomes U+FFFD: different keys would be one.
  if (!key.isWellFormed())
    throw new CacheUsageError(`${name} has a lone surrogate, which UTF-8 cannot hold.`);
}

// Limits of memcached (Django: `memcache_key_warnings` in core/cache/backends/base.py).
const MAX_KEY = 250;
const CONTROL_OR_SPACE = /[\0-\u0020\u007f]/;

let hasWarned = false;

/** Warns, once a process, of a storage key that other stores, and Django with memcached, refuse. */
export function warnOfUnportableKey(key: string): void {
  if (hasWarned) return;
  const problem = describeProblem(key);
  if (problem === undefined) return;
  hasWarned = true;
  process.emitWarning(
    `A cache key ${problem}. It works with this store; Django on memcached and memcachedCacheStore({ format: "django" }) ` +
      "refuse it. Hash or encode the variable part of such keys. This warning comes once, and shows no key, since " +
      "that may be a visitor's text; node --trace-warnings shows the call.",
    { type: "CacheKeyWarning", code: "SOJOURN_CACHE_KEY" },
  );
}

let hasWarnedOfPrefix = false;

/** Warns, once a process, of a cache whose keys another application may share. */
export function warnOfMissingPrefix(path: string): void {
  if (hasWarnedOfPrefix) return;
  hasWarnedOfPrefix = true;
  process.emitWarning(
    `${path} has no keyPrefix: another application without one, on the same server, reads and overwrites its entries. Set ` +
      'keyPrefix to a name of this application, or to "" if that is intended. This warning comes once.',
    { type: "SojournWarning", code: "SOJOURN_NO_KEY_PREFIX" },
  );
}

function describeProblem(key: string): string | undefined {
  if (key.length > MAX_KEY) return `is longer than ${MAX_KEY} characters`;
  return CONTROL_OR_SPACE.test(key) ? "has a space or a control character" : undefined;
}
