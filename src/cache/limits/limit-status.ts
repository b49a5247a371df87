import { checkOptions, knownOptions } from "../../core/calls.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/** Options of {@link Limiter.consume} and {@link Limiter.peek}. */
export interface CostOption {
  /** Cost of the call. An integer of at least 1. @defaultValue `1` */
  readonly cost?: number | undefined;
}

/** State of a limit for one id. */
export interface LimitStatus {
  /** Whether the call was within the limit; for {@link Limiter.peek}, whether it would be. */
  readonly isAllowed: boolean;
  readonly limit: number;
  /**
   * Current count, rounded up. With fixed windows it can exceed the limit, since refused calls
   * count too.
   */
  readonly count: number;
  /** Rest of the limit. */
  readonly remaining: number;
  /** Time until none of the current counts applies any more. */
  readonly resetIn: Milliseconds;
  /**
   * Whole seconds until the same call would be allowed without other calls, for the header
   * `Retry-After`; 0 when it was allowed, `undefined` when it never will be, as the cost is more
   * than the limit: then omit the header.
   */
  readonly retryAfterSeconds: number | undefined;
}

/**
 * Counts the calls of ids, and refuses those beyond a limit. All processes with the same cache
 * share the counts.
 */
export interface Limiter {
  /**
   * Counts a call, and returns whether it was within the limit. Of any number of concurrent calls,
   * exactly the limit is allowed.
   *
   * @param id Identifies the caller: an address, a user's id. A string that is not empty.
   * @throws {StoreConnectionError} {@link StoreServiceError} The application decides whether to
   *   allow the call then.
   */
  consume(id: string, options?: CostOption): Promise<LimitStatus>;
  /** Returns the state of an id, without counting. */
  peek(id: string, options?: CostOption): Promise<LimitStatus>;
  /** Deletes the counts of an id. */
  reset(id: string): Promise<void>;
}

/** Settings of both algorithms. */
export interface LimitSettings {
  readonly limit: number;
  readonly window: Milliseconds;
  readonly prefix: string;
  readonly clock: Clock;
}

const COST_OPTION = knownOptions("A call of a limiter", ["cost"], "{ cost: 2 }", CacheUsageError);

/** Returns the cost of a call. @throws {CacheUsageError} When the cost or the id is invalid. */
export function checkCall(id: unknown, options: CostOption): number {
  checkOptions(options, COST_OPTION);
  const { cost = 1 } = options;
  if (typeof id !== "string" || id === "" || !id.isWellFormed()) {
    throw new CacheUsageError(
      `The id of a limit has to be a text that is not empty, got ${describeValue(id)}.`,
    );
  }
  if (Number.isSafeInteger(cost) && cost >= 1) return cost;
  throw new CacheUsageError(
    `The cost of a call has to be an integer of at least 1, got ${describeValue(cost)}.`,
  );
}

/** Builds the status of an id. */
export function toStatus(
  limit: number,
  cost: number,
  facts: { isAllowed: boolean; count: number; resetIn: Milliseconds; allowedIn: Milliseconds },
): LimitStatus {
  const { isAllowed, resetIn, allowedIn } = facts;
  const count = Math.ceil(facts.count);
  const retryAfterSeconds = isAllowed
    ? 0
    : cost > limit
      ? undefined
      : Math.max(1, Math.ceil(allowedIn / 1000));
  return { isAllowed, limit, count, remaining: Math.max(0, limit - count), resetIn, retryAfterSeconds };
}
