import type { Milliseconds } from "../../core/clock.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";

/**
 * Calls that are repeated while something is in use: one at a time, at an interval. They end when
 * it was not used for an interval, and do not keep the process alive.
 */
export class Heartbeat {
  readonly #interval: Milliseconds;
  readonly #beat: () => Promise<void>;
  #timer: Timer | undefined;
  #isUsed = false;
  #isStopped = false;

  /** @param beat Never rejects. */
  constructor(interval: Milliseconds, beat: () => Promise<void>) {
    this.#interval = interval;
    this.#beat = beat;
  }

  /** Notes a use, and begins the calls. */
  use(): void {
    this.#isUsed = true;
    if (this.#timer === undefined && !this.#isStopped) this.#wait();
  }

  /** Ends the calls for good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
  }

  #wait(): void {
    this.#timer = startUnreferencedTimer(this.#interval, () => void this.#call());
  }

  async #call(): Promise<void> {
    if (!this.#isUsed) return void (this.#timer = undefined);
    this.#isUsed = false;
    await this.#beat();
    if (!this.#isStopped) this.#wait();
  }
}
