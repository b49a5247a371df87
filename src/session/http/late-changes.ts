import type { Session } from "../session.ts";
import type { UseListener } from "./request-contract.ts";

let hasWarned = false;

/** Handling of late changes. */
export interface LateChangeHandling {
  /** Whether the changes of this response are dropped anyway, as with a status of 500. */
  readonly isDropping: boolean;
  /** Called each time that changes are left unsaved. */
  noteLateChange(session: Session<object>): void;
}

/**
 * Watches a session whose response has ended, and reports later changes of its data, which are not
 * saved. Changes that `update` or `save` writes are not reported.
 */
export class LateChangeWatch implements UseListener {
  readonly #session: Session<object>;
  readonly #handling: LateChangeHandling;
  #isWatching = false;

  constructor(session: Session<object>, handling: LateChangeHandling) {
    this.#session = session;
    this.#handling = handling;
  }

  noteUse(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    // Waits for changes in this turn of the event loop, and an `update` or `save` right after them.
    setImmediate(() => void this.#look());
  }

  async #look(): Promise<void> {
    await this.#session.settled;
    this.#isWatching = false;
    if (this.#handling.isDropping || !this.#session.hasChanges) return;
    this.#handling.noteLateChange(this.#session);
    warnOnce();
  }
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
