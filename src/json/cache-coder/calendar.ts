/** A day, in the calendar of Python's `date`. */
export interface DateFields {
  /** 1 to 9999. */
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/** A time of day. */
export interface TimeFields {
  /** 0 to 23. */
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 to 999999. */
  readonly microsecond: number;
  /**
   * Offset from UTC, such as `+02:00` or `-03:30:15`; undefined if Python's object is naive. Less
   * than 24 hours.
   */
  readonly offset?: string | undefined;
}

/**
 * Fields of a Python `datetime`, without the name of its zone, which `isoformat()` drops as well.
 */
export interface DatetimeFields extends DateFields, TimeFields {}

const DATE = String.raw`(\d{4})-(\d{2})-(\d{2})`;
const TIME = String.raw`(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(Z|[+-]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?`;
const DATE_FORM = new RegExp(`^${DATE}$`);
const TIME_FORM = new RegExp(`^${TIME}$`);
const DATETIME_FORM = new RegExp(`^${DATE}[T ]${TIME}$`);
const OFFSET_FORM = /^([+-])(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?$/;

const MINUTE = 60_000_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Reads Python's `date.isoformat()`. @returns `undefined` for any other text. */
export function parseDate(text: string): DateFields | undefined {
  const match = DATE_FORM.exec(text);
  return match === null ? undefined : dateFields(match.slice(1, 4));
}

/**
 * Reads Python's `time.isoformat()`, and `Z`. Digits after the sixth are dropped, as
 * `fromisoformat` does.
 */
export function parseTime(text: string): TimeFields | undefined {
  const match = TIME_FORM.exec(text);
  return match === null ? undefined : timeFields(match.slice(1, 6));
}

/** Reads Python's `datetime.isoformat()`, and the additional forms of {@link parseTime}. */
export function parseDatetime(text: string): DatetimeFields | undefined {
  const match = DATETIME_FORM.exec(text);
  if (match === null) return undefined;
  const date = dateFields(match.slice(1, 4));
  const time = timeFields(match.slice(4, 9));
  return date && time && { ...date, ...time };
}

/**
 * Writes Python's `date.isoformat()`. An invalid date gives a text that {@link parseDate} does not
 * read.
 */
export function formatDate({ year, month, day }: DateFields): string {
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
}

/** Writes Python's `time.isoformat()`: six digits of microseconds if there are any, else none. */
export function formatTime({ hour, minute, second, microsecond, offset = "" }: TimeFields): string {
  return `${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}${fraction(microsecond)}${offset}`;
}

/** Writes Python's `datetime.isoformat()`. */
export function formatDatetime(fields: DatetimeFields): string {
  return `${formatDate(fields)}T${formatTime(fields)}`;
}

/** Returns the offset of a parsed text, in microseconds. */
export function offsetMicroseconds(offset: string): number {
  const [, sign, ...parts] = OFFSET_FORM.exec(offset) ?? [];
  const [hours = 0, minutes = 0, seconds = 0] = parts.slice(0, 3).map((part) => Number(part ?? 0));
  if (minutes > 59 || seconds > 59) return Number.NaN;
  const size = hours * HOUR + minutes * MINUTE + seconds * 1_000_000 + microsecondsOf(parts[3]);
  return sign === "-" ? -size : size;
}

function dateFields([year, month, day]: readonly (string | undefined)[]): DateFields | undefined {
  const fields = { year: Number(year), month: Number(month), day: Number(day) };
  const isDay = fields.day >= 1 && fields.day <= daysIn(fields.year, fields.month);
  return fields.year >= 1 && fields.month >= 1 && fields.month <= 12 && isDay ? fields : undefined;
}

function timeFields(parts: readonly (string | undefined)[]): TimeFields | undefined {
  const [hour = 0, minute = 0, second = 0] = parts.slice(0, 3).map((part) => Number(part ?? 0));
  const fields = { hour, minute, second, microsecond: microsecondsOf(parts[3]) };
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = parts[4];
  if (offset === undefined) return fields;
  const distance = offset === "Z" ? 0 : offsetMicroseconds(offset);
  return Math.abs(distance) < DAY ? { ...fields, offset: formatOffset(distance) } : undefined;
}

function formatOffset(microseconds: number): string {
  const size = Math.abs(microseconds);
  const seconds = Math.floor((size % MINUTE) / 1_000_000);
  const micros = size % 1_000_000;
  const tail = seconds === 0 && micros === 0 ? "" : `:${digits(seconds, 2)}${fraction(micros)}`;
  const sign = microseconds < 0 ? "-" : "+";
  return `${sign}${digits(Math.floor(size / HOUR), 2)}:${digits(Math.floor((size % HOUR) / MINUTE), 2)}${tail}`;
}

function microsecondsOf(fractionDigits = ""): number {
  return Number(fractionDigits.slice(0, 6).padEnd(6, "0"));
}

function fraction(microsecond: number): string {
  return microsecond === 0 ? "" : `.${digits(microsecond, 6)}`;
}

function digits(number: number, count: number): string {
  const text = String(number);
  // Excess digits would be cut off on reading.
  return text.length > count ? "?" : text.padStart(count, "0");
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
