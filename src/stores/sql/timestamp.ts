import type { EpochMilliseconds } from "../../core/clock.ts";
import type { TimeZone } from "../../core/time-zone.ts";
import type { SqlDialect } from "./dialect.ts";

/** The last instant that all three databases can hold. */
const LATEST: EpochMilliseconds = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Formats an instant as Django writes it into `expire_date`, in UTC with microseconds:
 * `2026-01-31 09:05:00.250000`.
 *
 * - SQLite: microseconds that are 0 are left out. Such texts compare as strings.
 * - PostgreSQL: with `+00`, whatever the connection's time zone is.
 * - Later than the year 9999: the end of that year.
 */
export function toTimestamp(instant: EpochMilliseconds, dialect: SqlDialect): string {
  const whole = Math.floor(Math.min(instant, LATEST));
  const micros = instant < LATEST ? Math.floor((instant - whole) * 1000) : 0;
  const [date = "", time = ""] = new Date(whole).toISOString().slice(0, -1).split("T");
  const text = `${date} ${time}${String(micros).padStart(3, "0")}`;
  if (dialect === "postgres") return `${text}+00`;
  return dialect === "sqlite" ? text.replace(/\.000000$/, "") : text;
}

/** Reads a time written by {@link toTimestamp} or Django, without a time zone: UTC is assumed. */
export function fromTimestamp(text: string): EpochMilliseconds {
  const [, date, time, fraction = ""] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  return Date.parse(`${date}T${time}Z`) + Number(fraction.padEnd(6, "0")) / 1000;
}

/**
 * Form of the times of one table.
 *
 * PostgreSQL keeps instants, and receives them in UTC. The other two keep local times: those of
 * UTC, or of the zone in which Django writes (`USE_TZ = False`, or the `TIME_ZONE` of its
 * database).
 */
export class Timestamps {
  readonly #dialect: SqlDialect;
  readonly #zone: TimeZone | undefined;

  constructor(dialect: SqlDialect, zone?: TimeZone) {
    this.#dialect = dialect;
    this.#zone = dialect === "postgres" ? undefined : zone;
  }

  write(instant: EpochMilliseconds): string {
    return toTimestamp(this.#zone?.toLocal(Math.min(instant, LATEST)) ?? instant, this.#dialect);
  }

  /**
   * Returns the time up to which all records have expired. In the hour before clocks are put back
   * it is the earlier local time: expiries after the change have such times, and a session that
   * begins now would read as expired.
   */
  writeNow(now: EpochMilliseconds): string {
    return toTimestamp(this.#zone?.earliestFrom(now) ?? now, this.#dialect);
  }

  read(text: string): EpochMilliseconds {
    const local = fromTimestamp(text);
    return this.#zone?.toInstant(local) ?? local;
  }
}
