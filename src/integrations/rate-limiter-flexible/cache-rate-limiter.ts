import { RateLimiterRedis, RateLimiterRes, type RateLimiterStoreAbstract } from "rate-limiter-flexible";

import { checkOptions, knownOptions } from "../../core/calls.ts";
import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkCache } from "../../cache/check-cache.ts";
import type { Counters } from "../../cache/counters.ts";
import { type CountingCache, toHashedKey } from "../../cache/limits/counters.ts";
import { addTimed, readTimed, type TimedCount } from "../../cache/limits/timed-counts.ts";
import { toTimeout } from "../timeouts.ts";

/** Options of {@link rateLimiterFlexibleStore}: those of the library's own limiters on a store. */
export type CacheRateLimiterOptions = Omit<
  ConstructorParameters<typeof RateLimiterStoreAbstract>[0],
  "storeClient" | "storeType" | "dbName" | "tableName" | "tableCreated"
>;

const OPTIONS = knownOptions(
  "rateLimiterFlexibleStore()",
  [
    "keyPrefix",
    "points",
    "duration",
    "blockDuration",
    "blockOnConsumed",
    "inMemoryBlockOnConsumed",
    "inMemoryBlockDuration",
    "execEvenly",
    "execEvenlyMinDelayMs",
    "insuranceLimiter",
  ],
  "{ points: 5, duration: 60 }",
  CacheUsageError,
);

/**
 * Base class of the library's limiters on a store. The library declares it among its exports and
 * exports only its subclasses.
 */
const Base = Object.getPrototypeOf(RateLimiterRedis) as typeof RateLimiterStoreAbstract;

/**
 * Makes a limiter of rate-limiter-flexible 11 on a cache. It is used in place of the library's
 * `RateLimiterRedis`, with the same options, but for `storeClient`.
 *
 * @throws {CacheUsageError} Without a cache, or for an unknown option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { rateLimiterFlexibleStore } from "sojourn/integrations/rate-limiter-flexible";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const logins = rateLimiterFlexibleStore(caches.default, { keyPrefix: "login", points: 5, duration: 60 });
 * ```
 */
export function rateLimiterFlexibleStore(
  cache: CountingCache,
  options: CacheRateLimiterOptions,
): CacheRateLimiter {
  checkCache(cache, "rateLimiterFlexibleStore");
  checkOptions(options, OPTIONS);
  return new CacheRateLimiter(cache, options);
}

/**
 * A limiter of rate-limiter-flexible whose points are counters of a cache. Failures of the cache
 * are rejections with an error, or go to the `insuranceLimiter`; refusals are rejections with a
 * `RateLimiterRes`.
 */
export class CacheRateLimiter extends Base {
  readonly #counters: Counters;

  /** @internal Use {@link rateLimiterFlexibleStore}. */
  constructor({ counters }: CountingCache, options: CacheRateLimiterOptions) {
    super({ ...options, storeClient: undefined });
    this.#counters = counters;
  }

  /**
   * Called by the library: adds points, in two commands of one round trip, or sets them.
   *
   * @param msDuration Time to live of a new counter; with 0 or less it does not end.
   * @param isForced Whether to set the points and the time, whatever there is.
   * @internal
   */
  async _upsert(
    storageKey: string | number,
    points: number | string,
    msDuration: Milliseconds,
    isForced = false,
  ): Promise<TimedCount> {
    const delta = toInteger(points);
    const ttl = msDuration > 0 ? msDuration : null;
    const counter = { key: this.#keyOf(storageKey), timeout: toTimeout(ttl) };
    return this.#counters.during(async (steps) => {
      if (!isForced) return addTimed(steps, counter, delta);
      await steps.set(counter.key, delta, counter.timeout);
      return { count: delta, ttl };
    });
  }

  /** Called by the library: reads points. @internal */
  async _get(storageKey: string | number): Promise<TimedCount | null> {
    const key = this.#keyOf(storageKey);
    return (await this.#counters.during((steps) => readTimed(steps, key))) ?? null;
  }

  /** Called by the library. @returns Whether there were points. @internal */
  async _delete(storageKey: string | number): Promise<boolean> {
    const key = this.#keyOf(storageKey);
    return (await this.#counters.during((steps) => steps.deleteMany([key]))) > 0;
  }

  /** Called by the library: its form of a result of the other methods. @internal */
  _getRateLimiterRes(_: string, changed: number | string, { count, ttl }: TimedCount): RateLimiterRes {
    return new RateLimiterRes(Math.max(this.points - count, 0), ttl ?? -1, count, count === Number(changed));
  }

  #keyOf(storageKey: string | number): string {
    const prefix = this.keyPrefix === "" ? "" : `${this.keyPrefix}:`;
    return toHashedKey(prefix, [this.parseKey(String(storageKey))]);
  }
}

function toInteger(points: number | string): number {
  const integer = Number(points);
  if (Number.isSafeInteger(integer)) return integer;
  throw new CacheUsageError(`Points have to be an integer, got ${describeValue(points)}.`);
}
