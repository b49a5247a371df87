import type { Milliseconds } from "../../core/clock.ts";
import { CacheLoadTimeoutError } from "../../core/errors.ts";
import { startTimer, type Timer } from "../../core/timers.ts";

/** Bounds of one caller's wait, whichever caller loads. */
export interface WaitBounds {
  readonly hardTimeout: Milliseconds | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One caller's wait for its result. It ends with the hard timeout, or when the signal aborts. */
export class CallerWait {
  readonly #signal: AbortSignal | undefined;
  readonly #timer: Timer | undefined;
  readonly #end: Promise<never>;
  readonly #abort: () => void;
  #timeout: CacheLoadTimeoutError | undefined;
  #isOver = false;

  /** @param key As the caller gave it, for messages. */
  constructor({ hardTimeout, signal }: WaitBounds, key: string) {
    let fail: (reason: unknown) => void = () => {};
    this.#end = new Promise<never>((_, reject) => (fail = reject));
    // No task may be waiting at that moment.
    this.#end.catch(() => {});
    this.#signal = signal;
    this.#abort = () => {
      this.#isOver = true;
      fail(signal?.reason);
    };
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (hardTimeout === undefined) return;
    this.#timer = startTimer(hardTimeout, () => {
      this.#isOver = true;
      this.#timeout = new CacheLoadTimeoutError(key, hardTimeout);
      fail(this.#timeout);
    });
  }

  /** Whether the caller has its result, or has given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Returns whether an error is the hard timeout of this wait. */
  isTimeout(error: unknown): boolean {
    return error !== undefined && error === this.#timeout;
  }

  /**
   * Waits for a task until the wait ends.
   *
   * @throws {CacheLoadTimeoutError} After the hard timeout.
   * @throws The reason of the signal, when it aborts.
   */
  for<Result>(task: Promise<Result>): Promise<Result> {
    return Promise.race([task, this.#end]);
  }

  /** Ends the wait: the caller has its result. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.stop();
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
