import type { Milliseconds } from "../../core/clock.ts";
import { MAX_SPAN, toMilliseconds } from "../../core/durations.ts";
import { checkCache } from "../../cache/check-cache.ts";
import type { Counters } from "../../cache/counters.ts";
import { type CountingCache, toHashedKey } from "../../cache/limits/counters.ts";
import { addTimed, readTimed } from "../../cache/limits/timed-counts.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";
import { toTimeout } from "../timeouts.ts";

/** Options of {@link fastifyRateLimitStore}. */
export interface FastifyRatePrefixOption extends PrefixOption {
  /** @defaultValue `"fastify-rate-limit:"` */
  readonly prefix?: string | undefined;
}

/** Counts of a client, for `@fastify/rate-limit`. */
export interface FastifyRateLimitCounts {
  readonly current: number;
  /** Time until the counts begin again. */
  readonly ttl: Milliseconds;
}

/** Receives the counts of a client, or the failure of the cache. */
export type FastifyRateLimitCallback = (error: Error | null, result?: FastifyRateLimitCounts) => void;

/** Class that `@fastify/rate-limit` makes its store of, with its own options. */
export type FastifyRateLimitStoreClass = new (limiter: object) => CacheFastifyRateLimitStore;

/** Options of the plugin and of a route that the store uses. */
interface LimiterOptions {
  readonly continueExceeding?: boolean;
  readonly exponentialBackoff?: boolean;
  readonly groupId?: string;
  readonly routeInfo?: { readonly method?: string | readonly string[]; readonly url?: string };
}

/** Maximum time of a back-off: that of the settings. */
const MAX_BACKOFF = toMilliseconds(MAX_SPAN) as Milliseconds;

/**
 * Makes a store for `@fastify/rate-limit` 10 and 11 on a cache, so that its limits hold across all
 * processes and servers.
 *
 * @returns A class, which the plugin makes its stores of.
 * @throws {CacheUsageError} Without a cache, or for an unknown option.
 * @example
 * ```ts
 * import rateLimit from "@fastify/rate-limit";
 * import fastify from "fastify";
 * import { createSojourn } from "sojourn";
 * import { fastifyRateLimitStore } from "sojourn/integrations/fastify-rate-limit";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const app = fastify();
 * await app.register(rateLimit, { max: 100, store: fastifyRateLimitStore(caches.default) });
 * ```
 */
export function fastifyRateLimitStore(
  cache: CountingCache,
  options: FastifyRatePrefixOption = {},
): FastifyRateLimitStoreClass {
  checkCache(cache, "fastifyRateLimitStore");
  const { counters } = cache;
  const prefix = toPrefix("fastifyRateLimitStore", options, "fastify-rate-limit:");
  return class extends CacheFastifyRateLimitStore {
    constructor(limiter: object) {
      super(counters, prefix, [], limiter);
    }
  };
}

/**
 * The store of `@fastify/rate-limit` on a cache. A window begins with a client's first request.
 * Failures of the cache are passed on: the plugin's `skipOnError` decides what happens to the
 * request.
 */
export class CacheFastifyRateLimitStore {
  readonly #counters: Counters;
  readonly #prefix: string;
  /** Parts of the keys that tell routes apart. */
  readonly #scope: readonly string[];
  readonly #limiter: LimiterOptions;

  /** @internal Use {@link fastifyRateLimitStore}. */
  constructor(counters: Counters, prefix: string, scope: readonly string[], limiter: object) {
    this.#counters = counters;
    this.#prefix = prefix;
    this.#scope = scope;
    this.#limiter = limiter;
  }

  /**
   * Counts a request: two commands in one round trip, and another one where a request beyond the
   * limit prolongs the window (`continueExceeding`, `exponentialBackoff`).
   */
  incr(
    client: string | number,
    callback: FastifyRateLimitCallback,
    timeWindow: Milliseconds,
    max: number,
  ): void {
    answer(this.#count(client, timeWindow, max), callback);
  }

  /** Reads the counts of a client, and changes nothing. */
  read(client: string | number, callback: FastifyRateLimitCallback): void {
    answer(this.#read(client), callback);
  }

  /** Returns the store of a route with a limit of its own. Routes with one `groupId` share theirs. */
  child(limiter: object): CacheFastifyRateLimitStore {
    const { groupId, routeInfo: { method, url } = {} } = limiter as LimiterOptions;
    const scope = groupId === undefined ? [String(method ?? ""), url ?? ""] : ["group"];
    return new CacheFastifyRateLimitStore(this.#counters, this.#prefix, [...this.#scope, ...scope], limiter);
  }

  async #count(
    client: string | number,
    timeWindow: Milliseconds,
    max: number,
  ): Promise<FastifyRateLimitCounts> {
    const counter = { key: this.#keyOf(client), timeout: toTimeout(Math.max(timeWindow, 1)) };
    return this.#counters.during(async (steps) => {
      const { count, ttl } = await addTimed(steps, counter, 1);
      const prolonged = count > max ? this.#prolonged(count - max, timeWindow) : undefined;
      if (prolonged === undefined) return { current: count, ttl: ttl ?? timeWindow };
      await steps.touch(counter.key, toTimeout(prolonged));
      return { current: count, ttl: prolonged };
    });
  }

  async #read(client: string | number): Promise<FastifyRateLimitCounts> {
    const found = await this.#counters.during((steps) => readTimed(steps, this.#keyOf(client)));
    return { current: found?.count ?? 0, ttl: found?.ttl ?? 0 };
  }

  /** Returns the new length of a window after a request beyond the limit, if it changes. */
  #prolonged(excess: number, timeWindow: Milliseconds): Milliseconds | undefined {
    if (this.#limiter.continueExceeding === true) return timeWindow;
    if (this.#limiter.exponentialBackoff !== true) return undefined;
    return Math.min(timeWindow * 2 ** (excess - 1), MAX_BACKOFF);
  }

  #keyOf(client: string | number): string {
    return toHashedKey(this.#prefix, [...this.#scope, String(client)]);
  }
}

/** Passes a result on, or an error. An error that the callback throws is not passed to it again. */
function answer(counts: Promise<FastifyRateLimitCounts>, callback: FastifyRateLimitCallback): void {
  void counts.then(
    (result) => callback(null, result),
    (error: unknown) => callback(error as Error),
  );
}
