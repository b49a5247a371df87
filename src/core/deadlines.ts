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
  /** What was left when it was paused. */
  #paused: Milliseconds | undefined;

  constructor(total: Milliseconds, clock: Clock = systemClock) {
    this.total = total;
    this.#clock = clock;
    this.#end = clock.monotonic() + total;
  }

  /** What is left; 0 when it has passed. */
  get remaining(): Milliseconds {
    return this.#paused ?? Math.max(0, this.#end - this.#clock.monotonic());
  }

  get hasPassed(): boolean {
    return this.#paused === undefined && this.#clock.monotonic() >= this.#end;
  }

  /** Begins again with all of its time: what has passed was not the store's. */
  restart(): void {
    this.#paused = undefined;
    this.#end = this.#clock.monotonic() + this.total;
  }

  /** Stands still: what passes from now on is not the store's. */
  pause(): void {
    this.#paused ??= this.remaining;
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    if (this.#paused === undefined) return;
    this.#end = this.#clock.monotonic() + this.#paused;
    this.#paused = undefined;
  }
}
