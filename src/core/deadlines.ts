import { type Clock, type Milliseconds, systemClock } from "./clock.ts";

/**
 * Absolute end of a store operation. It is made when the operation starts and passed on to retries
 * and settlement, so that they share it.
 */
export class Deadline {
  /** Total time allowed, for messages. */
  readonly total: Milliseconds;
  readonly #clock: Clock;
  #end: Milliseconds;
  /** Remaining time when the deadline was paused. */
  #paused: Milliseconds | undefined;

  constructor(total: Milliseconds, clock: Clock = systemClock) {
    this.total = total;
    this.#clock = clock;
    this.#end = clock.monotonic() + total;
  }

  /** Remaining time; 0 when the deadline has passed. */
  get remaining(): Milliseconds {
    return this.#paused ?? Math.max(0, this.#end - this.#clock.monotonic());
  }

  get hasPassed(): boolean {
    return this.#paused === undefined && this.#clock.monotonic() >= this.#end;
  }

  /** Restarts the deadline with its full time: the time that has passed was not the store's. */
  restart(): void {
    this.#paused = undefined;
    this.#end = this.#clock.monotonic() + this.total;
  }

  /** Pauses the deadline: the time from now on is not the store's. */
  pause(): void {
    this.#paused ??= this.remaining;
  }

  /** Continues after {@link pause}. */
  resume(): void {
    if (this.#paused === undefined) return;
    this.#end = this.#clock.monotonic() + this.#paused;
    this.#paused = undefined;
  }
}
