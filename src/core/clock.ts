/** A span of time, in milliseconds. */
export type Milliseconds = number;

/** An instant: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMilliseconds = number;

/** Where all times come from. Tests hand in a manual clock (`sojourn/testing`) instead of sleeping. */
export interface Clock {
  /** The time of day, for expiry and for what is written into records. */
  now(): EpochMilliseconds;
  /** A time that never jumps, for deadlines; its zero has no meaning. */
  monotonic(): Milliseconds;
}

/** The clock of the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
