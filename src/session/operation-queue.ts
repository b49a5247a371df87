import { SessionInterrupted, SojournError } from "../core/errors.ts";

/** A promise that records whether any code has asked for its result. */
class OperationPromise<Result> extends Promise<Result> {
  isObserved = false;

  /** Derived promises are ordinary ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await`, `catch` and `Promise.all` all come through here
  override then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((value: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.isObserved = true;
    return super.then(onFulfilled, onRejected);
  }
}

/** Listener of {@link OperationQueue}. */
export interface InterruptionListener {
  /** Called when an operation was interrupted. */
  noteInterruption(): void;
}

const IDLE = Promise.resolve();
const NO_FAILURES: readonly OperationPromise<unknown>[] = [];

/**
 * Runs the operations of one session in sequence, and keeps failures whose promises the handler has
 * not observed.
 */
export class OperationQueue {
  /** There is no response to fail, so an unawaited failure becomes a warning. */
  isUnattended = false;
  readonly #listener: InterruptionListener;
  #tail: Promise<unknown> = IDLE;
  #running = 0;
  #failures: readonly OperationPromise<unknown>[] = NO_FAILURES;

  constructor(listener: InterruptionListener) {
    this.#listener = listener;
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** Resolves when all operations so far have settled. */
  get idle(): Promise<unknown> {
    return this.#tail;
  }

  /** Runs an operation after all earlier ones. */
  run<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.#running++;
    const result = this.#tail.then(async () => {
      try {
        return await operation();
      } catch (error) {
        if (error instanceof SessionInterrupted) this.#listener.noteInterruption();
        throw error;
      } finally {
        this.#running--;
      }
    });
    const promise = new OperationPromise<Result>((resolve, reject) => {
      result.then(resolve, reject);
    });
    // Later operations only wait. takeFailure reports a failure that the handler does not observe.
    this.#tail = Promise.prototype.then.call(promise, undefined, () => {
      this.#failures = [...this.#failures, promise];
      if (this.isUnattended) setImmediate(() => void this.#warn());
    });
    return promise;
  }

  /** Removes all failures and returns the first unobserved one. */
  takeFailure(): Promise<unknown> | undefined {
    const failed = this.#failures;
    this.#failures = NO_FAILURES;
    return failed.find(({ isObserved }) => !isObserved);
  }

  async #warn(): Promise<void> {
    const message = await this.takeFailure()?.then(() => undefined, describeFailure);
    if (message === undefined) return;
    process.emitWarning(
      `An operation of a session has failed, and nothing awaited it: ${message} Await update(), save(), login(), logout() and ` +
        "their like, and handle their errors.",
      { type: "SojournWarning", code: "SOJOURN_UNAWAITED_OPERATION" },
    );
  }
}

/**
 * Describes a failure. Messages of application errors and schema errors may contain visitors'
 * input, so only the error's name is shown.
 */
function describeFailure(error: unknown): string {
  if (error instanceof SojournError && error.code !== "ERR_SESSION_SCHEMA") return error.message;
  return `${error instanceof Error ? error.name : "an unknown error"}.`;
}
