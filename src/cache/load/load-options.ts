import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkTags } from "../options/cache-calls.ts";
import type { SetOptions } from "../options/cache-options.ts";
import type { Grace } from "../entry/freshness.ts";
import { type Timeout, toTtl } from "../options/timeouts.ts";

/** Context of a load, given to the loader. */
export interface LoadContext<Value = unknown> {
  /** The key as the caller gave it; with `getOrSetMany`, the first of the loaded keys. */
  readonly key: string;
  /** Aborts when `hardTimeout` has passed. Pass it to `fetch` or to the database. */
  readonly signal: AbortSignal;
  /** The value to be replaced, if it has expired and is still stored. */
  readonly stale: Value | undefined;
  /** Sets the timeout of this value in place of the call's. */
  setTimeout(timeout: Timeout): void;
  /** Returns the value to the waiting callers without storing it. */
  skip(): void;
}

/**
 * Makes a value.
 *
 * The replaced value has its own type: TypeScript infers the result of a function only if its
 * arguments do not depend on that type.
 */
export type Loader<Value, Stale = Value> = (context: LoadContext<Stale>) => Value | Promise<Value>;

/** Settings of a cache beside the timeout; a call of `getOrSet` can override them. */
export interface LoadDefaults {
  /**
   * Time after its timeout during which an entry is still returned at once, while one process
   * reloads it in the background.
   *
   * @defaultValue `0`
   */
  readonly stale?: Duration | undefined;
  /**
   * Time after its timeout during which an entry is returned when its loader fails or takes too
   * long, or another process is loading it. After a failure, the source is not called again for the
   * duration of a lease. @defaultValue `0`
   */
  readonly staleIfError?: Duration | undefined;
  /**
   * Reloads an entry in the background shortly before it expires: the longer its load took, the
   * sooner (XFetch). `true` is 1, the best number for most; with 2 it is twice as early.
   * @defaultValue `false`
   */
  readonly early?: number | boolean | undefined;
  /**
   * Timeout of a `null` from the loader: "there is no such thing". @defaultValue as any other value
   */
  readonly negativeTimeout?: Timeout | undefined;
  /**
   * Time after which a caller gets the old entry, if it may still be returned; the load goes on.
   *
   * @defaultValue none
   */
  readonly softTimeout?: Duration | undefined;
  /**
   * Time after which a load has failed and its signal aborts; also the maximum wait of a caller,
   * whichever process loads. The caller then gets `CacheLoadTimeoutError`, or the old entry if it
   * may still be returned.
   *
   * @defaultValue none
   */
  readonly hardTimeout?: Duration | undefined;
  /**
   * Maximum part of its timeout by which an entry's life is shortened, at random, so that entries
   * do not expire together: from 0 to 1.
   *
   * @defaultValue `0`
   */
  readonly jitter?: number | undefined;
}

/** Options of `cache.getOrSet`. */
export interface LoadOptions extends SetOptions, LoadDefaults {
  /**
   * Ends the caller's wait when it aborts: the call throws its reason. The load goes on for other
   * callers and for the cache; the loader has its own signal.
   *
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
}

/** {@link LoadDefaults}, checked. */
export interface ResolvedLoadDefaults extends Grace {
  /** `undefined`: as for any other value. */
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
  readonly version: number;
  readonly onCorrupt: "miss";
  /** Ends the caller's wait. */
  readonly signal: AbortSignal | undefined;
}

const NO_TAGS: readonly string[] = [];

/**
 * Combines the options of a call with the settings.
 *
 * @throws {CacheUsageError} Naming the option.
 */
export function toLoadPlan(
  options: LoadOptions,
  version: number,
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

/** Returns the factor of early reloads. @throws {CacheUsageError} */
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
  throw new CacheUsageError(
    `"${name}" has to be ${DURATION_EXPECTED}, from 0, got ${describeValue(duration)}.`,
  );
}

/** Returns how long after its timeout an entry is still usable. */
export function graceOf({ rules }: Pick<LoadPlan, "rules">): Milliseconds {
  return Math.max(rules.stale, rules.staleIfError);
}

/** Returns the time for which the store keeps an entry; `null`: without an end. */
export function storedFor(ttl: Milliseconds | null, plan: Pick<LoadPlan, "rules">): Milliseconds | null {
  return ttl === null ? null : ttl + graceOf(plan);
}
