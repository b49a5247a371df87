import { AsyncLocalStorage } from "node:async_hooks";

import type { Deadline } from "../../../core/deadlines.ts";

/** The store's call of a statement, as the pool sees it. */
export interface PoolCall {
  readonly deadline: Deadline;
  /** Whether the connection came from a pool that discards stalled ones. */
  isWatched: boolean;
}

/**
 * Kysely stands between the store and the pool, and passes only the statement. Created with the
 * first pool that needs it: until Node 22 a storage in use slows every promise of the process, by
 * some tenth of a microsecond.
 */
let storage: AsyncLocalStorage<PoolCall> | undefined;

/** Makes calls distinguishable from now on. */
export function trackCalls(): void {
  storage ??= new AsyncLocalStorage<PoolCall>();
}

export function runCall<Result>(call: PoolCall, run: () => Promise<Result>): Promise<Result> {
  return storage === undefined ? run() : storage.run(call, run);
}

/** @returns `undefined` for the application's own statements. */
export function currentCall(): PoolCall | undefined {
  return storage?.getStore();
}
