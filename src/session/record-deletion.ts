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
    const deadline = stepDeadline();
    const step = keys.slice(at, at + STEP_SIZE);
    const results = await Promise.allSettled(step.map((key) => store.delete(key, deadline)));
    onEnded?.(step.filter((_, index) => isTrue(results[index])));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

function isTrue(result: PromiseSettledResult<boolean> | undefined): boolean {
  return result?.status === "fulfilled" && result.value;
}
