import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

/** Time for which a silent writer counts: longer than a write can be under way. */
export const WRITER_TTL: Milliseconds = 30_000;

/** Prefix of a mark. No record begins with it. */
const SIGN = "!";

/**
 * A mark names the current writers of a record in the store that sessions come from:
 * `!{until}.{writer},…`. While it stands in the place of the record, the record is not moved.
 */
export function isMark(value: string): boolean {
  return value.startsWith(SIGN);
}

/** Adds a writer to a mark. Writers that should have been done long ago are left out. */
export function withWriter(mark: string | undefined, writer: string, now: EpochMilliseconds): string {
  const others = mark === undefined ? [] : writersIn(mark).filter((entry) => untilOf(entry) > now);
  return SIGN + [...others, `${(now + WRITER_TTL).toString(36)}.${writer}`].join(",");
}

/** Removes a writer from a mark: `undefined` if it was the last, the same if it was not named. */
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
