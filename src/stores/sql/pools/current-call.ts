import { AsyncLocalStorage } from "node:async_hooks";

import type { Deadline } from "../../../core/deadlines.ts";

/** The store's call that a statement belongs to, as the pool sees it. */
export interface PoolCall {
  readonly deadline: Deadline;
  /** Whether the connection came from a pool that discards stalled ones. */
  isWatched: boolean;
}

/**
 * Kysely stands between the store and the pool, and hands nothing through but the statement. Made with the
 * first pool that asks: until Node 22 a storage in use makes every promise of the process slower, by some
 * tenth of a microsecond.
 */
let storage: AsyncLocalStorage<PoolCall> | undefined;

/** From now on calls can be told apart. */
export function trackCalls(): void {
  storage ??= new AsyncLocalStorage<PoolCall>();
}

export function runCall<Result>(call: PoolCall, run: () => Promise<Result>): Promise<Result> {
  return storage === undefined ? run() : storage.run(call, run);
}

/** @returns `undefined` for what the application itself does. */
export function currentCall(): PoolCall | undefined {
  return storage?.getStore();
}
