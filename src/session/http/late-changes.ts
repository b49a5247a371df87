import type { Session } from "../session.ts";

let hasWarned = false;

/** Handling of late changes. */
export interface LateChangeHandling {
  /** Returns whether the changes of this response are dropped anyway, as with a status of 500. */
  isDropping(): boolean;
  /** Called each time that changes are left unsaved. */
  tell(): void;
}

/**
 * Watches a session whose response has ended, and reports later changes of its data, which are not
 * saved. Changes that `update` or `save` writes are not reported.
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
    // Waits for changes in this turn of the event loop, and an `update` or `save` right after them.
    setImmediate(() => void look());
  });
}

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "Session data was changed after the response had ended, and was not saved. Change it before the answer, or " +
      "call `await session.save()` (or session.update) after the change. The event lateChange reports each.",
    { type: "SojournWarning", code: "SOJOURN_LATE_CHANGE" },
  );
}
