import type { RedisArgument } from "../../../redis/commands.ts";
import { slotOf } from "../../../redis/key-slot.ts";
import { chunksOf, COMMANDS_AT_ONCE, KEYS_AT_ONCE } from "../../chunks.ts";

/** Keys of the commands that are sent together. */
export type Round<Key extends RedisArgument = string> = readonly (readonly Key[])[];

/**
 * Divides the keys of one call into commands, and these into rounds that are sent one after the
 * other, each within {@link COMMANDS_AT_ONCE} and {@link KEYS_AT_ONCE}.
 *
 * @param isSlotted Whether the keys of one command have to lie in one slot of a cluster.
 */
export function* roundsOf<Key extends RedisArgument>(
  keys: readonly Key[],
  isSlotted: boolean,
): Generator<Round<Key>, void, undefined> {
  if (!isSlotted) {
    for (const chunk of chunksOf(keys, KEYS_AT_ONCE)) yield [chunk];
    return;
  }
  let round: (readonly Key[])[] = [];
  let count = 0;
  for (const group of groupBySlot(keys)) {
    for (const chunk of chunksOf(group, KEYS_AT_ONCE)) {
      if (round.length === COMMANDS_AT_ONCE || count + chunk.length > KEYS_AT_ONCE) {
        if (round.length > 0) yield round;
        round = [];
        count = 0;
      }
      round.push(chunk);
      count += chunk.length;
    }
  }
  if (round.length > 0) yield round;
}

/** Divides the keys of one round into those of each command. */
export function commandsFor<Key extends RedisArgument>(keys: readonly Key[], isSlotted: boolean): Round<Key> {
  return isSlotted ? groupBySlot(keys) : [keys];
}

function groupBySlot<Key extends RedisArgument>(keys: readonly Key[]): Key[][] {
  const groups = new Map<number, Key[]>();
  for (const key of keys) {
    const slot = slotOf(key);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [key]);
    else group.push(key);
  }
  return [...groups.values()];
}
