import * as v from "valibot";

import type { Clock } from "../../core/clock.ts";
import { type Duration, durationSchema, MAX_SPAN } from "../../core/durations.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { checkCache } from "../check-cache.ts";
import type { CountingCache } from "./counters.ts";
import { FixedWindowLimiter } from "./fixed-window.ts";
import type { Limiter } from "./limit-status.ts";
import { SlidingWindowLimiter } from "./sliding-window.ts";

/** Settings of {@link createLimiter}. */
export interface LimiterSettings {
  /** Maximum count in a window. An integer; 0 allows nothing. */
  readonly limit: number;
  /** Length of a window. From 1 ms to 1000 years. */
  readonly window: Duration;
  /**
   * Algorithm of the limiter.
   *
   * - `"fixed"`: counts each window from 0. Windows begin at different times for each id, as in
   *   django-ratelimit. Two adjacent windows can let twice the limit through at once.
   * - `"sliding"`: counts the previous window too, by the part of it that is less than one length
   *   ago.
   *
   * @defaultValue `"fixed"`
   */
  readonly algorithm?: "fixed" | "sliding";
  /**
   * First part of the keys in the cache, such as `"login:"`. Limiters with the same prefix, window
   * and algorithm share their counts.
   */
  readonly prefix: string;
  /** Source of times, for tests. @defaultValue the clock of the cache */
  readonly clock?: Clock;
}

const INTEGER = "an integer of at least 0";

const limiterSchema = settingsObject({
  limit: v.pipe(v.number(INTEGER), v.safeInteger(INTEGER), v.minValue(0, INTEGER)),
  window: durationSchema({ least: "1ms", most: MAX_SPAN }),
  algorithm: v.optional(v.picklist(["fixed", "sliding"]), "fixed"),
  prefix: v.pipe(
    v.string('a text such as "login:"'),
    v.check((text) => text !== "" && text.isWellFormed(), 'a text such as "login:"'),
  ),
  clock: v.optional(v.custom<Clock>(isClock, "an object with now() and monotonic()")),
});

/**
 * Makes a limiter on a cache.
 *
 * @throws {ImproperlyConfigured} Naming the setting.
 * @example
 * ```ts
 * import { createLimiter, createSojourn } from "sojourn";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const logins = createLimiter(caches.default, { prefix: "login:", limit: 5, window: "1m" });
 *
 * const { isAllowed, retryAfterSeconds } = await logins.consume("203.0.113.7");
 * ```
 */
export function createLimiter(cache: CountingCache, settings: LimiterSettings): Limiter {
  checkCache(cache, "createLimiter");
  const { counters } = cache;
  const { algorithm, clock = counters.clock, ...rest } = parseSettings(limiterSchema, settings, "limiter");
  const Algorithm = algorithm === "fixed" ? FixedWindowLimiter : SlidingWindowLimiter;
  return new Algorithm(counters, { ...rest, clock });
}

function isClock(input: unknown): boolean {
  const clock = input as Partial<Clock> | null | undefined;
  return typeof clock?.now === "function" && typeof clock.monotonic === "function";
}
