/** One run of a task that several callers wait for. */
export interface Flight {
  /** Whether the key was written to after the run began: its result is then out of date. */
  isOverruled: boolean;
}

/** A flight that can be joined. */
export interface RunningFlight<Result> {
  readonly flight: Flight;
  readonly result: Promise<Result>;
}

/**
 * Knows the one task that runs for a key in this process, so that who comes meanwhile gets its result, or its
 * error, too.
 *
 * A key that is written to while its task runs lets later callers begin anew.
 */
export class SingleFlight<Result> {
  readonly #running = new Map<string, RunningFlight<Result>>();

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  running(key: string): RunningFlight<Result> | undefined {
    return this.#running.get(key);
  }

  /** Nobody shall join this flight any more. */
  seal(key: string, flight: Flight): void {
    if (this.#running.get(key)?.flight === flight) this.#running.delete(key);
  }

  /** A task has begun. */
  track(key: string, flight: Flight, result: Promise<Result>): void {
    const running = { flight, result };
    this.#running.set(key, running);
    const forget = (): void => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    };
    result.then(forget, forget);
  }

  /** The key is being written to. */
  overrule(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.flight.isOverruled = true;
    this.#running.delete(key);
  }

  /** All keys are. */
  overruleAll(): void {
    for (const key of this.#running.keys()) this.overrule(key);
  }
}
