import ms from "ms";
import * as v from "valibot";

import type { Milliseconds } from "./clock.ts";
import type { SettingsSchema } from "./settings.ts";

/** Units of {@link DurationText}. A year is 365.25 days. */
export type DurationUnit =
  | "ms"
  | `${"millisecond" | "second" | "minute" | "hour" | "day" | "week" | "year"}${"" | "s"}`
  | "s"
  | "m"
  | "h"
  | "d"
  | "w"
  | "y";

/** A number and its unit: `"90s"`, `"14d"`, `"250ms"`, `"2 weeks"`. */
export type DurationText = `${number}${"" | " "}${DurationUnit}`;

/**
 * A span of time in a setting, in Django's units: a bare number is **seconds**; text carries its
 * own unit.
 *
 * Text without a unit is refused. It is kept in whole milliseconds.
 */
export type Duration = number | DurationText;

/** Expected form of a duration, for messages. */
export const DURATION_EXPECTED = 'seconds or text such as "14d"';

// `ms` reads a text without a unit as milliseconds, where Django's settings would mean seconds.
const ENDS_IN_UNIT = /[a-z]$/i;

/**
 * Converts a duration to milliseconds. Zero and less pass: each setting gives them its own meaning.
 *
 * @returns `undefined` when it is not a duration, or not finite.
 */
export function toMilliseconds(duration: unknown): Milliseconds | undefined {
  const exact = typeof duration === "number" ? duration * 1000 : parseText(duration);
  const rounded = Math.round(exact);
  // Adding zero turns -0, which Math.round makes of -0.4, into 0.
  return Number.isSafeInteger(rounded) ? rounded + 0 : undefined;
}

function parseText(duration: unknown): number {
  if (typeof duration !== "string" || !ENDS_IN_UNIT.test(duration)) return Number.NaN;
  const parsed: number | undefined = ms(duration as ms.StringValue);
  return parsed ?? Number.NaN;
}

/** Bounds of a duration setting, both included. */
export interface DurationBounds {
  readonly least?: Duration;
  readonly most?: Duration;
}

/**
 * Maximum span of settings that dates are computed from. Python's dates end with the year 9999,
 * JavaScript's with the year 275 760.
 */
export const MAX_SPAN = "1000y";

/**
 * Schema of a duration setting: from {@link Duration} to milliseconds. Without bounds, zero and
 * less pass.
 */
export function durationSchema(bounds: DurationBounds = {}): SettingsSchema<Duration, Milliseconds> {
  const expected = DURATION_EXPECTED + describeBounds(bounds);
  return v.pipe(
    v.custom<Duration>((input) => isWithin(toMilliseconds(input), bounds), expected),
    v.transform((duration) => toMilliseconds(duration) ?? 0),
  );
}

/** Schema of a duration setting in which `null` means "no expiry". */
export function expirySchema(
  bounds: DurationBounds = {},
): SettingsSchema<Duration | null, Milliseconds | null> {
  const expected = `${DURATION_EXPECTED}${describeBounds(bounds)}, or null for no expiry`;
  return v.pipe(
    v.custom<Duration | null>((input) => input === null || isWithin(toMilliseconds(input), bounds), expected),
    v.transform((duration) => (duration === null ? null : (toMilliseconds(duration) ?? 0))),
  );
}

function isWithin(span: Milliseconds | undefined, { least, most }: DurationBounds): boolean {
  if (span === undefined) return false;
  return (
    span >= (toMilliseconds(least) ?? Number.NEGATIVE_INFINITY) &&
    span <= (toMilliseconds(most) ?? Number.POSITIVE_INFINITY)
  );
}

function describeBounds({ least, most }: DurationBounds): string {
  const parts = [];
  if (least !== undefined) parts.push(`at least ${describeDuration(least)}`);
  if (most !== undefined) parts.push(`at most ${describeDuration(most)}`);
  return parts.length === 0 ? "" : `, ${parts.join(" and ")}`;
}

function describeDuration(duration: Duration): string {
  return typeof duration === "number" ? `${duration} s` : duration;
}
