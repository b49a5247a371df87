/** One run of a task that several callers wait for. */
export interface Flight {
  /** Whether the key was written to after the run began: its result is then out of date. */
  readonly isOverruled: boolean;
}

interface RunningFlight<Result> {
  readonly flight: { isOverruled: boolean };
  readonly result: Promise<Result>;
}

/**
 * Runs one task at a time for a key, in this process: who comes while it runs gets its result, or its error, too.
 *
 * A key that is written to while its task runs lets later callers begin anew.
 */
export class SingleFlight<Result> {
  readonly #running = new Map<string, RunningFlight<Result>>();

  run(key: string, task: (flight: Flight) => Promise<Result>): Promise<Result> {
    const known = this.#running.get(key);
    if (known !== undefined) return known.result;
    const flight = { isOverruled: false };
    // Not before the run is known: the task may write to its own key, or throw, at once.
    const started = Promise.resolve().then(() => task(flight));
    const result = started.finally(() => flight.isOverruled || this.#running.delete(key));
    this.#running.set(key, { flight, result });
    return result;
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
