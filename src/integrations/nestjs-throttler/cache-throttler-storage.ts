import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import { checkCache } from "../../cache/check-cache.ts";
import type { Counters } from "../../cache/counters.ts";
import { type CountingCache, toHashedKey } from "../../cache/limits/counters.ts";
import { addTimed } from "../../cache/limits/timed-counts.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";
import { toTimeout } from "../timeouts.ts";

/** Options of {@link nestjsThrottlerStorage}. */
export interface ThrottlerStorageOptions extends PrefixOption {
  /** @defaultValue `"throttler:"` */
  readonly prefix?: string | undefined;
}

/** Counts of a client, for `@nestjs/throttler`. */
export interface ThrottlerRecord {
  /** Number of requests, at most one more than the limit. */
  readonly totalHits: number;
  /** Time until the counts begin again, in seconds, rounded up. */
  readonly timeToExpire: number;
  readonly isBlocked: boolean;
  /** Remaining time of the block, in seconds, rounded up; 0 without one. */
  readonly timeToBlockExpire: number;
}

/**
 * Value of the counter of a blocked client. Requests during the block are added, without effect; no
 * limit is as high.
 */
const BLOCKED = 2 ** 50;

/**
 * Makes a storage for `@nestjs/throttler` 6 on a cache, so that its limits and blocks hold across
 * all processes and servers.
 *
 * A window begins with a client's first request, and a block with the first one beyond the limit;
 * when the block ends, the counts begin again.
 *
 * @throws {CacheUsageError} Without a cache, or for an unknown option.
 * @example
 * ```ts
 * import { ThrottlerModule } from "@nestjs/throttler";
 * import { createSojourn } from "sojourn";
 * import { nestjsThrottlerStorage } from "sojourn/integrations/nestjs-throttler";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const throttling = ThrottlerModule.forRoot({
 *   throttlers: [{ ttl: 60_000, limit: 100 }],
 *   storage: nestjsThrottlerStorage(caches.default),
 * });
 * ```
 */
export function nestjsThrottlerStorage(
  cache: CountingCache,
  options: ThrottlerStorageOptions = {},
): CacheThrottlerStorage {
  checkCache(cache, "nestjsThrottlerStorage");
  return new CacheThrottlerStorage(cache, toPrefix("nestjsThrottlerStorage", options, "throttler:"));
}

/**
 * The `ThrottlerStorage` of `@nestjs/throttler` on a cache. Failures of the cache are thrown, and
 * Nest answers them with 500.
 */
export class CacheThrottlerStorage {
  readonly #counters: Counters;
  readonly #prefix: string;

  /** @internal Use {@link nestjsThrottlerStorage}. */
  constructor({ counters }: CountingCache, prefix: string) {
    this.#counters = counters;
    this.#prefix = prefix;
  }

  /**
   * Counts a request: two commands in one round trip, and another one where it begins a block.
   *
   * @param blockDuration Length of a block. With 0 or less, requests beyond the limit are refused
   *   until the window ends.
   */
  async increment(
    client: string,
    ttl: Milliseconds,
    limit: number,
    blockDuration: Milliseconds,
    throttlerName: string,
  ): Promise<ThrottlerRecord> {
    checkNumbers({ ttl, limit, blockDuration });
    const key = toHashedKey(this.#prefix, [throttlerName, client]);
    const timeout = toTimeout(Math.max(ttl, 1));
    return this.#counters.during(async (steps) => {
      const { count, ttl: left } = await addTimed(steps, { key, timeout }, 1);
      if (count <= limit) return toRecord(count, left, false);
      if (count > BLOCKED || blockDuration <= 0) return toRecord(limit + 1, left, true);
      await steps.set(key, BLOCKED, toTimeout(blockDuration));
      return toRecord(limit + 1, blockDuration, true);
    });
  }
}

function toRecord(totalHits: number, left: Milliseconds | null, isBlocked: boolean): ThrottlerRecord {
  const timeToExpire = left === null ? Infinity : Math.ceil(left / 1000);
  return { totalHits, timeToExpire, isBlocked, timeToBlockExpire: isBlocked ? timeToExpire : 0 };
}

function checkNumbers(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "number" && !Number.isNaN(value)) continue;
    throw new CacheUsageError(`"${name}" of a throttler has to be a number, got ${describeValue(value)}.`);
  }
}
