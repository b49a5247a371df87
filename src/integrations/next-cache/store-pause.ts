import type { Clock, Milliseconds } from "../../core/clock.ts";
import { isStoreError } from "../../core/errors.ts";

/** Time for which a failed store is left alone: each part of a page would wait for it. */
const STORE_PAUSE: Milliseconds = 1000;

/** Tells failures, and leaves a store that has failed alone for a second. */
export class StorePause {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #awayUntil: Milliseconds = 0;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  get isAway(): boolean {
    return this.#clock.monotonic() < this.#awayUntil;
  }

  report(error: unknown): void {
    if (isStoreError(error)) this.#awayUntil = this.#clock.monotonic() + STORE_PAUSE;
    this.#onError(error);
  }
}
