import type { Milliseconds } from "./clock.ts";

/**
 * Maximum delay of a Node timer, in ms; a longer one becomes 1 ms (Node documentation,
 * `setTimeout`).
 */
export const MAX_TIMER: Milliseconds = 2 ** 31 - 1;

/** A pending call. */
export interface Timer {
  /** Cancels the call. May be called again, and after the call. */
  stop(): void;
}

/** Schedules one call, after a span of any length. */
export function startTimer(span: Milliseconds, call: () => void): Timer {
  return new SplitTimer(span, call);
}

/** {@link startTimer} that does not keep the process alive. */
export function startUnreferencedTimer(span: Milliseconds, call: () => void): Timer {
  return new SplitTimer(span, call, { isUnreferenced: true });
}

class SplitTimer implements Timer {
  readonly #call: () => void;
  readonly #isUnreferenced: boolean;
  #left: Milliseconds;
  #timeout: NodeJS.Timeout | undefined;

  constructor(span: Milliseconds, call: () => void, { isUnreferenced = false } = {}) {
    this.#left = span;
    this.#call = call;
    this.#isUnreferenced = isUnreferenced;
    this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timeout);
  }

  #wait(): void {
    const part = Math.min(this.#left, MAX_TIMER);
    this.#left -= part;
    this.#timeout = setTimeout(() => (this.#left > 0 ? this.#wait() : this.#call()), part);
    if (this.#isUnreferenced) this.#timeout.unref();
  }
}

/** Called when a promise has not settled in time: settles the wait by one of its two arguments. */
export type AtTimeout<Late> = (resolve: (value: Late) => void, reject: (error: Error) => void) => void;

/** Waits for a promise, for at most a span of any length. */
export async function settleWithin<Result, Late = never>(
  promise: Promise<Result>,
  span: Milliseconds,
  atTimeout: AtTimeout<Late>,
): Promise<Result | Late> {
  let timer: Timer | undefined;
  const timeout = new Promise<Late>((resolve, reject) => {
    timer = startTimer(span, () => atTimeout(resolve, reject));
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    timer?.stop();
  }
}

/** Sleeps for a span of any length. Does not keep the process alive. */
export function pauseUnreferenced(span: Milliseconds): Promise<void> {
  return new Promise((resolve) => void startUnreferencedTimer(span, resolve));
}

/**
 * Sleeps for a span of any length.
 *
 * @throws The reason of the signal, when it aborts.
 */
export function pause(span: Milliseconds, signal?: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = startTimer(span, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    const stop = (): void => {
      timer.stop();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
