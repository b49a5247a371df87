import type { CallerWait } from "./caller-wait.ts";
import type { LoadScope } from "./load-scope.ts";

/** One run of a task that several callers wait for. */
export class Flight {
  /** Whether the key was written to after the run began: its result is then outdated. */
  isSuperseded = false;
  readonly scope: LoadScope;
  readonly #waits: CallerWait[] = [];
  #isAwaited = false;

  /** @param scope The run of the loader that it is part of. */
  constructor(scope: LoadScope) {
    this.scope = scope;
  }

  /** Whether callers have waited for it, and all of them have given up. */
  get isAbandoned(): boolean {
    return !this.#isAwaited && this.#waits.length > 0 && this.#waits.every(({ isOver }) => isOver);
  }

  /** Adds a waiting caller. @param wait `undefined` for a wait without a bound. */
  join(wait: CallerWait | undefined): void {
    if (wait === undefined) this.#isAwaited = true;
    else this.#waits.push(wait);
  }
}

/** A flight that can be joined. */
export interface RunningFlight<Result> {
  readonly flight: Flight;
  readonly result: Promise<Result>;
}

/**
 * Tracks the one task that runs for a key in this process, so that concurrent callers share its
 * result or its error.
 *
 * After a write to the key, later callers start another task.
 */
export class SingleFlight<Result> {
  readonly #running = new Map<string, RunningFlight<Result>>();

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  running(key: string): RunningFlight<Result> | undefined {
    return this.#running.get(key);
  }

  /** Stops callers from joining this flight. */
  seal(key: string, flight: Flight): void {
    if (this.#running.get(key)?.flight === flight) this.#running.delete(key);
  }

  /** Adds a running task. */
  track(key: string, flight: Flight, result: Promise<Result>): void {
    const running = { flight, result };
    this.#running.set(key, running);
    const forget = (): void => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    };
    result.then(forget, forget);
  }

  /** Marks the task of a key as outdated, since the key is being written to. */
  supersede(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.flight.isSuperseded = true;
    running.flight.scope.supersede(key);
    this.#running.delete(key);
  }

  /** Marks all tasks as outdated. */
  supersedeAll(): void {
    for (const key of this.#running.keys()) this.supersede(key);
  }
}
