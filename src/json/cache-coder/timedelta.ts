import { newTemporal, temporalNameOf, type TemporalObject, type TemporalValue } from "../temporal.ts";
import { refuse } from "./refusal.ts";

/** Input of {@link dumpTimedelta}: seconds, or a duration. */
export type TimedeltaInput = number | TemporalObject<"Duration">;

/** Fields of a `Temporal.Duration`: whole numbers of one sign. */
type DurationFields = Readonly<
  Record<(typeof UNITS)[number][0] | "years" | "months" | "nanoseconds", number>
>;

// In microseconds. Python's timedelta, too, has weeks of 7 days and days of 24 hours.
const UNITS = [
  ["weeks", 604_800_000_000n],
  ["days", 86_400_000_000n],
  ["hours", 3_600_000_000n],
  ["minutes", 60_000_000n],
  ["seconds", 1_000_000n],
  ["milliseconds", 1000n],
  ["microseconds", 1n],
] as const;

const SECOND = 1_000_000n;
// Python's timedelta.min and timedelta.max.
const LEAST = -999_999_999n * 86_400n * SECOND;
const MOST = 1_000_000_000n * 86_400n * SECOND - 1n;

/**
 * Writes a span as the seconds that Python's `timedelta.total_seconds()` returns, rounded to
 * microseconds.
 *
 * JSON has `93780` where Python writes `93780.0`; its `load_timedelta` reads both alike. As in
 * Python, spans beyond 270 years may lose their microseconds: a float has no room for them.
 *
 * @param span Seconds, or a `Temporal.Duration` without years, months and nanoseconds.
 * @throws {CacheUsageError} For any other value, or a span of a billion days or more.
 */
export function dumpTimedelta(span: TimedeltaInput): number {
  return toSeconds(
    checked(typeof span === "number" ? toMicroseconds(span) : durationMicroseconds(span), span),
  );
}

/**
 * Reads a value of {@link dumpTimedelta} or of Python: as seconds, or as a `Temporal.Duration` of
 * seconds and microseconds.
 *
 * @throws {CacheUsageError} When it is no number of seconds, or of a billion days or more.
 */
export function loadTimedelta(seconds: number, options?: { readonly as?: "seconds" }): number;
export function loadTimedelta(
  seconds: number,
  options: { readonly as: "temporal" },
): TemporalValue<"Duration">;
export function loadTimedelta(
  seconds: number,
  { as = "seconds" }: { readonly as?: "seconds" | "temporal" } = {},
): number | TemporalValue<"Duration"> {
  const microseconds = checked(typeof seconds === "number" ? toMicroseconds(seconds) : undefined, seconds);
  if (as === "seconds") return toSeconds(microseconds);
  const parts = { seconds: Number(microseconds / SECOND), microseconds: Number(microseconds % SECOND) };
  return newTemporal("Duration", parts);
}

function checked(microseconds: bigint | undefined, span: unknown): bigint {
  if (microseconds !== undefined && microseconds >= LEAST && microseconds <= MOST) return microseconds;
  throw refuse(
    "a number of seconds, or a Temporal.Duration from weeks to microseconds, below a billion days",
    span,
  );
}

function durationMicroseconds(span: unknown): bigint | undefined {
  if (temporalNameOf(span) !== "Duration") return undefined;
  const fields = span as DurationFields;
  if (fields.years !== 0 || fields.months !== 0 || fields.nanoseconds !== 0) return undefined;
  return UNITS.reduce((sum, [unit, size]) => sum + BigInt(fields[unit]) * size, 0n);
}

/**
 * Rounds like Python's `timedelta(seconds=...)`: to the nearest microsecond, ties to the even one.
 */
function toMicroseconds(seconds: number): bigint | undefined {
  if (!Number.isFinite(seconds)) return undefined;
  const whole = Math.trunc(seconds);
  const fraction = (seconds - whole) * 1e6;
  const below = Math.floor(fraction);
  const isUp = fraction - below === 0.5 ? below % 2 !== 0 : fraction - below > 0.5;
  return BigInt(whole) * SECOND + BigInt(below) + (isUp ? 1n : 0n);
}

/** Divides like `total_seconds()`: returns the float that is nearest to the quotient. */
function toSeconds(microseconds: bigint): number {
  const size = microseconds < 0n ? -microseconds : microseconds;
  const seconds = Number(`${size / SECOND}.${String(size % SECOND).padStart(6, "0")}`);
  return microseconds < 0n ? -seconds : seconds;
}
