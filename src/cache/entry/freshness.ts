import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { EntryHeader } from "./entry-codec.ts";

/** Times after its timeout during which an entry is still usable. */
export interface Grace {
  /** The entry is served at once while it is reloaded. */
  readonly stale: Milliseconds;
  /** The entry is served when the load fails. */
  readonly staleIfError: Milliseconds;
  /** Factor of early reloads before the entry expires; 0: none. */
  readonly early: number;
}

/**
 * - `"fresh"`: it has not expired.
 * - `"refresh"`: it has not expired, but is due for an early reload.
 * - `"stale"`: it has expired, and may be served while it is reloaded.
 * - `"stale-if-error"`: it may be served only if the load fails.
 * - `"expired"`: it must not be served any more.
 */
export type Freshness = "fresh" | "refresh" | "stale" | "stale-if-error" | "expired";

/** Returns the freshness of an entry. @param random Returns a number from 0 up to 1. */
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

// XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB
// 2015): the closer the end and the longer the load, the likelier. `1 - random()` is never 0.
function headStart(took: Milliseconds, early: number, random: () => number): Milliseconds {
  return -took * early * Math.log(1 - random());
}

/** Returns whether an entry has not expired. */
export function isFresh(header: EntryHeader | undefined, now: EpochMilliseconds): boolean {
  return header?.freshUntil === undefined || now < header.freshUntil;
}
