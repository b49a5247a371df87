import type { EpochMilliseconds } from "../../core/clock.ts";
import type { NextTagDurations } from "./types.ts";

/**
 * Last invalidations of a tag, by their numbers. Invalidations of all tags are counted in the store,
 * so their order depends on no clock.
 */
export interface TagState {
  /** Entries that have seen less must not be used. */
  readonly expired: number;
  /** Entries that have seen less are stale. @defaultValue none */
  readonly stale?: number;
  /** Time from which stale entries must not be used. @defaultValue none */
  readonly until?: EpochMilliseconds;
}

/** State of a tag that was never invalidated. */
export const VALID: TagState = { expired: 0 };

/** Usability of an entry with a tag. */
export type Verdict = "fresh" | "stale" | "expired";

/** Returns the number of the last invalidation of a tag. */
export function numberOf({ expired, stale = 0 }: TagState): number {
  return Math.max(expired, stale);
}

/** Returns the usability of an entry that has seen so many invalidations. */
export function verdictOf(states: Iterable<TagState>, seen: number, now: EpochMilliseconds): Verdict {
  let verdict: Verdict = "fresh";
  for (const { expired, stale = 0, until = Infinity } of states) {
    if (seen < expired || (seen < stale && now >= until)) return "expired";
    if (seen < stale) verdict = "stale";
  }
  return verdict;
}

/**
 * Returns the state of a tag after an invalidation.
 *
 * @param durations Without them, entries expire at once.
 */
export function invalidated(
  before: TagState,
  number: number,
  durations: NextTagDurations | undefined,
  now: EpochMilliseconds,
): TagState {
  const { stale = 0, until = Infinity } = before;
  if (durations === undefined) {
    const last = Math.max(before.expired, number);
    // A later one may have come first.
    return stale > last ? { ...before, expired: last } : { expired: last };
  }
  const isOver = now >= until;
  const expired = isOver ? Math.max(before.expired, stale) : before.expired;
  const { expire = Infinity } = durations;
  // The earlier end holds, also for what the later invalidation makes stale.
  const next = Math.min(isOver ? Infinity : until, now + expire * 1000);
  return { expired, stale: Math.max(stale, number), ...(next !== Infinity && { until: next }) };
}

/** Returns whether a value of the cache is the state of a tag. */
export function isTagState(value: unknown): value is TagState {
  return (
    typeof value === "object" && value !== null && "expired" in value && typeof value.expired === "number"
  );
}
