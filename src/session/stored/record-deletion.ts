import type { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import { throwUnknown } from "../../stores/partial-failures.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import { STEP_SIZE } from "../users/steps.ts";

/**
 * Deletes records, {@link STEP_SIZE} at a time, with a deadline for each step. After a failure no
 * further step begins.
 *
 * @param onEnded Called after each step, even if it failed in part, with the keys of the deleted
 *   records.
 * @returns The keys without a record.
 */
export async function deleteRecords(
  store: SessionStore,
  keys: readonly SessionKey[],
  stepDeadline: () => Deadline,
  onEnded?: (keys: readonly SessionKey[]) => void,
): Promise<readonly SessionKey[]> {
  const absent: SessionKey[] = [];
  for (let at = 0; at < keys.length; at += STEP_SIZE) {
    const [step, deadline] = [keys.slice(at, at + STEP_SIZE), stepDeadline()];
    const ended = new Set(await deleteStep(store, step, deadline, onEnded));
    for (const key of step) if (!ended.has(key)) absent.push(key);
  }
  return absent;
}

/**
 * Deletes a record, and before it those left by abandoned moves, to which its key would lead.
 *
 * @param orphans Storage keys of the records left by abandoned moves.
 * @param end Deletes one of them.
 * @param deleteRecord Deletes the record itself.
 */
export async function deleteAfterOrphans<Result>(
  orphans: readonly SessionKey[],
  end: (orphan: SessionKey) => Promise<void>,
  deleteRecord: () => Promise<Result>,
): Promise<Result> {
  for (const [at, orphan] of orphans.entries()) {
    const ending = end(orphan);
    await (at === 0 ? ending : ending.catch(throwUnknown));
  }
  return orphans.length === 0 ? deleteRecord() : deleteRecord().catch(throwUnknown);
}

async function deleteStep(
  store: SessionStore,
  keys: readonly SessionKey[],
  deadline: Deadline,
  onEnded?: (keys: readonly SessionKey[]) => void,
): Promise<readonly SessionKey[]> {
  if (store.deleteMany !== undefined) {
    const ended = await store.deleteMany(keys, deadline);
    onEnded?.(ended);
    return ended;
  }
  const results = await Promise.allSettled(keys.map((key) => store.delete(key, deadline)));
  const ended = keys.filter((_, index) => isTrue(results[index]));
  onEnded?.(ended);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return ended;
}

function isTrue(result: PromiseSettledResult<boolean> | undefined): boolean {
  return result?.status === "fulfilled" && result.value;
}
