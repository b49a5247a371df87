import { AsyncLocalStorage } from "node:async_hooks";

import type { Deadline } from "../../../core/deadlines.ts";

/** The store's call that a statement belongs to, as the pool sees it. */
export interface PoolCall {
  readonly deadline: Deadline;
  /** Whether the connection came from a pool that discards stalled ones. */
  isWatched: boolean;
}

/** Kysely stands between the store and the pool, and hands nothing through but the statement. */
export const currentCall: AsyncLocalStorage<PoolCall> = new AsyncLocalStorage<PoolCall>();
