import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { EntryHeader } from "./entry-codec.ts";

/** For how long past its timeout an entry is still of use. */
export interface Grace {
  /** It is given at once while it is loaded anew. */
  readonly stale: Milliseconds;
  /** It is given when the load fails. */
  readonly staleIfError: Milliseconds;
  /** How eagerly an entry is loaded anew before its time is over; 0: not at all. */
  readonly early: number;
}

/**
 * - `"fresh"`: its time is not over.
 * - `"refresh"`: neither, but it is time to load it anew.
 * - `"stale"`: it is over; the entry may be given while it is loaded anew.
 * - `"stale-if-error"`: it may be given only if the load fails.
 * - `"expired"`: it must not be given any more.
 */
export type Freshness = "fresh" | "refresh" | "stale" | "stale-if-error" | "expired";

/** What may be done with an entry now. @param random From 0 up to 1. */
export function freshnessOf(
  header: EntryHeader | undefined,
  { stale, staleIfError, early }: Grace,
  now: EpochMilliseconds,
  random: () => number,
): Freshness {
  const freshUntil = header?.freshUntil;
  if (freshUntil === undefined) return "fresh";
  if (now < freshUntil)
    return early > 0 && now + headStart(header?.took ?? 0, early, random) >= freshUntil ? "refresh" : "fresh";
  if (now < freshUntil + stale) return "stale";
  return now < freshUntil + staleIfError ? "stale-if-error" : "expired";
}

// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015): the
// closer the end and the longer the load, the likelier. `1 - random()` is never 0.
function headStart(took: Milliseconds, early: number, random: () => number): Milliseconds {
  return -took * early * Math.log(1 - random());
}

/** Whether the time of an entry is not over. */
export function isFresh(header: EntryHeader | undefined, now: EpochMilliseconds): boolean {
  return header?.freshUntil === undefined || now < header.freshUntil;
}
