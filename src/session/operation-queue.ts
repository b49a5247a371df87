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

interface Operation<Result> {
  readonly promise: OperationPromise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

function newOperation<Result>(): Operation<Result> {
  let [resolve, reject]: [(result: Result) => void, (error: unknown) => void] = [ignore, ignore];
  const promise = new OperationPromise<Result>((onResult, onError) => {
    [resolve, reject] = [onResult, onError];
  });
  return { promise, resolve, reject };
}

/** Resolves when an operation has settled. It does not count as observed, nor as unhandled. */
function settled(operation: OperationPromise<unknown>): Promise<unknown> {
  return Promise.prototype.then.call(operation, ignore, ignore);
}

/** Listener of {@link OperationQueue}. */
export interface InterruptionListener {
  /** Called when an operation was interrupted. */
  noteInterruption(): void;
}

const ignore = (): void => {};
const NO_FAILURES: readonly OperationPromise<unknown>[] = [];

/**
 * Runs the operations of one session in sequence, and keeps failures whose promises the handler has
 * not observed.
 */
export class OperationQueue {
  /** There is no response to fail, so an unawaited failure becomes a warning. */
  isUnattended = false;
  readonly #listener: InterruptionListener;
  /** The last operation, if there was one. */
  #last: OperationPromise<unknown> | undefined = undefined;
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
    return this.#last === undefined ? Promise.resolve() : settled(this.#last);
  }

  /** Runs an operation after all earlier ones; at once if there are none. */
  run<Result>(operation: () => Promise<Result>): Promise<Result> {
    const { promise, resolve, reject } = newOperation<Result>();
    const perform = async (): Promise<void> => {
      try {
        const result = await operation();
        this.#running--;
        resolve(result);
      } catch (error) {
        this.#running--;
        this.#fail(promise, error);
        reject(error);
      }
    };
    const earlier = this.#running++ === 0 ? undefined : this.#last;
    this.#last = promise;
    void (earlier === undefined ? perform() : settled(earlier).then(perform));
    return promise;
  }

  /** {@link takeFailure} reports a failure that the handler does not observe. */
  #fail(promise: OperationPromise<unknown>, error: unknown): void {
    void settled(promise);
    this.#failures = [...this.#failures, promise];
    if (error instanceof SessionInterrupted) this.#listener.noteInterruption();
    if (this.isUnattended) setImmediate(() => void this.#warn());
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
