import type { Events } from "../../core/events.ts";
import { mergeDelta, type OnConflict, type BaseSnapshot } from "./merge.ts";
import type { SessionEvents } from "../session-events.ts";
import type { Delta, SessionRecord } from "../record/session-record.ts";

/**
 * Collects merge conflicts per commit attempt. Only those of the successful attempt are emitted.
 */
export class Conflicts {
  #paths: (readonly string[])[] = [];

  /** Begins an attempt. */
  collect<Result>(
    newest: SessionRecord,
    change: (newest: SessionRecord, onConflict: OnConflict) => Result,
  ): Result {
    this.#paths = [];
    return change(newest, (path) => this.#paths.push(path));
  }

  /** Begins an attempt that merges a delta into the newest record. */
  merge(delta: Delta, seen: BaseSnapshot, newest: SessionRecord): SessionRecord {
    return this.collect(newest, (record, onConflict) => mergeDelta(delta, seen, record, onConflict));
  }

  emit(events: Events<SessionEvents>): void {
    for (const path of this.#paths) events.emit("conflict", { path });
  }
}
