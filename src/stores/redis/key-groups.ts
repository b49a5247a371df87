import { slotOf } from "../../redis/key-slot.ts";
import { chunksOf, COMMANDS_AT_ONCE, KEYS_AT_ONCE } from "../chunks.ts";

/** The keys of commands that are sent together. */
export type Round = readonly (readonly string[])[];

/**
 * Divides the keys of one call into commands, and these into rounds that are sent one after the other, each
 * within {@link COMMANDS_AT_ONCE} and {@link KEYS_AT_ONCE}.
 *
 * @param isSlotted Whether the keys of one command have to lie in one slot of a cluster.
 */
export function* roundsOf(keys: readonly string[], isSlotted: boolean): Generator<Round, void, undefined> {
  if (!isSlotted) {
    for (const chunk of chunksOf(keys, KEYS_AT_ONCE)) yield [chunk];
    return;
  }
  let round: (readonly string[])[] = [];
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

/** The keys of each command, for keys of one round. */
export function commandsFor(keys: readonly string[], isSlotted: boolean): Round {
  return isSlotted ? groupBySlot(keys) : [keys];
}

function groupBySlot(keys: readonly string[]): string[][] {
  const groups = new Map<number, string[]>();
  for (const key of keys) {
    const slot = slotOf(key);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [key]);
    else group.push(key);
  }
  return [...groups.values()];
}
