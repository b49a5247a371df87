import { SessionInterrupted, SojournError } from "../core/errors.ts";

/** A promise that knows whether anything has asked for its result. */
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

/**
 * Runs the operations of one session one after another, and remembers failures that the handler has not asked
 * for.
 */
export class OperationQueue {
  /** Whether there is no response that a failure could fail: then a failure that nothing awaits is a warning. */
  isUnattended = false;
  readonly #onInterrupted: () => void;
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;
  #failures: OperationPromise<unknown>[] = [];

  /** @param onInterrupted Called when an operation was interrupted. */
  constructor(onInterrupted: () => void) {
    this.#onInterrupted = onInterrupted;
  }

  get isBusy(): boolean {
    return this.#running > 0;
  }

  /** Resolves when the operations so far have ended, however they ended. */
  get idle(): Promise<unknown> {
    return this.#tail;
  }

  /** Runs an operation after those before it. */
  run<Result>(operation: () => Promise<Result>): Promise<Result> {
    this.#running++;
    const result = this.#tail.then(async () => {
      try {
        return await operation();
      } catch (error) {
        if (error instanceof SessionInterrupted) this.#onInterrupted();
        throw error;
      } finally {
        this.#running--;
      }
    });
    const promise = new OperationPromise<Result>((resolve, reject) => {
      result.then(resolve, reject);
    });
    // Those behind it only wait. A failure that nobody asks for is told by takeFailure.
    this.#tail = Promise.prototype.then.call(promise, undefined, () => {
      this.#failures.push(promise);
      if (this.isUnattended) setImmediate(() => void this.#warn());
    });
    return promise;
  }

  /** Takes the first operation that has failed and whose result nothing has asked for. */
  takeFailure(): Promise<unknown> | undefined {
    const failed = this.#failures;
    this.#failures = [];
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
 * Of an error of the application's, and of data that is no JSON, the message may show what a visitor has
 * typed.
 */
function describeFailure(error: unknown): string {
  if (error instanceof SojournError && error.code !== "ERR_SESSION_SCHEMA") return error.message;
  return `${error instanceof Error ? error.name : "an unknown error"}.`;
}
