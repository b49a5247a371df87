import { slotOf } from "../../redis/key-slot.ts";
import { settleWrites } from "./settle-writes.ts";

/** Most keys in one MGET or UNLINK, and most commands on their way at once: others wait for no longer than that. */
const CHUNK = 500;

export function* chunksOf<Item>(items: readonly Item[]): Generator<readonly Item[], void, undefined> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}

/** Writes something for each item, a chunk at once, and waits for all answers. */
export async function writeInChunks<Item, Result>(
  items: readonly Item[],
  write: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const chunk of chunksOf(items)) results.push(...(await settleWrites(chunk.map(write), results.length > 0)));
  return results;
}

/** Keys of one slot of a cluster together. */
export function groupBySlot(keys: readonly string[]): string[][] {
  const groups = new Map<number, string[]>();
  for (const key of keys) {
    const slot = slotOf(key);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [key]);
    else group.push(key);
  }
  return [...groups.values()];
}
