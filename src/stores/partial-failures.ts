import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";

/** Whether an error says that nothing of the call was written. */
export function isNotSent(error: unknown): boolean {
  return (error instanceof StoreConnectionError || error instanceof StoreServiceError) && error.outcome === "not-sent";
}

/**
 * For what fails before the step that decides: nothing of the call has been written. Used with `catch`. The
 * message is not that of the step, which speaks of its own command.
 */
export function throwNotSent(error: unknown): never {
  if (!(error instanceof StoreConnectionError) || error.outcome === "not-sent") throw error;
  const message = "Nothing was written: a step before the write got no answer, which its cause tells more of.";
  throw new StoreConnectionError(message, { outcome: "not-sent", cause: error });
}

/** For what follows the step that decides: the call has succeeded, whatever becomes of this. */
export async function ignoreStoreError(step: Promise<unknown> | undefined): Promise<void> {
  await settled(step);
}

/** The answer of such a step; `undefined` when it has failed. */
export async function settled<Result>(step: Promise<Result> | undefined): Promise<Result | undefined> {
  try {
    return await step;
  } catch (error) {
    if (!(error instanceof StoreConnectionError || error instanceof StoreServiceError)) throw error;
    return undefined;
  }
}

/**
 * For what fails after the step that decides, and has to be known to be done: the call may have succeeded.
 * Used with `catch`.
 */
export function throwUnknown(error: unknown): never {
  if (!(error instanceof StoreConnectionError) || error.outcome === "unknown") throw error;
  const message = "It may have been written in part: a step after the first failed, which its cause tells more of.";
  throw new StoreConnectionError(message, { outcome: "unknown", cause: error });
}
