import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkTags } from "../options/cache-calls.ts";
import type { SetOptions } from "../options/cache-options.ts";
import type { Grace } from "../entry/freshness.ts";
import { type Timeout, toTtl } from "../options/timeouts.ts";

/** What a loader is told, and may say. */
export interface LoadContext<Value = unknown> {
  /** As the caller gave it; with `getOrSetMany` the first of those that are loaded. */
  readonly key: string;
  /** Aborts when `hardTimeout` has passed: hand it to `fetch` or to the database. */
  readonly signal: AbortSignal;
  /** The value that is replaced, where its time is over and it is still there. */
  readonly stale: Value | undefined;
  /** How long this value lives, instead of what the call said. */
  setTimeout(timeout: Timeout): void;
  /** The value goes to those who wait for it and is not stored. */
  skip(): void;
}

/**
 * Makes a value.
 *
 * The value that it replaces has a type of its own: what a function returns is inferred only where its
 * arguments do not depend on that.
 */
export type Loader<Value, Stale = Value> = (context: LoadContext<Stale>) => Value | Promise<Value>;

/** What is beside a timeout in the settings of a cache, and in a call of `getOrSet` instead of them. */
export interface LoadDefaults {
  /**
   * For how long after its timeout an entry is still given at once, while one process loads it anew in the
   * background.
   *
   * @defaultValue `0`
   */
  readonly stale?: Duration | undefined;
  /**
   * For how long after its timeout an entry is given when its loader fails or takes too long, or another
   * process is loading it. After a failure the source is not asked again for the time of a lease.
   * @defaultValue `0`
   */
  readonly staleIfError?: Duration | undefined;
  /**
   * Loads an entry anew in the background shortly before its time is over: the longer its load took, the
   * sooner (XFetch). `true` is 1, the number that is best for most; with 2 it is twice as early.
   * @defaultValue `false`
   */
  readonly early?: number | boolean | undefined;
  /** How long a `null` from the loader lives: "there is no such thing". @defaultValue as any other value */
  readonly negativeTimeout?: Timeout | undefined;
  /**
   * After how long a caller gets the old entry, if one may still be given; the load goes on.
   *
   * @defaultValue none
   */
  readonly softTimeout?: Duration | undefined;
  /**
   * After how long a load has failed, and its signal aborts; also the longest that a caller waits, whichever
   * process loads. It gets `CacheLoadTimeoutError` then, or the old entry, if one may still be given.
   *
   * @defaultValue none
   */
  readonly hardTimeout?: Duration | undefined;
  /**
   * Which part of its timeout an entry may live shorter, at random, so that not all end at once: from 0 to 1.
   *
   * @defaultValue `0`
   */
  readonly jitter?: number | undefined;
}

/** Options of `cache.getOrSet`. */
export interface LoadOptions extends SetOptions, LoadDefaults {
  /**
   * Ends the caller's wait when it aborts: the call throws its reason. The load goes on for other callers, and
   * for the cache; the loader has a signal of its own.
   *
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
}

/** {@link LoadDefaults}, checked. */
export interface ResolvedLoadDefaults extends Grace {
  /** `undefined`: as any other value. */
  readonly negativeTtl: Milliseconds | null | undefined;
  readonly softTimeout: Milliseconds | undefined;
  readonly hardTimeout: Milliseconds | undefined;
  readonly jitter: number;
}

/** {@link LoadOptions}, checked. */
export interface LoadPlan {
  readonly rules: ResolvedLoadDefaults;
  readonly ttl: Milliseconds | null;
  readonly tags: readonly string[];
  readonly version: number | undefined;
  readonly onCorrupt: "miss";
  /** Ends the caller's wait. */
  readonly signal: AbortSignal | undefined;
}

const NO_TAGS: readonly string[] = [];

/**
 * What the options of a call, and the settings beneath them, come to.
 *
 * @throws {CacheUsageError} Naming the option.
 */
export function toLoadPlan(
  options: LoadOptions,
  version: number | undefined,
  ttl: Milliseconds | null,
  defaults: ResolvedLoadDefaults,
): LoadPlan {
  const rules = isOverriding(options) ? overrideLoadDefaults(options, defaults) : defaults;
  const tags = options.tags === undefined ? NO_TAGS : checkTags(options.tags);
  return { rules, ttl, tags, version, onCorrupt: "miss", signal: checkSignal(options.signal) };
}

/** @throws {CacheUsageError} */
function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new CacheUsageError(`"signal" has to be an AbortSignal, got ${describeValue(signal)}.`);
}

function isOverriding(options: LoadDefaults): boolean {
  return (
    options.stale !== undefined ||
    options.staleIfError !== undefined ||
    options.early !== undefined ||
    options.negativeTimeout !== undefined ||
    options.softTimeout !== undefined ||
    options.hardTimeout !== undefined ||
    options.jitter !== undefined
  );
}

function overrideLoadDefaults(options: LoadDefaults, defaults: ResolvedLoadDefaults): ResolvedLoadDefaults {
  const { stale, staleIfError, early, negativeTimeout, softTimeout, hardTimeout, jitter } = options;
  return {
    stale: stale === undefined ? defaults.stale : toSpan(stale, "stale"),
    staleIfError: staleIfError === undefined ? defaults.staleIfError : toSpan(staleIfError, "staleIfError"),
    early: early === undefined ? defaults.early : toEarly(early),
    negativeTtl: negativeTimeout === undefined ? defaults.negativeTtl : toTtl(negativeTimeout),
    softTimeout: softTimeout === undefined ? defaults.softTimeout : toSpan(softTimeout, "softTimeout"),
    hardTimeout: hardTimeout === undefined ? defaults.hardTimeout : toSpan(hardTimeout, "hardTimeout"),
    jitter: jitter === undefined ? defaults.jitter : toJitter(jitter),
  };
}

/** How early an entry is loaded anew, as a factor. @throws {CacheUsageError} */
function toEarly(early: number | boolean): number {
  const factor = Number(early);
  if (Number.isFinite(factor) && factor >= 0 && typeof early !== "string") return factor;
  throw new CacheUsageError(`"early" has to be true, false or a number from 0, got ${describeValue(early)}.`);
}

function toJitter(jitter: number): number {
  if (typeof jitter === "number" && jitter >= 0 && jitter <= 1) return jitter;
  throw new CacheUsageError(`"jitter" has to be a number from 0 to 1, got ${describeValue(jitter)}.`);
}

function toSpan(duration: Duration, name: string): Milliseconds {
  const span = toMilliseconds(duration);
  if (span !== undefined && span >= 0) return span;
  throw new CacheUsageError(`"${name}" has to be ${DURATION_EXPECTED}, from 0, got ${describeValue(duration)}.`);
}
