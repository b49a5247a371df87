import { RedisConnectionError, RedisServiceError } from "../../core/errors.ts";

/**
 * Waits for all writes of one call. When some of them fail, the error does not claim that nothing was written.
 *
 * @param hasWritten Whether other parts of the same call have been written already.
 */
export async function settleWrites<Value>(writes: readonly Promise<Value>[], hasWritten: boolean): Promise<Value[]> {
  const [only] = writes;
  if (only !== undefined && writes.length === 1 && !hasWritten) return [await only];
  const results = await Promise.allSettled(writes);
  const failed = results.filter((result) => result.status === "rejected");
  const [first] = failed;
  if (first === undefined) return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const unknown = failed.find(({ reason }) => isStoreError(reason) && reason.outcome === "unknown");
  if (unknown !== undefined) throw unknown.reason;
  throw hasWritten || failed.length < results.length ? writtenInPart(first.reason) : first.reason;
}

function writtenInPart(cause: unknown): unknown {
  if (!isStoreError(cause)) return cause;
  const message = `Some of the keys were written, then it failed. ${cause.message}`;
  const options = { outcome: "unknown", cause } as const;
  return cause instanceof RedisConnectionError
    ? new RedisConnectionError(message, options)
    : new RedisServiceError(message, options);
}

function isStoreError(error: unknown): error is RedisConnectionError | RedisServiceError {
  return error instanceof RedisConnectionError || error instanceof RedisServiceError;
}
