/** A span of time, in milliseconds. */
export type Milliseconds = number;

/** An instant: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMilliseconds = number;

/** Source of all times. Tests pass a manual clock (`sojourn/testing`) instead of sleeping. */
export interface Clock {
  /** Returns the time of day, for expiry and for the times in records. */
  now(): EpochMilliseconds;
  /** Returns a time that never jumps, for deadlines; its zero has no meaning. */
  monotonic(): Milliseconds;
}

/** The clock of the process. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
