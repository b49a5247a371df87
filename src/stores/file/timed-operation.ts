import type { Deadline } from "../../core/deadlines.ts";
import { type Outcome, StoreConnectionError } from "../../core/errors.ts";
import { settleWithin } from "../../core/timers.ts";
import { isSystemError, toServiceError } from "./file-errors.ts";

/**
 * One operation with its deadline. A file operation that hangs cannot be cancelled, so the caller
 * gets its answer at the deadline, and the operation may go on reading but not writing.
 */
export class TimedOperation {
  readonly deadline: Deadline;
  #outcome: Outcome = "not-sent";
  #isOver = false;

  private constructor(deadline: Deadline) {
    this.deadline = deadline;
  }

  /**
   * Runs an operation.
   *
   * @throws {StoreConnectionError} At the deadline. The outcome is `"unknown"` from
   * {@link beginWrite} on.
   * @throws {StoreServiceError} For any error of the system.
   */
  static async run<Result>(
    deadline: Deadline,
    operate: (operation: TimedOperation) => Promise<Result>,
  ): Promise<Result> {
    const operation = new TimedOperation(deadline);
    operation.checkTime();
    try {
      return await settleWithin(operate(operation), deadline.remaining, (_, reject) =>
        reject(operation.#missed()),
      );
    } catch (error) {
      throw isSystemError(error) ? toServiceError(error, operation.#outcome) : error;
    } finally {
      operation.#isOver = true;
    }
  }

  /** @throws {StoreConnectionError} If the deadline has passed. */
  checkTime(): void {
    if (this.#isOver || this.deadline.hasPassed) throw this.#missed();
  }

  /**
   * To be called at the last moment before a change.
   *
   * @throws {StoreConnectionError} If it is too late.
   */
  beginWrite(): void {
    this.checkTime();
    this.#outcome = "unknown";
  }

  #missed(): StoreConnectionError {
    const message =
      `The file store did not finish within ${this.deadline.total} ms. Either the disk is slow, or others on this ` +
      "host hold the lock of the file. Raise the deadline, or use a store with a server.";
    return new StoreConnectionError(message, { outcome: this.#outcome });
  }
}
