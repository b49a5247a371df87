import { RedisServiceError } from "../../../core/errors.ts";
import { replyCode } from "../../../redis/errors.ts";
import type { StoredValue } from "../../cache-store.ts";

/** Returns whether an error is an error reply of Redis that begins with this code. */
export function isReply(error: unknown, code: string): error is RedisServiceError {
  return (
    error instanceof RedisServiceError &&
    error.cause instanceof Error &&
    replyCode(error.cause.message) === code
  );
}

/**
 * Falls back if a command of several keys was not executed, since only some of them have moved to
 * another node of the cluster. An interrupted resharding leaves a slot so for hours; commands of
 * one key are executed.
 */
export async function unlessHalfMoved<Result>(
  command: Promise<Result>,
  otherWay: (error: RedisServiceError) => Promise<Result>,
): Promise<Result> {
  try {
    return await command;
  } catch (error) {
    if (!isReply(error, "TRYAGAIN")) throw error;
    return otherWay(error);
  }
}

/** Returns whether a value equals the seen one, or begins with it. */
export function isSeen(value: StoredValue, seen: StoredValue | undefined): boolean {
  if (seen === undefined) return false;
  const beginning = Buffer.from(seen);
  return Buffer.from(value).subarray(0, beginning.length).equals(beginning);
}
