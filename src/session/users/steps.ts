import type { Deadline } from "../../core/deadlines.ts";

/** Maximum number of concurrent operations of a walk: few enough for a small connection pool. */
export const STEP_SIZE = 32;

/**
 * Runs an operation on each item, {@link STEP_SIZE} at a time, with a deadline for each step. After
 * a failure no further step begins.
 *
 * @returns The results, in order.
 */
export async function inSteps<Item, Result>(
  items: readonly Item[],
  stepDeadline: () => Deadline,
  act: (item: Item, deadline: Deadline) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += STEP_SIZE) {
    const deadline = stepDeadline();
    results.push(...(await Promise.all(items.slice(at, at + STEP_SIZE).map((item) => act(item, deadline)))));
  }
  return results;
}
