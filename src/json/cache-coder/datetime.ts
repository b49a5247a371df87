import { types } from "node:util";
import { CacheUsageError } from "../../core/errors.ts";
import { newTemporal, temporalNameOf, type TemporalObject, type TemporalValue } from "../temporal.ts";
import {
  type DateFields,
  type DatetimeFields,
  formatDate,
  formatDatetime,
  formatTime,
  offsetMicroseconds,
  parseDate,
  parseDatetime,
  parseTime,
  type TimeFields,
} from "./calendar.ts";
import { refuse } from "./refusal.ts";

/** Input of {@link dumpDatetime}. */
export type DatetimeInput =
  | Date
  | DatetimeFields
  | TemporalObject<"Instant" | "PlainDateTime" | "ZonedDateTime">;

/** Input of {@link dumpDate}. */
export type DateInput = Date | DateFields | TemporalObject<"PlainDate">;

/** Input of {@link dumpTime}. */
export type TimeInput = TimeFields | TemporalObject<"PlainTime">;

/** Options of {@link loadDatetime} for a `Date`. */
export interface LoadDateOptions {
  readonly as?: "date";
  /** Zone of a datetime without an offset. @defaultValue it is refused */
  readonly naive?: "utc";
}

const DATETIME = 'a datetime such as "2026-04-17T12:30:45+00:00"';
const DATE = 'a date such as "2026-04-07"';
const TIME = 'a time such as "12:30:00"';
const IN_RANGE = "from year 1 to 9999, with no more than microseconds";

/**
 * Writes a moment as Python's `datetime.isoformat()` does: `2026-04-17T12:30:45.120000+00:00`.
 *
 * A `Date` and a `Temporal.Instant` are written in UTC, a `Temporal.ZonedDateTime` with its offset
 * (the name of the zone is dropped, as in Python), a `Temporal.PlainDateTime` without one, fields
 * unchanged.
 *
 * @throws {CacheUsageError} An invalid `Date`, a year outside of 1 to 9999, nanoseconds: Python
 *   supports none of these.
 */
export function dumpDatetime(moment: DatetimeInput): string {
  const fields = withoutNanoseconds(momentText(moment), parseDatetime);
  if (fields === undefined)
    throw refuse(`a Date, an object of Temporal, or fields of a datetime, ${IN_RANGE}`, moment);
  return formatDatetime(fields);
}

/**
 * Reads a text of {@link dumpDatetime} or of Python's `isoformat()`.
 *
 * - A `Date` (the default) has milliseconds: microseconds are cut off, the offset is applied. A
 *   text without an offset is refused, since its moment is ambiguous, unless `naive: "utc"` is set.
 * - `as: "temporal"` keeps everything: a `Temporal.ZonedDateTime` in the zone of its offset (`UTC`
 *   for `+00:00`), or a `Temporal.PlainDateTime` if there is no offset. It needs
 *   `globalThis.Temporal`.
 * - `as: "fields"` keeps everything and needs nothing. {@link dumpDatetime} takes fields as well.
 *
 * @throws {CacheUsageError} For any other text, or without an offset; with `as: "temporal"`, also
 *   when the offset has seconds, which no zone of Temporal has.
 */
export function loadDatetime(text: string, options?: LoadDateOptions): Date;
export function loadDatetime(
  text: string,
  options: { readonly as: "temporal" },
): TemporalValue<"PlainDateTime" | "ZonedDateTime">;
export function loadDatetime(text: string, options: { readonly as: "fields" }): DatetimeFields;
export function loadDatetime(
  text: string,
  options: LoadDateOptions | { readonly as: "fields" } | { readonly as: "temporal" } = {},
): Date | DatetimeFields | TemporalValue<"PlainDateTime" | "ZonedDateTime"> {
  const fields = parsed(text, parseDatetime, DATETIME);
  if (options.as === "fields") return fields;
  return options.as === "temporal" ? toTemporal(fields) : toDate(fields, options.naive);
}

/**
 * Writes a day as Python's `date.isoformat()` does: `2026-04-07`. A `Date` gives its day in UTC.
 *
 * @throws {CacheUsageError} An invalid `Date`, or a year outside of 1 to 9999.
 */
export function dumpDate(day: DateInput): string {
  const fields = parseDate(dayText(day));
  if (fields === undefined)
    throw refuse("a Date, a Temporal.PlainDate or fields of a date, from year 1 to 9999", day);
  return formatDate(fields);
}

/**
 * Reads a text of {@link dumpDate} or of Python's `isoformat()`, by default as a `Date` at midnight
 * UTC.
 *
 * @throws {CacheUsageError} For any other text.
 */
