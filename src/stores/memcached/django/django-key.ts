import { CacheUsageError } from "../../../core/errors.ts";
import type { Item } from "../client/memcached-client.ts";
import { toMetaKey } from "../client/meta-key.ts";

/** Maximum size of a key in memcached's text protocol, which Django's clients speak, in bytes. */
const MAX_KEY = 250;

/** Django: `memcached_error_chars_re` in core/cache/backends/base.py. */
const REFUSED = /[\0-\u0020\u007f]/;

/** First part of the keys of leases and locks. No key of Django's begins like it. */
const LEASE_PREFIX = "\0lease\0";
const LOCK_PREFIX = "\0lock\0";

/**
 * Returns the item of an entry, under the key that Django's clients send.
 *
 * @throws {CacheUsageError} For a key that Django refuses, or that pymemcache does: one of another
 *   form would be an entry that Django does not find.
 */
export function entryItem(key: string): Item {
  const problem = problemOf(key);
  if (problem !== undefined)
    throw new CacheUsageError(
      `A cache key ${problem}, with which Django's caches on memcached raise InvalidCacheKey. Hash or encode the variable ` +
        "part of such keys.",
    );
  return { text: key, isBinary: false, serverOf: key };
}

/** Returns the item of the lease on an entry, on the server of the entry. */
export function leaseItem(key: string): Item {
  return { ...toMetaKey(LEASE_PREFIX + key), serverOf: key };
}

/** Returns the item of a lock. */
export function lockItem(key: string): Item {
  return { ...toMetaKey(LOCK_PREFIX + key), serverOf: key };
}

function problemOf(key: string): string | undefined {
  if (REFUSED.test(key)) return "has a space or a control character";
  return Buffer.byteLength(key) > MAX_KEY
    ? `has more than ${MAX_KEY} bytes with its prefix and version`
    : undefined;
}
