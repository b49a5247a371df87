/**
 * Maximum number of keys in one command, such as MGET and UNLINK: a server serves no other callers
 * while it works on one.
 */
export const KEYS_AT_ONCE = 500;

/**
 * Maximum number of commands of one call under way at once: a fiftieth of the Redis client's limit,
 * which leaves room for many calls of many keys and for other callers.
 */
export const COMMANDS_AT_ONCE = 100;

export function* chunksOf<Item>(
  items: readonly Item[],
  size: number,
): Generator<readonly Item[], void, undefined> {
  if (items.length <= size) {
    if (items.length > 0) yield items;
    return;
  }
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