export function loadDate(text: string, options?: { readonly as?: "date" }): Date;
export function loadDate(text: string, options: { readonly as: "temporal" }): TemporalValue<"PlainDate">;
export function loadDate(text: string, options: { readonly as: "fields" }): DateFields;
export function loadDate(
  text: string,
  { as = "date" }: { readonly as?: "date" | "fields" | "temporal" } = {},
): Date | DateFields | TemporalValue<"PlainDate"> {
  const fields = parsed(text, parseDate, DATE);
  if (as === "fields") return fields;
  return as === "temporal"
    ? newTemporal("PlainDate", formatDate(fields))
    : new Date(`${formatDate(fields)}T00:00Z`);
}

/**
 * Writes a time of day as Python's `time.isoformat()` does: `12:30:00`, `01:02:03.000004`.
 *
 * @throws {CacheUsageError} A value that is no time of day, or has nanoseconds.
 */
export function dumpTime(time: TimeInput): string {
  const text = isTemporal(time) ? temporalText(time) : formatTime(fieldsOf(time));
  const fields = withoutNanoseconds(text, parseTime);
  if (fields === undefined)
    throw refuse("a Temporal.PlainTime or fields of a time, with no more than microseconds", time);
  return formatTime(fields);
}

/**
 * Reads a text of {@link dumpTime} or of Python's `isoformat()`: as fields, since JavaScript has no
 * type for it, or as a `Temporal.PlainTime`.
 *
 * @throws {CacheUsageError} For any other text; with `as: "temporal"`, also when it has an offset.
 */
export function loadTime(text: string, options?: { readonly as?: "fields" }): TimeFields;
export function loadTime(text: string, options: { readonly as: "temporal" }): TemporalValue<"PlainTime">;
export function loadTime(
  text: string,
  { as = "fields" }: { readonly as?: "fields" | "temporal" } = {},
): TimeFields | TemporalValue<"PlainTime"> {
  const fields = parsed(text, parseTime, TIME);
  if (as === "fields") return fields;
  if (fields.offset === undefined) return newTemporal("PlainTime", formatTime(fields));
  throw new CacheUsageError(
    'A Temporal.PlainTime has no offset, and this time has one. Load it with as: "fields".',
  );
}

function parsed<Fields>(
  text: unknown,
  parse: (text: string) => Fields | undefined,
  expected: string,
): Fields {
  const fields = typeof text === "string" ? parse(text) : undefined;
  if (fields === undefined) throw refuse(expected, text);
  return fields;
}

/** Parses a text that may have more digits than Python keeps. */
function withoutNanoseconds<Fields>(
  text: string,
  parse: (text: string) => Fields | undefined,
): Fields | undefined {
  return /\.\d{6}0*[1-9]/.test(text) ? undefined : parse(text);
}

function momentText(moment: DatetimeInput): string {
  if (types.isDate(moment)) return isoText(moment);
  if (!isTemporal(moment)) return formatDatetime(fieldsOf(moment));
  if (temporalNameOf(moment) !== "ZonedDateTime") return temporalText(moment);
  // The object's own text has the offset rounded to the minute.
  const { offset, toPlainDateTime } = moment as unknown as { offset: string; toPlainDateTime: () => object };
  return temporalText(toPlainDateTime.call(moment)) + offset;
}

function dayText(day: DateInput): string {
  if (types.isDate(day)) return isoText(day).replace(/T.*$/, "");
  return isTemporal(day) ? temporalText(day) : formatDate(fieldsOf(day));
}

function isoText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

function isTemporal<Value>(value: Value): value is Extract<Value, { readonly [Symbol.toStringTag]: string }> {
  return temporalNameOf(value) !== undefined;
}

function temporalText(value: object): string {
  return (value as { toString(options: object): string }).toString({ calendarName: "never" });
}

/** Checks fields from a caller that may not use TypeScript. */
function fieldsOf<Fields extends object>(input: Fields): Fields {
  return typeof input === "object" && input !== null ? input : ({} as Fields);
}

function toDate(fields: DatetimeFields, naive: "utc" | undefined): Date {
  const offset = fields.offset ?? (naive === "utc" ? "+00:00" : undefined);
  if (offset === undefined) {
    throw new CacheUsageError(
      'The datetime has no offset, so its moment is ambiguous. Set naive: "utc" if it is in UTC, or load it with ' +
        'as: "temporal" or as: "fields".',
    );
  }
  const date = new Date(`${formatDate(fields)}T${formatTime({ ...fields, microsecond: 0, offset: "Z" })}`);
  const rest = fields.microsecond - offsetMicroseconds(offset);
  return new Date(date.getTime() + Math.floor(rest / 1000));
}

function toTemporal(fields: DatetimeFields): TemporalValue<"PlainDateTime" | "ZonedDateTime"> {
  const { offset } = fields;
  const text = formatDatetime(fields);
  if (offset === undefined) return newTemporal("PlainDateTime", text);
  if (offset === "+00:00") return newTemporal("ZonedDateTime", `${text}[UTC]`);
  if (offset.length === "+00:00".length) return newTemporal("ZonedDateTime", `${text}[${offset}]`);
  throw new CacheUsageError(
    'The datetime has an offset with seconds, which no zone of Temporal has. Load it as a Date, or with as: "fields".',
  );
}
