import type { Operation } from "./history.ts";

/** Those that have made it before those that have joined, then by their ends. */
export function byMaking(left: Operation, right: Operation): number {
  return Number(left.isJoined ?? false) - Number(right.isJoined ?? false) || left.end - right.end;
}

/** Returns the operation that has made the session of each key. */
export function makersOf(operations: readonly Operation[]): Map<string, Operation> {
  const makers = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.newKey === undefined) continue;
    const known = makers.get(operation.newKey);
    if (known === undefined || byMaking(operation, known) < 0) makers.set(operation.newKey, operation);
  }
  return makers;
}
