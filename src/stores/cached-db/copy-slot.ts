import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { newNonce } from "../../core/ids.ts";

/** Time to live of marks and claims of failed owners: longer than a write can be under way. */
export const SLOT_TTL: Milliseconds = 30_000;

/** Prefix of marks and claims. No record begins with it. */
const SIGN = "!";

/** Prefix of the claim of a reader. */
const CLAIM = "!?";

/**
 * Returns whether the slot of a copy holds a copy, rather than one of these:
 *
 * - `!{until}.{writer}`: the mark of a writer that has been the only one so far. Only a writer that
 *   finds it unchanged may copy.
 * - `!{until}.{writer},{until}.{writer},`: the mark of several concurrent writers. The comma at the
 *   end stays when all but one are done: its record may be older than those of the others.
 * - `!?{reader}`: the claim of a reader that is about to copy.
 */
export function isCopy(held: string): boolean {
  return !held.startsWith(SIGN);
}

export function newClaim(): string {
  return CLAIM + newNonce();
}

/** Adds a writer to a mark, replacing copies and claims. */
export function withWriter(held: string | undefined, writer: string, now: EpochMilliseconds): string {
  const others = writersIn(held).filter((entry) => Number.parseInt(entry, 36) > now);
  return markOf([...others, `${Math.ceil(now + SLOT_TTL).toString(36)}.${writer}`], others.length > 0);
}

/**
 * Returns the content of the slot once a writer is done: the mark of the others; `undefined`:
 * nothing. If its own mark was evicted, the current content may predate its write, so it must go.
 */
export function withoutWriter(held: string, writer: string): string | undefined {
  const writers = writersIn(held);
  const others = writers.filter((entry) => !entry.endsWith(`.${writer}`));
  return others.length === 0 || others.length === writers.length ? undefined : markOf(others, true);
}

/** Returns whether a mark names one writer, and has never named another. */
export function isAlone(mark: string): boolean {
  return !mark.includes(",");
}

function markOf(writers: readonly string[], isShared: boolean): string {
  return SIGN + writers.join(",") + (isShared ? "," : "");
}

function writersIn(held: string | undefined): string[] {
  if (held === undefined || isCopy(held) || held.startsWith(CLAIM)) return [];
  return held.slice(SIGN.length).split(",").filter(Boolean);
}
