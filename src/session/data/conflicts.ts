import type { Events } from "../../core/events.ts";
import { mergeDelta, type OnConflict, type BaseSnapshot } from "./merge.ts";
import type { SessionEvents } from "../session-events.ts";
import type { Delta, SessionRecord } from "../record/session-record.ts";

/** Collects the conflicts of an attempt to commit; only those of the attempt that was written are told. */
export class Conflicts {
  #paths: (readonly string[])[] = [];

  /** Begins an attempt. */
  collect<Result>(newest: SessionRecord, change: (newest: SessionRecord, onConflict: OnConflict) => Result): Result {
    this.#paths = [];
    return change(newest, (path) => this.#paths.push(path));
  }

  /** Begins an attempt that puts a delta on top of the newest record. */
  merge(delta: Delta, seen: BaseSnapshot, newest: SessionRecord): SessionRecord {
    return this.collect(newest, (record, onConflict) => mergeDelta(delta, seen, record, onConflict));
  }

  emit(events: Events<SessionEvents>): void {
    for (const path of this.#paths) events.emit("conflict", { path });
  }
}
