import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

/** How long a writer counts who has not said that it is done: longer than a write can still be under way. */
export const WRITER_TTL: Milliseconds = 30_000;

/** Begins a mark. No record begins with it. */
const SIGN = "!";

/**
 * A mark names the writers who are at a record in the store that sessions come from: `!{until}.{writer},…`.
 * While it stands in the place of the record, the record is not moved.
 */
export function isMark(value: string): boolean {
  return value.startsWith(SIGN);
}

/** The mark of a writer, beside those who are named already. Who should have been done long ago is left out. */
export function withWriter(mark: string | undefined, writer: string, now: EpochMilliseconds): string {
  const others = mark === undefined ? [] : writersIn(mark).filter((entry) => untilOf(entry) > now);
  return SIGN + [...others, `${(now + WRITER_TTL).toString(36)}.${writer}`].join(",");
}

/**
 * What is left of a mark without a writer: `undefined` when it was the last, the mark itself when it was not
 * named.
 */
export function withoutWriter(mark: string, writer: string): string | undefined {
  const others = writersIn(mark).filter((entry) => !entry.endsWith(`.${writer}`));
  return others.length === 0 ? undefined : SIGN + others.join(",");
}

function writersIn(mark: string): string[] {
  return mark.slice(SIGN.length).split(",");
}

function untilOf(entry: string): EpochMilliseconds {
  return Number.parseInt(entry, 36);
}
