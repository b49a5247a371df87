import * as v from "valibot";

import type { EpochMilliseconds, Milliseconds } from "./clock.ts";
import type { SettingsSchema } from "./settings.ts";

/** Local time of a place, as if it were UTC: milliseconds since 1970-01-01T00:00:00 there. */
export type LocalMilliseconds = number;

const QUARTER: Milliseconds = 900_000;
const DAY: Milliseconds = 86_400_000;
/** Maximum by which a clock is put back under today's rules. */
const MAX_SETBACK: Milliseconds = 3 * 3_600_000;
const MAX_OFFSETS = 256;

/** Range of the instants whose local time `Intl` gives in the years 1 to 9999. */
const [FIRST, LAST] = [Date.parse("0001-01-03T00:00:00Z"), Date.parse("9999-12-29T00:00:00Z")];

/**
 * A time zone by its name in the IANA database, as Node has it.
 *
 * Each offset is computed for a quarter of an hour: all of today's clocks change at one.
 */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #offsets = new Map<EpochMilliseconds, Milliseconds>();

  /** @throws {RangeError} For an unknown name. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  toLocal(instant: EpochMilliseconds): LocalMilliseconds {
    return instant + this.#offsetAt(instant);
  }

  /**
   * Returns the instant of a local time. Of the hour that occurs twice in autumn it is the later
   * one; a time that is skipped in spring is read by the clock before the change.
   */
  toInstant(local: LocalMilliseconds): EpochMilliseconds {
    const [before, after] = [this.#offsetAt(local - DAY), this.#offsetAt(local + DAY)];
    const fitting = [local - before, local - after].filter((instant) => this.toLocal(instant) === local);
    return fitting.length === 0 ? local - before : Math.max(...fitting);
  }

  /**
   * Returns the earliest local time of all instants from one on: less than its own when clocks are
   * soon put back.
   */
  earliestFrom(instant: EpochMilliseconds): LocalMilliseconds {
    let earliest = this.toLocal(instant);
    const last = instant + MAX_SETBACK;
    for (let next = quarterOf(instant) + QUARTER; next <= last; next += QUARTER)
      earliest = Math.min(earliest, this.toLocal(next));
    return earliest;
  }

  #offsetAt(instant: EpochMilliseconds): Milliseconds {
    const quarter = quarterOf(Math.min(Math.max(instant, FIRST), LAST));
    const known = this.#offsets.get(quarter);
    if (known !== undefined) return known;
    const offset = this.#read(quarter) - quarter;
    if (this.#offsets.size === MAX_OFFSETS) this.#offsets.clear();
    this.#offsets.set(quarter, offset);
    return offset;
  }

  #read(instant: EpochMilliseconds): LocalMilliseconds {
    const fields: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.#format.formatToParts(instant)) fields[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
    const local = new Date(0);
    // Date.UTC takes the years 0 to 99 for those of the 20th century.
    local.setUTCFullYear(year, month - 1, day);
    return local.setUTCHours(hour, minute, second, 0);
  }
}

const EXPECTED = 'the name of a time zone such as "America/New_York"';

/** Schema of a setting that names a time zone. */
export const timeZoneSchema: SettingsSchema<string, TimeZone> = v.pipe(
  v.custom<string>((input) => typeof input === "string" && tryTimeZone(input) !== undefined, EXPECTED),
  v.transform((name) => new TimeZone(name)),
);

/** @returns `undefined` for an unknown name. */
function tryTimeZone(name: string): TimeZone | undefined {
  try {
    return new TimeZone(name);
  } catch {
    return undefined;
  }
}

function quarterOf(instant: EpochMilliseconds): EpochMilliseconds {
  return Math.floor(instant / QUARTER) * QUARTER;
}
