import type { Milliseconds } from "../../core/clock.ts";
import type { StoreConnectionError, StoreServiceError } from "../../core/errors.ts";

/** Payload of most events. No event carries a value. */
export interface CacheEvent {
  /** The key as the caller gave it. */
  readonly key: string;
}

/**
 * Events for `cache.on`, or process-wide for `node:diagnostics_channel` on the channel
 * `sojourn:cache:<name>`, where the event also has the name of the cache.
 */
export interface CacheEvents {
  /** A read found an entry that has not expired. */
  readonly hit: CacheEvent;
  /** A read found no usable entry. */
  readonly miss: CacheEvent;
  /** `getOrSet` returned an expired entry. */
  readonly stale: CacheEvent;
  /** A loader has run. */
  readonly load: CacheEvent & { readonly duration: Milliseconds };
  /** A loader has failed, or taken too long. */
  readonly loadFailed: CacheEvent & { readonly error: unknown };
  /** `getOrSet` waits for another process to load. Emitted once for each wait. */
  readonly leaseWait: CacheEvent;
  /** Another writer has written to the key while its loader ran, so the result was not stored. */
  readonly superseded: CacheEvent;
  /** `getOrSet` found an unreadable entry, and reloads the value; or `takeMany` has deleted one. */
  readonly corrupt: CacheEvent & {
    /** Problem of the entry, without any of its content. */
    readonly problem: string;
  };
  /**
   * The store has failed, and `onStoreError: "miss"` let the caller go on, or a load in the
   * background ended with the failure.
   */
  readonly storeError: {
    readonly operation: string;
    readonly error: StoreConnectionError | StoreServiceError;
  };
  /**
   * Number of failed deletes during an outage that will not be repeated, because there were too
   * many.
   */
  readonly forgotten: { readonly count: number };
}

/** Counts of events in this process since it began. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Expired entries that were returned. */
  readonly stale: number;
  readonly loads: number;
  readonly loadFailures: number;
  /** Total time of all loaders. */
  readonly loadTime: Milliseconds;
  readonly leaseWaits: number;
  readonly superseded: number;
  readonly corrupt: number;
  readonly storeErrors: number;
  /** Number of `forgotten` events. */
  readonly forgotten: number;
}
