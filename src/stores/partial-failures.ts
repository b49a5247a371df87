import { isStoreError, StoreConnectionError, StoreServiceError } from "../core/errors.ts";

/** Returns whether an error says that nothing of the call was written. */
export function isNotSent(error: unknown): boolean {
  return isStoreError(error) && error.outcome === "not-sent";
}

/**
 * Handler for `catch`: a step before the deciding one failed, so nothing of the call was written.
 * The message replaces that of the step, which speaks of its own command.
 */
export function throwNotSent(error: unknown): never {
  if (!(error instanceof StoreConnectionError) || error.outcome === "not-sent") throw error;
  const message = "Nothing was written: a step before the write got no answer. See `cause`.";
  throw new StoreConnectionError(message, { outcome: "not-sent", cause: error });
}

/** Awaits a step after the deciding one: the call has succeeded, whether or not this step does. */
export async function ignoreStoreError(step: Promise<unknown> | undefined): Promise<void> {
  await settled(step);
}

/** Returns the answer of a step after the deciding one; `undefined` if it failed. */
export async function settled<Result>(step: Promise<Result> | undefined): Promise<Result | undefined> {
  try {
    return await step;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return undefined;
  }
}

/**
 * Handler for `catch`: a required step after the deciding one failed; the call may have succeeded.
 */
export function throwUnknown(error: unknown): never {
  if (!isStoreError(error) || error.outcome === "unknown") throw error;
  const Failure = error instanceof StoreConnectionError ? StoreConnectionError : StoreServiceError;
  const message = "It may have been written in part: a step after the first failed. See `cause`.";
  throw new Failure(message, { outcome: "unknown", cause: error });
}
