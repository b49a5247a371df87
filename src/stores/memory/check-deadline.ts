import type { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";

/** Memory answers at once, so only a deadline that has already passed matters. */
export function checkDeadline(deadline: Deadline): void {
  if (!deadline.hasPassed) return;
  throw new StoreConnectionError(
    `The deadline of ${deadline.total} ms had passed before the store was asked.`,
    {
      outcome: "not-sent",
    },
  );
}
