import { type Clock, type Milliseconds, systemClock } from "./clock.ts";

/**
 * The one absolute end of a store operation. It is made when the operation starts and handed down through
 * retries and settlement, so that together they end in time.
 */
export class Deadline {
  /** What was allowed in all, for messages. */
  readonly total: Milliseconds;
  readonly #clock: Clock;
  #end: Milliseconds;

  constructor(total: Milliseconds, clock: Clock = systemClock) {
    this.total = total;
    this.#clock = clock;
    this.#end = clock.monotonic() + total;
  }

  /** What is left; 0 when it has passed. */
  get remaining(): Milliseconds {
    return Math.max(0, this.#end - this.#clock.monotonic());
  }

  /** Begins again with all of its time: what has passed was not the store's. */
  restart(): void {
    this.#end = this.#clock.monotonic() + this.total;
  }

  get hasPassed(): boolean {
    return this.#clock.monotonic() >= this.#end;
  }
}
