import type { Leaks } from "./leaks.ts";

/** Heap sizes are in bytes, after a collection. */
export interface OutstandingReport extends Leaks {
  readonly heapBefore: number;
  readonly heapOutstanding: number;
  readonly heapAfter: number;
  /** How many failed with which outcome. */
  readonly failed: Readonly<Record<string, number>>;
  readonly succeeded: number;
  /**
   * How late the latest request has ended, less the time in which the process stood still then, in
   * milliseconds.
   */
  readonly latest: number;
  /** Whether the server could be reached again when the network was well. */
  readonly hasRecovered: boolean;
}

export type OutstandingMessage =
  | { readonly type: "ready" }
  | { readonly type: "failed" }
  | ({ readonly type: "report" } & OutstandingReport);

export const REQUESTS = 10_000;
export const DEADLINE = 1000;
