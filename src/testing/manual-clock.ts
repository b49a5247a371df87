import type { Clock, EpochMilliseconds, Milliseconds } from "../core/clock.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #start: EpochMilliseconds;
  #now: EpochMilliseconds;

  /** @param now Initial time of day. The monotonic time begins with 0. */
  constructor(now: EpochMilliseconds = Date.UTC(2026, 0, 1)) {
    this.#start = now;
    this.#now = now;
  }

  now(): EpochMilliseconds {
    return this.#now;
  }

  monotonic(): Milliseconds {
    return this.#now - this.#start;
  }

  /** Lets time pass, for both readings. */
  advance(span: Milliseconds): void {
    this.#now += span;
  }
}
