import type { Deadline } from "../../core/deadlines.ts";
import type { Build, SqlDatabase } from "./database.ts";

/** How many rows one statement deletes: their locks are held for some milliseconds. */
export const BATCH_SIZE = 1000;

/**
 * Deletes until there is nothing left to delete.
 *
 * @param deletion Deletes {@link BATCH_SIZE} rows at most.
 * @returns How many it has deleted.
 */
export async function clearInBatches(
  database: SqlDatabase,
  deletion: Build,
  pageDeadline: () => Deadline,
): Promise<number> {
  let cleared = 0;
  for (;;) {
    const { numAffectedRows } = await database.run(deletion, pageDeadline());
    const count = Number(numAffectedRows ?? 0n);
    cleared += count;
    if (count < BATCH_SIZE) return cleared;
  }
}
