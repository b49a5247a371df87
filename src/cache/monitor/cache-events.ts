import type { Milliseconds } from "../../core/clock.ts";
import type { StoreConnectionError, StoreServiceError } from "../../core/errors.ts";

/** What most events tell. No event carries a value. */
export interface CacheEvent {
  /** As the caller gave it. */
  readonly key: string;
}

/**
 * What can be listened to with `cache.on`, or process-wide with `node:diagnostics_channel` on the channel
 * `sojourn:cache:<name>`, where the event also has the name of the cache.
 */
export interface CacheEvents {
  /** A read found an entry whose time is not over. */
  readonly hit: CacheEvent;
  /** A read found nothing of use. */
  readonly miss: CacheEvent;
  /** `getOrSet` gave an entry whose time is over. */
  readonly stale: CacheEvent;
  /** A loader has run. */
  readonly load: CacheEvent & { readonly duration: Milliseconds };
  /** A loader has failed, or taken too long. */
  readonly loadFailed: CacheEvent & { readonly error: unknown };
  /** `getOrSet` waits for another process to load. Once for each wait. */
  readonly leaseWait: CacheEvent;
  /** Somebody has written to the key while its loader ran, so the result was not stored. */
  readonly overruled: CacheEvent;
  /** `getOrSet` found an entry that it cannot read, and loads the value anew; or `takeMany` has deleted one. */
  readonly corrupt: CacheEvent & {
    /** What is wrong with the entry, without any of it. */
    readonly problem: string;
  };
  /**
   * The store has failed, and `onStoreError: "miss"` let the caller go on, or a load in the background ended
   * with it.
   */
  readonly storeError: { readonly operation: string; readonly error: StoreConnectionError | StoreServiceError };
  /**
   * So many entries that should be deleted, and could not be while the store was away, will not be: there
   * were too many.
   */
  readonly forgotten: { readonly count: number };
}

/** How often what has happened in this process since it began. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Entries given though their time was over. */
  readonly stale: number;
  readonly loads: number;
  readonly loadFailures: number;
  /** Time that loaders have taken in all. */
  readonly loadTime: Milliseconds;
  readonly leaseWaits: number;
  readonly overruled: number;
  readonly corrupt: number;
  readonly storeErrors: number;
  /** Times that the event `forgotten` was told. */
  readonly forgotten: number;
}
