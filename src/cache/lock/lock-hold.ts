import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheLockError } from "../../core/errors.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";

/** Initial facts of a {@link LockHold}. */
interface LockHoldFacts {
  /** The key as the caller gave it, for messages. */
  readonly key: string;
  readonly token: string;
  readonly fencingToken: number;
  /** On the monotonic clock, counted from before the request to the store, so never too late. */
  readonly endsAt: Milliseconds;
  readonly clock: Clock;
}

/** One period of holding a lock, from acquiring it until it is released, lost or expired. */
export class LockHold {
  /** Name of this holder in the store. */
  readonly token: string;
  /** Greater than the token of each earlier holder. */
  readonly fencingToken: number;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #endsAt: Milliseconds;
  #timer: Timer | undefined;

  constructor({ key, token, fencingToken, endsAt, clock }: LockHoldFacts) {
    this.#key = key;
    this.token = token;
    this.fencingToken = fencingToken;
    this.#endsAt = endsAt;
    this.#clock = clock;
  }

  /** Whether the hold has expired. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endsAt;
  }

  /** Aborts when the lock is lost; after {@link watch}, also when it expires. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Makes the signal abort when the lock expires. */
  watch(): void {
    this.#timer?.stop();
    const left = this.#endsAt - this.#clock.monotonic();
    if (left <= 0) {
      this.lose();
      return;
    }
    // Unreferenced: the work under the lock keeps the process alive, not this timer.
    this.#timer = startUnreferencedTimer(left, () => this.watch());
  }

  /** Changes the time at which the hold expires. */
  moveEnd(endsAt: Milliseconds): void {
    this.#endsAt = endsAt;
    if (this.#timer !== undefined && !this.signal.aborted) this.watch();
  }

  /** Aborts the signal: the lock is no longer held. @returns The error for the caller. */
  lose(): CacheLockError {
    this.stopWatching();
    const error = new CacheLockError(this.#key, "lost");
    this.#controller.abort(error);
    return error;
  }

  stopWatching(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }
}
