/**
 * Most keys in one command, such as MGET and UNLINK: for other callers, no longer than that does a server
 * work on it.
 */
export const KEYS_AT_ONCE = 500;

/**
 * Most commands of one call that are under way at once: a fiftieth of what the Redis client takes, so that
 * many calls of many keys, and other callers beside them, find room.
 */
export const COMMANDS_AT_ONCE = 100;

export function* chunksOf<Item>(items: readonly Item[], size: number): Generator<readonly Item[], void, undefined> {
  if (items.length <= size) {
    if (items.length > 0) yield items;
    return;
  }
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
