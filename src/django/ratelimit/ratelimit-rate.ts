import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/**
 * A rate in django-ratelimit's notation: a count and a period, such as `"5/m"`, `"100/h"`,
 * `"10/30s"`, `"100/10m"`. Units are `s`, `m`, `h` and `d`; the default is seconds. `"0/s"` allows
 * nothing.
 */
export type RatelimitRate = string;

/** Parts of a rate. */
export interface ParsedRate {
  readonly limit: number;
  /** In seconds. */
  readonly period: number;
}

const FORM = /^(\d+)\/(\d*)([smhd]?)$/;

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** @throws {CacheUsageError} When it is no rate, or its period is 0. */
export function parseRate(rate: unknown): ParsedRate {
  const [, count = "", multiple = "", unit = ""] = (typeof rate === "string" ? FORM.exec(rate) : null) ?? [];
  const limit = Number(count);
  const period = Number(multiple === "" ? 1 : multiple) * (SECONDS[unit] ?? 1);
  if (count !== "" && Number.isSafeInteger(limit) && Number.isSafeInteger(period) && period > 0) {
    return { limit, period };
  }
  throw new CacheUsageError(
    `A rate has to be a count and a period, such as "5/m" or "100/10m" (units s, m, h, d), got ${describeValue(rate)}.`,
  );
}
