import type { Milliseconds } from "../../core/clock.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../../core/durations.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";
import type { VersionOption } from "../options/cache-options.ts";

/** Wait for a lock that another caller holds. The names are those of redis-py and django-redis. */
export interface LockWaitOptions {
  /** `false`: try once, without waiting. @defaultValue `true` */
  readonly blocking?: boolean | undefined;
  /** Maximum wait; 0 tries once. `null`: no bound. @defaultValue `null` */
  readonly blockingTimeout?: Duration | null | undefined;
  /**
   * Average time between two tries: each wait is between 0.5 and 1.5 times as long. At least 1 ms.
   *
   * @defaultValue `0.1`
   */
  readonly sleep?: Duration | undefined;
  /** Ends the wait: `acquire` then throws the signal's reason. @defaultValue none */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `cache.lock`. */
export interface LockOptions extends LockWaitOptions, VersionOption {
  /**
   * Time to live of the lock: the lock expires this long after it was acquired or extended,
   * whatever its holder does. At least 1 ms. Without a default, as only the caller knows how long
   * the work under the lock takes.
   */
  readonly timeout: Duration;
}

/** {@link LockWaitOptions}, checked and complete. */
export interface LockWait {
  readonly blockingTimeout: Milliseconds;
  readonly sleep: Milliseconds;
  readonly signal: AbortSignal | undefined;
}

/** @throws {CacheUsageError} */
export function resolveLockWait(options: LockWaitOptions): LockWait {
  const { blocking = true, blockingTimeout = null, sleep = 0.1, signal } = options;
  const longest = blockingTimeout === null ? Number.POSITIVE_INFINITY : toWait(blockingTimeout);
  return { blockingTimeout: blocking ? longest : 0, sleep: toPositive("sleep", sleep), signal };
}

/** Returns the time to live of a lock, in milliseconds. @throws {CacheUsageError} */
export function toLockTimeout(timeout: unknown): Milliseconds {
  return toPositive("timeout", timeout);
}

function toWait(blockingTimeout: unknown): Milliseconds {
  const span = toMilliseconds(blockingTimeout);
  if (span !== undefined) return Math.max(0, span);
  throw unexpected("blockingTimeout", `${DURATION_EXPECTED}, or null for no end`, blockingTimeout);
}

function toPositive(name: string, duration: unknown): Milliseconds {
  const span = toMilliseconds(duration);
  if (span !== undefined && span > 0) return span;
  throw unexpected(name, `${DURATION_EXPECTED}, at least 1 ms`, duration);
}

function unexpected(name: string, expected: string, value: unknown): CacheUsageError {
  return new CacheUsageError(`${name} of a lock has to be ${expected}, got ${describeValue(value)}.`);
}
