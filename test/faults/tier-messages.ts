/** A write to a key that was acknowledged: the value with this number, or a delete. */
export interface Ack {
  readonly key: number;
  /** Grows with each write to the key. */
  readonly number: number;
  /** On the clock that all processes count alike. */
  readonly at: number;
}

/** A span of time on that clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Facts by which the process judges its reads. */
export interface Evidence {
  readonly acks: readonly Ack[];
  /** When the network of the process was silent, or its connections still did not know that it had been. */
  readonly silences: readonly Span[];
  /** When what stands between the process and the server stood still. */
  readonly pauses: readonly Span[];
}

/** How old the values were that a process has read. */
export interface AgeReport {
  readonly reads: number;
  readonly writes: number;
  readonly failures: number;
  /** Number of old reads, by the upper ends of the spans in {@link AGES}. */
  readonly histogram: readonly number[];
  /** The greatest age of a read, in milliseconds. */
  readonly oldest: number;
  /** The same outside of silences, without the time for which a process stood still. */
  readonly oldestHeard: number;
}

export type TierMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "acks"; readonly acks: readonly Ack[] }
  | { readonly kind: "report"; readonly report: AgeReport };

/** Upper ends of the spans of a histogram, in milliseconds. */
export const AGES: readonly number[] = [
  1,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1000,
  2500,
  Number.POSITIVE_INFINITY,
];

/** Maximum staleness of the level, in milliseconds. */
export const MAX_STALE = 1000;

export const PROCESSES = 8;

/** Keys, each of which one process writes: its number modulo {@link PROCESSES}. */
export const KEYS: readonly string[] = Array.from({ length: 32 }, (_, number) => `k${number}`);
