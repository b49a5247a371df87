import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { newNonce } from "../../core/ids.ts";

/** How long marks and claims stay whose owner has failed: longer than a write can still be under way. */
export const PLACE_TTL: Milliseconds = 30_000;

/** Begins what is in the place of a copy and is none. No record begins with it. */
const SIGN = "!";

/** Begins the claim of a reader. */
const CLAIM = "!?";

/**
 * What is in the place of a copy while there is none:
 *
 * - `!{until}.{writer}`: the mark of a writer who was alone from the beginning. Only who finds it unchanged
 *   may copy.
 * - `!{until}.{writer},{until}.{writer},`: several have written at the same time. The comma at the end stays
 *   when all but one are done: what that one has written may be older than what the others have.
 * - `!?{reader}`: the claim of a reader who is about to copy.
 */
export function isCopy(held: string): boolean {
  return !held.startsWith(SIGN);
}

export function newClaim(): string {
  return CLAIM + newNonce();
}

/** The mark of a writer, beside those who are under way already. It takes the place of copies and claims. */
export function withWriter(held: string | undefined, writer: string, now: EpochMilliseconds): string {
  const others = writersIn(held).filter((entry) => Number.parseInt(entry, 36) > now);
  return markOf([...others, `${Math.ceil(now + PLACE_TTL).toString(36)}.${writer}`], others.length > 0);
}

/**
 * What may stay once a writer is done: the mark of the others; `undefined`: nothing. Where its own mark got
 * lost, what is there instead may be older than what it has written.
 */
export function withoutWriter(held: string, writer: string): string | undefined {
  const writers = writersIn(held);
  const others = writers.filter((entry) => !entry.endsWith(`.${writer}`));
  return others.length === 0 || others.length === writers.length ? undefined : markOf(others, true);
}

/** Whether a mark names one writer, and has never named another. */
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
