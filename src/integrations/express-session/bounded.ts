import type { Milliseconds } from "../../core/clock.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { settleWithin } from "../../core/timers.ts";

/**
 * Waits for a step with the session store, for at most a span.
 *
 * @param act Verb of the step, for the error: "read", "save" …
 * @throws {StoreConnectionError} When it has not settled by then; its outcome is unknown.
 */
export function bounded<Result>(act: string, step: Promise<Result>, span: Milliseconds): Promise<Result> {
  return settleWithin<Result>(step, span, (_resolve, reject) => {
    const message = `The session store did not ${act} the session within ${span} ms.`;
    reject(new StoreConnectionError(message, { outcome: "unknown" }));
  });
}
