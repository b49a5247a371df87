import { checkOptions, knownOptions } from "../../core/calls.ts";
import { type Clock, type Milliseconds, systemClock } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import {
  addIfPresent,
  addToCounter,
  checkCountingCache,
  type CountingCache,
  toCount,
} from "../../cache/limits/counters.ts";
import { StaggeredWindows } from "../../cache/limits/windows.ts";

/** Options of {@link expressRateLimitStore}. */
export interface RateLimitStoreOptions {
  /** Begins the keys in the cache. Each limiter needs its own, or they count together. @defaultValue `"erl:"` */
  readonly prefix?: string | undefined;
  /** Where times come from, for tests. @defaultValue the clock of the process */
  readonly clock?: Clock | undefined;
}

const OPTIONS = knownOptions("expressRateLimitStore()", ["prefix", "clock"], '{ prefix: "api:" }', CacheUsageError);

/** What express-rate-limit is told of a client. */
export interface RateLimitInfo {
  readonly totalHits: number;
  readonly resetTime: Date;
}

/**
 * Makes a store for express-rate-limit 8 on a cache, so that its limits hold over all processes and servers.
 *
 * Windows are those of the limiters of Sojourn: they follow from the time of day, staggered by client, and do
 * not begin with a client's first request. A hit is one command; the first of a window is two.
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
export function expressRateLimitStore(cache: CountingCache, options: RateLimitStoreOptions = {}): CacheRateLimitStore {
  checkCountingCache(cache, "expressRateLimitStore");
  checkOptions(options, OPTIONS);
  return new CacheRateLimitStore(cache, options);
}

/**
 * The `Store` of express-rate-limit on a cache. Failures of the cache are thrown: the library's
 * `passOnStoreError` decides what becomes of the request.
 *
 * It has no `resetAll`: the keys show no clients, and nothing but the prefix says whose they are.
 * `cache.clear()` empties the cache.
 */
export class CacheRateLimitStore {
  /** Says to the library that other instances count with the same keys. */
  readonly localKeys = false;
  readonly prefix: string;
  readonly #cache: CountingCache;
  readonly #clock: Clock;
  #windows: StaggeredWindows | undefined;

  /** @internal Use {@link expressRateLimitStore}. */
  constructor(cache: CountingCache, { prefix = "erl:", clock = systemClock }: RateLimitStoreOptions) {
    this.prefix = prefix;
    this.#cache = cache;
    this.#clock = clock;
  }

  /** Called by the library with its options. */
  init({ windowMs }: { readonly windowMs: Milliseconds }): void {
    if (!Number.isSafeInteger(windowMs) || windowMs < 1) {
      throw new CacheUsageError("windowMs has to be an integer of at least 1, in milliseconds.");
    }
    this.#windows = new StaggeredWindows({ prefix: this.prefix, kind: "express", length: windowMs, isReadFor: 1 });
  }

  /** What a client has done in this window; `undefined` for nothing. */
  async get(client: string): Promise<RateLimitInfo | undefined> {
    const { counter, resetTime } = this.#now(client);
    const totalHits = toCount(counter.key, await this.#cache.get(counter.key));
    return totalHits > 0 ? { totalHits, resetTime } : undefined;
  }

  /** Counts a request. */
  async increment(client: string): Promise<RateLimitInfo> {
    const { counter, resetTime } = this.#now(client);
    return { totalHits: await addToCounter(this.#cache, counter, 1), resetTime };
  }

  /** Takes a request back that shall not count, as with `skipSuccessfulRequests`. */
  async decrement(client: string): Promise<void> {
    const { counter } = this.#now(client);
    const left = await addIfPresent(this.#cache, counter.key, -1);
    // The request was counted in the window before, or the client was reset meanwhile.
    if (left !== undefined && left < 0) await addIfPresent(this.#cache, counter.key, 1);
  }

  /** Forgets what a client has done. */
  async resetKey(client: string): Promise<void> {
    await this.#cache.deleteMany([this.#now(client).counter.key]);
  }

  #now(client: string) {
    if (this.#windows === undefined) {
      throw new CacheUsageError("This store knows no window yet. Give it to express-rate-limit: rateLimit({ store }).");
    }
    const { number, endsAt } = this.#windows.at(client, this.#clock.now());
    return { counter: this.#windows.counter(client, number), resetTime: new Date(endsAt) };
  }
}
