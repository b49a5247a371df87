import type { CacheKeySpace } from "./cache/keys/key-space.ts";
import { isCacheKey } from "./stores/cache-store.ts";
import type { KeySpace } from "./stores/key-spaces.ts";

/** Example of a session key. */
const SAMPLE_SESSION = "0".repeat(32);

/** Example of an application's cache key. */
const SAMPLE_KEY = "sample";

/** Warnings emitted so far: each is emitted once per process. */
const told = new Set<string>();

/**
 * Warns when settings let sessions and caches, or two caches, share keys: each would read,
 * overwrite or clear the other's entries. Sharing can be intended, so it is no error, except for
 * the project's sessions in a cache's own namespace, see `createCaches`.
 */
export function warnOfSharedKeys(sessions: readonly KeySpace[], caches: readonly CacheKeySpace[]): void {
  for (const [index, cache] of caches.entries()) {
    const problem = sessions
      .map((space) => problemWithSessions(space, cache))
      .find((each) => each !== undefined);
    if (problem !== undefined) warnOnce(problem);
    for (const other of caches.slice(0, index)) {
      const shared = problemBetween(other, cache);
      if (shared !== undefined) warnOnce(shared);
    }
  }
}

function problemWithSessions({ place, prefixes }: KeySpace, cache: CacheKeySpace): string | undefined {
  if (!cache.places.includes(place)) return undefined;
  const { path, keyPrefix, hasKeyFunction } = cache;
  if (hasKeyFunction) {
    if (!prefixes.some((prefix) => canMake(cache, prefix + SAMPLE_SESSION))) return undefined;
    const advice = "Let its result begin with a prefix of the cache's own.";
    return `${path}.keyFunction can return the keys of sessions, so a caller that chooses a key can reach them. ${advice}`;
  }
  if (prefixes.some((prefix) => isCacheKey(prefix, keyPrefix))) {
    return `sessions are stored under ${path}.keyPrefix, so ${path}.clear() ends them. Use another prefix for one of the two.`;
  }
  if (!prefixes.some((prefix) => `${keyPrefix}:`.startsWith(prefix))) return undefined;
  return `${path}.keyPrefix lies within the keys of sessions. Use another prefix.`;
}

/** Returns whether some key of a cache has this storage key. */
function canMake({ storageKeyOf }: CacheKeySpace, whole: string): boolean {
  const starts = [...whole.matchAll(/:/g)].map(({ index }) => index + 1);
  return [0, ...starts].some((start) => storageKeyOf(whole.slice(start)) === whole);
}

function problemBetween(left: CacheKeySpace, right: CacheKeySpace): string | undefined {
  if (!left.places.some((place) => right.places.includes(place))) return undefined;
  const both = `${left.path} and ${right.path}`;
  const advice = "Give each a keyPrefix of its own, or use one cache.";
  const whole = left.storageKeyOf(SAMPLE_KEY);
  if (whole !== undefined && whole === right.storageKeyOf(SAMPLE_KEY)) {
    return `${both} have the same keys, so each reads and overwrites the other's entries. ${advice}`;
  }
  if (left.hasKeyFunction || right.hasKeyFunction) return undefined;
  if (left.keyPrefix !== "" && left.keyPrefix === right.keyPrefix) {
    return `${both} have the same keyPrefix, so clear() of one deletes the other's entries. ${advice}`;
  }
  if (!liesWithin(left.keyPrefix, right.keyPrefix) && !liesWithin(right.keyPrefix, left.keyPrefix))
    return undefined;
  return `${both} have nested prefixes, so some keys belong to both. ${advice}`;
}

function liesWithin(inner: string, outer: string): boolean {
  return isCacheKey(`${inner}:`, outer);
}

function warnOnce(problem: string): void {
  if (told.has(problem)) return;
  told.add(problem);
  process.emitWarning(`Keys are shared: ${problem}`, { type: "SojournWarning", code: "SOJOURN_SHARED_KEYS" });
}
