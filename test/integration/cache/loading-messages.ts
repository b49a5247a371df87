import type { CacheSettings } from "../../../src/cache/index.ts";
import type { LoadOptions } from "../../../src/cache/load/load-options.ts";

/** A task of a loading process: to call getOrSet for a key so many times at once. */
export interface LoadRequest {
  readonly id: number;
  readonly settings: CacheSettings;
  readonly key: string;
  readonly callers: number;
  readonly options?: LoadOptions;
  /** How long the loader takes, in milliseconds. */
  readonly takes: number;
  /** The value that it gives; without one it fails with the error {@link LOADER_ERROR}. */
  readonly gives?: unknown;
}

/** How the callers fared, in their order. */
export interface LoadReply {
  readonly id: number;
  readonly outcomes: readonly LoadOutcome[];
}

/** A value, or the name, message and code of an error. */
export type LoadOutcome = { readonly value: unknown } | { readonly error: string };

/** Store of the caches of a process, and the address of a server of its own. */
export interface LoadingStore {
  readonly name: "redis" | "tiered" | "memcached" | "memcached-django";
  readonly address?: string;
}

export type LoadingMessage = "ready" | LoadReply;

export const LOADER_ERROR = "RangeError: the source is down";

/**
 * The key under which the loaders count their runs, by a client that knows nothing of the cache.
 */
export const runsOf = (key: string): string => `runs-of-${key}`;

/** How many loaders run now, of all processes; and how often one began while another was running. */
export const runningOf = (key: string): string => `running-of-${key}`;
export const overlapsOf = (key: string): string => `overlaps-of-${key}`;
