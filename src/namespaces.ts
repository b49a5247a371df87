import type { CacheKeySpace } from "./cache/cache.ts";
import { isCacheKey } from "./stores/cache-store.ts";
import type { KeySpace } from "./stores/key-spaces.ts";

/** A session key as it could be. */
const SAMPLE_SESSION = "0".repeat(32);

/** A key as an application could give it. */
const SAMPLE_KEY = "sample";

/** Warnings that were emitted: each is emitted once a process. */
const told = new Set<string>();

/**
 * Warns where settings let sessions and caches, or two caches, have the same keys: one would read, overwrite
 * or clear what is the other's. Sharing can be meant, so it is no error; the sessions of the project in a
 * cache's own namespace are one, see `createCaches`.
 */
export function warnOfSharedKeys(sessions: readonly KeySpace[], caches: readonly CacheKeySpace[]): void {
  for (const [index, cache] of caches.entries()) {
    const problem = sessions.map((space) => problemWithSessions(space, cache)).find((each) => each !== undefined);
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
    const advice = "Let what it makes begin with a text of the cache's own.";
    return `${path}.keyFunction can make the names of sessions, so a caller that chooses a key can reach them. ${advice}`;
  }
  if (prefixes.some((prefix) => isCacheKey(prefix, keyPrefix))) {
    return `the sessions lie under ${path}.keyPrefix, so ${path}.clear() ends them. Take another prefix for one of the two.`;
  }
  if (!prefixes.some((prefix) => `${keyPrefix}:`.startsWith(prefix))) return undefined;
  return `${path}.keyPrefix lies among the names of sessions. Take another one.`;
}

/** Whether some key of a cache has this whole key. */
function canMake({ wholeOf }: CacheKeySpace, whole: string): boolean {
  const starts = [...whole.matchAll(/:/g)].map(({ index }) => index + 1);
  return [0, ...starts].some((start) => wholeOf(whole.slice(start)) === whole);
}

function problemBetween(left: CacheKeySpace, right: CacheKeySpace): string | undefined {
  if (!left.places.some((place) => right.places.includes(place))) return undefined;
  const both = `${left.path} and ${right.path}`;
  const advice = "Give each a keyPrefix of its own, or use one cache.";
  const whole = left.wholeOf(SAMPLE_KEY);
  if (whole !== undefined && whole === right.wholeOf(SAMPLE_KEY)) {
    return `${both} have the same keys, so each reads and overwrites the other's entries. ${advice}`;
  }
  if (left.hasKeyFunction || right.hasKeyFunction) return undefined;
  if (left.keyPrefix !== "" && left.keyPrefix === right.keyPrefix) {
    return `${both} have the same keyPrefix, so clear() of one deletes the other's entries. ${advice}`;
  }
  if (!liesWithin(left.keyPrefix, right.keyPrefix) && !liesWithin(right.keyPrefix, left.keyPrefix)) return undefined;
  return `${both} have prefixes of which one lies within the other, so some keys are entries of both. ${advice}`;
}

function liesWithin(inner: string, outer: string): boolean {
  return isCacheKey(`${inner}:`, outer);
}

function warnOnce(problem: string): void {
  if (told.has(problem)) return;
  told.add(problem);
  process.emitWarning(`Keys are shared: ${problem}`, { type: "SojournWarning", code: "SOJOURN_SHARED_KEYS" });
}
