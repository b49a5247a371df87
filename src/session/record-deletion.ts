import type { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { STEP_SIZE } from "./steps.ts";

/**
 * Deletes records, some at a time, with a deadline for each step. After a failure no further step begins.
 *
 * @param onEnded Called after each step, also one that has failed in part, with the keys of the records that were there.
 */
export async function deleteRecords(
  store: SessionStore,
  keys: readonly SessionKey[],
  stepDeadline: () => Deadline,
  onEnded?: (keys: readonly SessionKey[]) => void,
): Promise<void> {
  for (let at = 0; at < keys.length; at += STEP_SIZE) {
    const [step, deadline] = [keys.slice(at, at + STEP_SIZE), stepDeadline()];
    if (store.deleteMany === undefined) {
      await deleteEach(store, step, deadline, onEnded);
      continue;
    }
    const ended = await store.deleteMany(step, deadline);
    onEnded?.(ended);
  }
}

async function deleteEach(
  store: SessionStore,
  keys: readonly SessionKey[],
  deadline: Deadline,
  onEnded?: (keys: readonly SessionKey[]) => void,
): Promise<void> {
  const results = await Promise.allSettled(keys.map((key) => store.delete(key, deadline)));
  onEnded?.(keys.filter((_, index) => isTrue(results[index])));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function isTrue(result: PromiseSettledResult<boolean> | undefined): boolean {
  return result?.status === "fulfilled" && result.value;
}
