import { checkOptions, knownOptions } from "../../core/calls.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { checkCache } from "../../cache/check-cache.ts";
import type { Counters } from "../../cache/counters.ts";
import { addToCounter, type CountingCache, takeBack, toCount } from "../../cache/limits/counters.ts";
import { StaggeredWindows } from "../../cache/limits/windows.ts";
import { OutstandingHits } from "./outstanding-hits.ts";

/** Options of {@link expressRateLimitStore}. */
export interface RatePrefixOption {
  /**
   * First part of the keys in the cache. Limiters with the same prefix share their counts.
   * @defaultValue `"erl:"`
   */
  readonly prefix?: string | undefined;
  /** Source of times, for tests. @defaultValue the clock of the cache */
  readonly clock?: Clock | undefined;
}

const OPTIONS = knownOptions(
  "expressRateLimitStore()",
  ["prefix", "clock"],
  '{ prefix: "api:" }',
  CacheUsageError,
);

/** Options of express-rate-limit that the store uses. */
interface RateLimitOptions {
  readonly windowMs: Milliseconds;
  readonly skipFailedRequests?: boolean;
  readonly skipSuccessfulRequests?: boolean;
}

/** Counts of a client, for express-rate-limit. */
export interface RateLimitInfo {
  readonly totalHits: number;
  readonly resetTime: Date;
}

/**
 * Makes a store for express-rate-limit 8 on a cache, so that its limits hold across all processes
 * and servers.
 *
 * The windows are those of Sojourn's limiters: they follow from the time of day, staggered by
 * client, and do not begin with a client's first request. A hit is one command.
 *
 * @example
 * ```ts
 * import { rateLimit } from "express-rate-limit";
 * import { createSojourn } from "sojourn";
 * import { expressRateLimitStore } from "sojourn/integrations/express-rate-limit";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const limiter = rateLimit({ windowMs: 60_000, limit: 100, store: expressRateLimitStore(caches.default, { prefix: "api:" }) });
 * ```
 */
export function expressRateLimitStore(
  cache: CountingCache,
  options: RatePrefixOption = {},
): CacheRateLimitStore {
  checkCache(cache, "expressRateLimitStore");
  checkOptions(options, OPTIONS);
  return new CacheRateLimitStore(cache, options);
}

/**
 * The `Store` of express-rate-limit on a cache. Failures of the cache are thrown: the library's
 * `passOnStoreError` decides what happens to the request.
 *
 * There is no `resetAll`: the keys show no clients, and only the prefix identifies their limiter.
 * `cache.clear()` empties the cache.
 */
export class CacheRateLimitStore {
  /** Tells the library that other instances count with the same keys. */
  readonly localKeys = false;
  readonly prefix: string;
  readonly #counters: Counters;
  readonly #clock: Clock;
  /** Hits that can be taken back, if the options need them. */
  #outstanding: OutstandingHits | undefined;
  #windows: StaggeredWindows | undefined;

  /** @internal Use {@link expressRateLimitStore}. */
  constructor({ counters }: CountingCache, { prefix = "erl:", clock = counters.clock }: RatePrefixOption) {
    this.prefix = prefix;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** Called by the library with its options. */
  init({ windowMs, skipFailedRequests = true, skipSuccessfulRequests = true }: RateLimitOptions): void {
    if (!Number.isSafeInteger(windowMs) || windowMs < 1) {
      throw new CacheUsageError("windowMs has to be an integer of at least 1, in milliseconds.");
    }
    this.#windows = new StaggeredWindows({
      prefix: this.prefix,
      kind: "express",
      length: windowMs,
      isReadFor: 1,
    });
    this.#outstanding = skipFailedRequests || skipSuccessfulRequests ? new OutstandingHits() : undefined;
  }

  /** Returns the counts of a client in this window; `undefined` without any. */
  async get(client: string): Promise<RateLimitInfo | undefined> {
    const { counter, resetTime } = this.#now(client);
    const totalHits = toCount(counter.key, await this.#counters.during((steps) => steps.get(counter.key)));
    return totalHits > 0 ? { totalHits, resetTime } : undefined;
  }

  /** Counts a request. */
  async increment(client: string): Promise<RateLimitInfo> {
    const { window, counter, resetTime } = this.#now(client);
    // First, while the context of the request is known. A hit that fails is not taken back.
    this.#outstanding?.add(client, window);
    const totalHits = await this.#counters.during((steps) => addToCounter(steps, counter, 1));
    return { totalHits, resetTime };
  }

  /**
   * Subtracts a request that does not count, as with `skipSuccessfulRequests`, from the window in
   * which it was counted, unless that window is over.
   */
  async decrement(client: string): Promise<void> {
    const { window, counter } = this.#now(client);
    const counted = this.#outstanding?.take(client, window) ?? window;
    if (counted.number === window.number) {
      await this.#counters.during((steps) => takeBack(steps, counter.key, 1));
    }
  }

  /** Deletes the counts of a client. */
  async resetKey(client: string): Promise<void> {
    this.#outstanding?.forget(client);
    await this.#counters.during((steps) => steps.deleteMany([this.#now(client).counter.key]));
  }

  #now(client: string) {
    if (this.#windows === undefined) {
      throw new CacheUsageError(
        "This store knows no window yet. Give it to express-rate-limit: rateLimit({ store }).",
      );
    }
    const window = this.#windows.at(client, this.#clock.now());
    return {
      window,
      counter: this.#windows.counter(client, window.number),
      resetTime: new Date(window.endsAt),
    };
  }
}
