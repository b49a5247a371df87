import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { checkOptions, knownOptions } from "../../core/calls.ts";
import type { Clock, EpochMilliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkCache } from "../../cache/check-cache.ts";
import type { CountingSteps } from "../../cache/counters.ts";
import { addToCounter, type Counter, type CountingCache } from "../../cache/limits/counters.ts";
import { type ParsedRate, parseRate, type RatelimitRate } from "./ratelimit-rate.ts";

/** Identifies one counter of django-ratelimit, without its window. */
export interface DjangoRatelimitCounter {
  /**
   * The `group` of the decorator; its default is the module and name of the view:
   * `"myapp.views.login"`.
   */
  readonly group: string;
  readonly rate: RatelimitRate;
  /**
   * Value of the decorator's `key`: an address, a user's id, a field of the form. It can be empty.
   */
  readonly value: string;
  /**
   * The decorator's `method`, if it is not `ALL`: a list, in any order, or one string.
   * @defaultValue `ALL`
   */
  readonly methods?: string | readonly string[] | undefined;
  /** `RATELIMIT_CACHE_PREFIX` of the site. @defaultValue `"rl:"` */
  readonly prefix?: string | undefined;
}

/** Options of {@link djangoRatelimitKey}. */
export interface DjangoRatelimitKeyOptions extends DjangoRatelimitCounter {
  readonly at: EpochMilliseconds;
}

/** Options of {@link djangoRatelimit}. */
export interface DjangoRatelimitOptions extends Omit<DjangoRatelimitCounter, "rate"> {
  /** `null`: no limit. */
  readonly rate: RatelimitRate | null;
  /** Whether this call counts, or only reads. @defaultValue `false`, as in django-ratelimit */
  readonly increment?: boolean | undefined;
  /**
   * Meaning of a lost counter: no limit if true, else the limit reached. `RATELIMIT_FAIL_OPEN`.
   *
   * @defaultValue `false`
   */
  readonly failOpen?: boolean | undefined;
  /** Source of times, for tests. @defaultValue the clock of the cache */
  readonly clock?: Clock | undefined;
}

/** Usage of a limit: the dictionary of django-ratelimit's `get_usage`. */
export interface DjangoRatelimitUsage {
  readonly count: number;
  readonly limit: number;
  /** Whether `count` is greater than `limit`. */
  readonly shouldLimit: boolean;
  /** Whole seconds until the window ends; -1 when the counter was lost. */
  readonly timeLeft: number;
}

const OPTIONS = knownOptions(
  "djangoRatelimit()",
  ["group", "rate", "value", "methods", "prefix", "increment", "failOpen", "clock"],
  '{ group, rate: "5/m", value }',
  CacheUsageError,
);

/** Seconds that a counter outlives its window, as django-ratelimit's EXPIRATION_FUDGE. */
const SPARE_SECONDS = 5;

const LOST: DjangoRatelimitUsage = { count: 0, limit: 0, shouldLimit: true, timeLeft: -1 };

/**
 * Returns the key in Django's cache under which django-ratelimit 4 counts at an instant
 * (`_make_cache_key` of django_ratelimit/core.py), with SHA-256, its default.
 *
 * @throws {CacheUsageError} When one of the options is invalid.
 */
export function djangoRatelimitKey({ at, ...counter }: DjangoRatelimitKeyOptions): string {
  const rate = parseRate(counter.rate);
  return keyOf(counter, rate, windowEnd(counter.value, rate.period, toSeconds(at)));
}

/**
 * Counts, or only reads, as django-ratelimit 4 does (`get_usage`), with the same keys, values and
 * times to live; counting is one command. A limit is thus shared with a Django site whose cache has
 * the same server, `KEY_PREFIX` and `VERSION`, and keeps integers as digits.
 *
 * @returns `undefined` when there is no limit.
 * @throws {CacheUsageError} When one of the options is invalid.
 * @throws {StoreConnectionError} {@link StoreServiceError} Whatever `failOpen` says.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { djangoRatelimit } from "sojourn/django";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const usage = await djangoRatelimit(caches.default, {
 *   group: "myapp.views.login",
 *   rate: "5/m",
 *   value: "203.0.113.7",
 *   increment: true,
 * });
 * ```
 */
export async function djangoRatelimit(
  cache: CountingCache,
  options: DjangoRatelimitOptions,
): Promise<DjangoRatelimitUsage | undefined> {
  checkCache(cache, "djangoRatelimit");
  checkOptions(options, OPTIONS);
  if (options.rate === null) return undefined;
  const { increment = false, failOpen = false, clock = cache.counters.clock } = options;
  const { limit, period } = parseRate(options.rate);
  const window = windowEnd(options.value, period, toSeconds(clock.now()));
  const key = keyOf(options, { limit, period }, window);
  const counter = { key, timeout: period + SPARE_SECONDS };
  const count = await cache.counters.during((steps) =>
    increment ? addToCounter(steps, counter, 1) : look(steps, counter),
  );
  if (count === undefined) return failOpen ? undefined : LOST;
  return { count, limit, shouldLimit: count > limit, timeLeft: window - toSeconds(clock.now()) };
}

/** Reads a counter. @returns `undefined` when the entry is no counter. */
async function look(steps: CountingSteps, { key, timeout }: Counter): Promise<number | undefined> {
  if (await steps.add(key, 0, timeout)) return 0;
  const count = await steps.get(key);
  if (count === undefined) return 0;
  return typeof count === "number" ? count : undefined;
}

function keyOf(
  counter: Omit<DjangoRatelimitCounter, "rate">,
  { limit, period }: ParsedRate,
  window: number,
): string {
  const { group, value, methods = [], prefix = "rl:" } = counter;
  checkText("group", group);
  const parts = [group, `${limit}/${period}s`, value, window, methodsOf(methods)];
  return prefix + createHash("sha256").update(parts.join("")).digest("hex");
}

/** Sorts a list; a single string is used unchanged, as in django-ratelimit. */
function methodsOf(methods: string | readonly string[]): string {
  if (typeof methods === "string") return methods;
  return methods
    .map((method) => method.toUpperCase())
    .toSorted()
    .join("");
}

/** Returns the last second of the window, in seconds since 1970 (`_get_window`). */
function windowEnd(value: string, period: number, now: number): number {
  checkText("value", value);
  if (period === 1) return now;
  const end = now - (now % period) + (crc32(value) % period);
  return end < now ? end + period : end;
}

function toSeconds(time: EpochMilliseconds): number {
  return Math.floor(time / 1000);
}

function checkText(name: string, text: unknown): void {
  if (typeof text === "string" && text.isWellFormed()) return;
  throw new CacheUsageError(`${name} of a rate limit has to be a text, got ${describeValue(text)}.`);
}
