import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";

/** For what fails before the step that decides: nothing of the call has been written. Used with `catch`. */
export function throwNotSent(error: unknown): never {
  if (!(error instanceof StoreConnectionError) || error.outcome === "not-sent") throw error;
  throw new StoreConnectionError(error.message, { outcome: "not-sent", cause: error });
}

/** For what follows the step that decides: the call has succeeded, whatever becomes of this. */
export async function harmless(step: Promise<void> | undefined): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof StoreConnectionError || error instanceof StoreServiceError)) throw error;
  }
}

/** For what fails after the step that decides, and has to be known to be done: the call may have succeeded. Used with `catch`. */
export function throwUnknown(error: unknown): never {
  if (!(error instanceof StoreConnectionError) || error.outcome === "unknown") throw error;
  throw new StoreConnectionError(error.message, { outcome: "unknown", cause: error });
}
