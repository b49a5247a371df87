import { setTimeout as pause } from "node:timers/promises";

/** Handles that keep a process alive, and listeners on it. */
export interface Inventory {
  readonly resources: readonly string[];
  readonly listeners: number;
}

export interface Leaks {
  /** Kinds of resources, one for each that was not there before. */
  readonly leakedResources: readonly string[];
  readonly leakedListeners: number;
}

export function takeInventory(): Inventory {
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  return { resources: process.getActiveResourcesInfo(), listeners };
}

// A closed socket is gone after a turn of the event loop, the last tick of the deadline sweep after 20 ms.
const MAX_ROUNDS = 50;
const ROUND = 20;

/** Returns what has come since then and is still there after a second at most. */
export async function leaksSince(before: Inventory): Promise<Leaks> {
  let leaks = compare(before, takeInventory());
  for (let round = 0; round < MAX_ROUNDS && leaks.leakedResources.length > 0; round++) {
    await pause(ROUND);
    leaks = compare(before, takeInventory());
  }
  return leaks;
}

function compare(before: Inventory, now: Inventory): Leaks {
  const left = [...now.resources];
  for (const name of before.resources) {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
  }
  return { leakedResources: left, leakedListeners: now.listeners - before.listeners };
}
