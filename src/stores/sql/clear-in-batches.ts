import type { QueryResult } from "kysely";

import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import type { Build, Run, SqlDatabase } from "./database.ts";
import { isTakenBack, tookTooLong } from "./store-errors.ts";

/**
 * Maximum number of rows that one statement deletes. On PostgreSQL, 200 000 rows took batches of
 * 1000 a median of 14 ms each and 2.9 s in all; with 100 it was 2 ms and 5.0 s, with 10 000 it was
 * 116 ms and 2.4 s.
 */
export const MAX_ROWS = 1000;

/** Number of rows that the first statement deletes, and the smallest batch that is tried again. */
const FIRST_ROWS = 250;
const MIN_ROWS = 50;

/** Duration above which the next batch is smaller; below a quarter of it, it is larger. */
const LONG_STEP: Milliseconds = 200;

/** Time at which a row expires, in the form of the column. */
export type Instant = string | number;

/** The statements of a sweep. */
export interface Clearing {
  /** Reads the expiry of the n-th row from an instant on. No answer if there are fewer. */
  readonly batchEnd: (from: Instant | undefined, rows: number) => Build<{ readonly batch_end: Instant }>;
  /** Deletes rows that expired between two instants, both included, up to a number. */
  readonly deletion: (from: Instant | undefined, until: Instant | undefined, rows: number) => Build;
  /** The same for rows that are not counted. */
  readonly uncounted?: (from: Instant | undefined, until: Instant | undefined, rows: number) => Build;
}

/** Options of a sweep. */
export interface Sweep {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly pageDeadline: () => Deadline;
  /** Called after each batch, with the number of rows deleted so far. */
  readonly onBatch: (cleared: number) => void;
}

/**
 * Deletes expired rows, the oldest first.
 *
 * - Each batch begins where the last one ended. If it began at the first row again, it would read
 *   all rows deleted before, as long as an old transaction (a backup) makes the database keep them.
 * - A batch is as large as the database can delete without delaying others. One that found no end
 *   within its deadline, or that others have prevented, is tried again with a quarter of its rows.
 *
 * @returns Number of deleted rows.
 */
export async function clearInBatches(clearing: Clearing, sweep: Sweep): Promise<number> {
  const { clock, onBatch } = sweep;
  let [cleared, rows] = [0, FIRST_ROWS];
  let from: Instant | undefined;
  for (;;) {
    const started = clock.monotonic();
    const batch = await clearBatch(clearing, sweep, from, rows).catch((error: unknown) => {
      if (rows === MIN_ROWS || !asksForLess(error)) throw error;
    });
    if (batch === undefined) {
      rows = Math.max(MIN_ROWS, Math.floor(rows / 4));
      continue;
    }
    cleared += batch.counted;
    onBatch(cleared);
    // A whole batch of one instant may be locked by others: it is left to the next sweep.
    if (batch.until === undefined || (batch.until === from && batch.deleted === 0)) return cleared;
    from = batch.until;
    rows = nextSize(rows, clock.monotonic() - started);
  }
}

/** Result of a batch. `deleted` includes the rows that are not counted. */
interface Batch {
  readonly until: Instant | undefined;
  readonly counted: number;
  readonly deleted: number;
}

async function clearBatch(
  { batchEnd, deletion, uncounted }: Clearing,
  { database, pageDeadline }: Sweep,
  from: Instant | undefined,
  rows: number,
): Promise<Batch> {
  const end = await database.run(batchEnd(from, rows), pageDeadline(), "reads");
  const until = end.rows[0]?.batch_end;
  const deadline = pageDeadline();
  const work = async (run: Run): Promise<Batch> => {
    const others = uncounted && (await run(uncounted(from, until, rows)));
    const counted = countOf(await run(deletion(from, until, rows)));
    return { until, counted, deleted: counted + countOf(others) };
  };
  // The expiry of a row depends on no other row: where SERIALIZABLE is the default, it would only
  // fail more often.
  if (database.dialect === "postgres") return database.transact(work, deadline);
  return work((build) => database.run(build, deadline));
}

function countOf(result: QueryResult<unknown> | undefined): number {
  return Number(result?.numAffectedRows ?? 0n);
}

/** Returns whether a smaller batch may succeed: this one missed its deadline or was prevented. */
function asksForLess(error: unknown): boolean {
  const isUnanswered = error instanceof StoreConnectionError && error.outcome === "unknown";
  return isUnanswered || tookTooLong(error) || isTakenBack(error);
}

function nextSize(rows: number, took: Milliseconds): number {
  if (took > LONG_STEP) return Math.max(MIN_ROWS, Math.floor(rows / 2));
  return took < LONG_STEP / 4 ? Math.min(MAX_ROWS, rows * 2) : rows;
}
