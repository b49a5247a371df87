import type { Session } from "../session.ts";

let hasWarned = false;

/** Handling of late changes. */
export interface LateChangeHandling {
  /** Whether the changes of this response are dropped anyway, as with a status of 500. */
  isDropping(): boolean;
  /** Called once for each time that changes are left behind. */
  tell(): void;
}

/**
 * Watches a session whose response is over, and tells when somebody still changes its data: nobody saves that.
 * `update` and `save` do, at once, so what they take with them is not told.
 */
export function watchLateChanges(session: Session<object>, handling: LateChangeHandling): void {
  let isWatching = false;
  const look = async (): Promise<void> => {
    await session.settled;
    isWatching = false;
    if (handling.isDropping() || !session.hasChanges) return;
    handling.tell();
    warnOnce();
  };
  session.watchUse(() => {
    if (isWatching) return;
    isWatching = true;
    // Changes to the data in this turn, and an `update` or `save` that follows at once, come first.
    setImmediate(() => void look());
  });
}

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "Session data was changed after the response had ended, and was not saved. Change it before the answer, or " +
      "call `await session.save()` (or session.update) after the change. The event lateChange tells of each.",
    { type: "SojournWarning", code: "SOJOURN_LATE_CHANGE" },
  );
}
