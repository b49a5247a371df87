import { userIdOf } from "../login/auth.ts";
import { inSteps } from "../users/steps.ts";
import { halfDone, refOf, type RevocationSteps } from "../users/user-sessions.ts";
import { readEarlier } from "./earlier-record.ts";
import { EarlierKeys } from "./earlier-store.ts";
import type { OpenTakeOver } from "./make-take-over.ts";

/** Sessions to end. */
export interface EndedSessions {
  /** `undefined`: those of all visitors. */
  readonly userId: string | undefined;
  /** Public name of a session to keep. */
  readonly exceptRef: string | undefined;
}

/**
 * Ends sessions that were not moved, by deleting their records. A process that is just moving one
 * finds it gone, and ends its own. To be called before the moved ones are ended: so none is missed
 * that is moved meanwhile.
 */
export async function endEarlier(
  { sources, secretKey }: OpenTakeOver,
  { userId, exceptRef }: EndedSessions,
  { pageDeadline, onEnded }: RevocationSteps,
): Promise<void> {
  const keys = new EarlierKeys(secretKey);
  try {
    for (const { records, format } of sources) {
      for await (const ids of records.scan(pageDeadline)) {
        const isEnded = await inSteps(ids, pageDeadline, async (id, deadline) => {
          if (exceptRef !== undefined && refOf(keys.keyOf(id)) === exceptRef) return false;
          if (userId === undefined) return records.delete(id, deadline);
          const read = await records.read(id, deadline);
          const content = typeof read === "string" ? undefined : readEarlier(read.text, format);
          const isTheirs = content !== undefined && userIdOf(content.record) === userId;
          return isTheirs && records.delete(id, deadline);
        });
        const ended = ids.filter((_, index) => isEnded[index]);
        if (ended.length > 0) onEnded(ended.map((id) => keys.keyOf(id)));
      }
    }
  } catch (cause) {
    throw halfDone(cause);
  }
}
