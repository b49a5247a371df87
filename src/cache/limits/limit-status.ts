import { checkOptions, knownOptions } from "../../core/calls.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/** Options of {@link Limiter.consume} and {@link Limiter.peek}. */
export interface CostOption {
  /** How much it counts. An integer of at least 1. @defaultValue `1` */
  readonly cost?: number | undefined;
}

/** Where an id stands. */
export interface LimitStatus {
  /** Whether it was within the limit; of {@link Limiter.peek}, whether it would be. */
  readonly allowed: boolean;
  readonly limit: number;
  /** What is counted, rounded up. With fixed windows it can be more than the limit: what is refused counts on. */
  readonly count: number;
  /** What is left of the limit. */
  readonly remaining: number;
  /** Time until nothing that is counted now counts any more. */
  readonly resetIn: Milliseconds;
  /**
   * Whole seconds until the same would be allowed if nobody else came, for the header `Retry-After`; 0 when
   * it was allowed, `undefined` when it never will be, as the cost is more than the limit: then leave the
   * header out.
   */
  readonly retryAfter: number | undefined;
}

/** Counts what ids do, and says who has done too much. Shared by all processes with the same cache. */
export interface Limiter {
  /**
   * Counts, and tells whether it was within the limit. Of any number at the same time, exactly the limit is
   * allowed.
   *
   * @param id Who is limited: an address, a user's id. A text that is not empty.
   * @throws {StoreConnectionError} {@link StoreServiceError} Whether to let through then is the caller's to
   *   decide.
   */
  consume(id: string, options?: CostOption): Promise<LimitStatus>;
  /** Tells where an id stands, and counts nothing. */
  peek(id: string, options?: CostOption): Promise<LimitStatus>;
  /** Forgets what is counted of an id. */
  reset(id: string): Promise<void>;
}

/** What both algorithms are set to. */
export interface LimitSettings {
  readonly limit: number;
  readonly window: Milliseconds;
  readonly prefix: string;
  readonly clock: Clock;
}

const COST_OPTION = knownOptions("A call of a limiter", ["cost"], "{ cost: 2 }", CacheUsageError);

/** The cost of a call. @throws {CacheUsageError} When it, or the id, is not what it has to be. */
export function checkCall(id: unknown, options: CostOption): number {
  checkOptions(options, COST_OPTION);
  const { cost = 1 } = options;
  if (typeof id !== "string" || id === "" || !id.isWellFormed()) {
    throw new CacheUsageError(`Who is limited has to be a text that is not empty, got ${describeValue(id)}.`);
  }
  if (Number.isSafeInteger(cost) && cost >= 1) return cost;
  throw new CacheUsageError(`What a call costs has to be an integer of at least 1, got ${describeValue(cost)}.`);
}

/** Puts together where an id stands. */
export function toStatus(
  limit: number,
  cost: number,
  facts: { allowed: boolean; count: number; resetIn: Milliseconds; allowedIn: Milliseconds },
): LimitStatus {
  const { allowed, resetIn, allowedIn } = facts;
  const count = Math.ceil(facts.count);
  const retryAfter = allowed ? 0 : cost > limit ? undefined : Math.max(1, Math.ceil(allowedIn / 1000));
  return { allowed, limit, count, remaining: Math.max(0, limit - count), resetIn, retryAfter };
}
