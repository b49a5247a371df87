import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheLockError } from "../../core/errors.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";

/** What is known of a {@link LockHold} from the beginning. */
interface LockHoldFacts {
  /** As the caller gave it, for messages. */
  readonly key: string;
  readonly token: string;
  readonly fencingToken: number;
  /** By the monotonic clock; counted from before the store was asked, so that it is never too late. */
  readonly endsAt: Milliseconds;
  readonly clock: Clock;
}

/** One time of holding a lock, from acquiring it until it is given back, lost or over. */
export class LockHold {
  /** What the store names the holder while this holds the lock. */
  readonly token: string;
  /** Greater than that of each holder before. */
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

  /** Whether its time is over. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endsAt;
  }

  /** Aborts when the lock is lost, and after {@link watch} also when its time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on the signal aborts when the time is over. */
  watch(): void {
    this.#timer?.stop();
    const left = this.#endsAt - this.#clock.monotonic();
    if (left <= 0) {
      this.lose();
      return;
    }
    // Unreferenced: the work under the lock keeps the process alive, not the watch over it.
    this.#timer = startUnreferencedTimer(left, () => this.watch());
  }

  /** Sets another end of its time. */
  moveEnd(endsAt: Milliseconds): void {
    this.#endsAt = endsAt;
    if (this.#timer !== undefined && !this.signal.aborted) this.watch();
  }

  /** Tells who works under the lock that it is theirs no longer. */
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
