import {
  isStoreError,
  RedisConnectionError,
  RedisServiceError,
  StoreConnectionError,
  StoreServiceError,
} from "../core/errors.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "./chunks.ts";

/** Most specific first. */
const CLASSES = [RedisConnectionError, RedisServiceError, StoreConnectionError, StoreServiceError];

/**
 * Waits for all writes of one call. If only some fail, the error does not claim that nothing was
 * written.
 *
 * @param hasWritten Whether other parts of the same call have already been written.
 */
export async function awaitWrites<Value>(
  writes: readonly Promise<Value>[],
  hasWritten: boolean,
): Promise<Value[]> {
  const [only] = writes;
  if (only !== undefined && writes.length === 1 && !hasWritten) return [await only];
  const results = await Promise.allSettled(writes);
  const failed = results.filter((result) => result.status === "rejected");
  const [first] = failed;
  if (first === undefined)
    return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const unknown = failed.find(({ reason }) => isStoreError(reason) && reason.outcome === "unknown");
  if (unknown !== undefined) throw unknown.reason;
  throw hasWritten || failed.length < results.length ? writtenInPart(first.reason) : first.reason;
}

/** Writes each item, a bounded number at a time, and waits for all answers. */
export async function writeInChunks<Item, Result>(
  items: readonly Item[],
  write: (item: Item) => Promise<Result>,
  size: number = COMMANDS_AT_ONCE,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const chunk of chunksOf(items, size)) {
    results.push(...(await awaitWrites(chunk.map(write), results.length > 0)));
  }
  return results;
}

/** Returns the error of a call that failed after a part of it was written. */
export function writtenInPart(cause: unknown): unknown {
  if (!isStoreError(cause) || cause.outcome === "unknown") return cause;
  const message = `A part of the call was written, then it failed. ${cause.message}`;
  const StoreError = CLASSES.find((each) => cause instanceof each) ?? StoreConnectionError;
  return new StoreError(message, { outcome: "unknown", cause });
}

/** Handler for `catch`: a step failed after a part of the call was written. */
export function throwWrittenInPart(cause: unknown): never {
  throw writtenInPart(cause);
}
