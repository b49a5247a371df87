import type { Callback, ResultCallback } from "./types.ts";

/**
 * Tells a callback how a promise has settled, outside of the promise: what it throws is uncaught. As
 * in express-session, a call without a callback may fail.
 */
export function answer(promise: Promise<unknown>, callback: Callback = () => {}): void {
  promise.then(
    () => setImmediate(callback),
    (error: unknown) => setImmediate(callback, error),
  );
}

/** {@link answer} with the result. */
export function answerWith<Result>(promise: Promise<Result | null>, callback: ResultCallback<Result>): void {
  promise.then(
    (result) => setImmediate(callback, null, result),
    (error: unknown) => setImmediate(callback, error),
  );
}

/** Calls a function with a callback, as of a store. */
export function call<Result>(
  start: (callback: ResultCallback<Result>) => unknown,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) => {
    const result = start((error, found) => (error ? reject(toError(error)) : resolve(found)));
    // Some stores have both, and reject what their callback has thrown or has not been told.
    if (result instanceof Promise) result.catch(reject);
  });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error("The session store has failed.", { cause: error });
}
