import type { Deadline } from "../../core/deadlines.ts";
import type { SessionData } from "./types.ts";

/** Members of a record, as JSON has them. */
export type RecordData = Readonly<Record<string, unknown>>;

/** A record as it is in the store. */
export interface StoredRecord {
  readonly text: string;
  readonly data: RecordData;
}

/**
 * Makes the session to write from the stored record; `undefined` if there is none. Called again
 * after each conflict.
 */
export type Make = (stored: StoredRecord | undefined) => SessionData;

/**
 * Answer of a write: the record as it is stored now; `"gone"`: there is none any more, and nothing
 * was written; `"ended"`: the session's own expiry has passed, and the record is deleted.
 */
export type Written = StoredRecord | "gone" | "ended";

/** The records of a session store. */
export interface SessionRecords {
  /** Minimum time between two touches of a session by this process, in milliseconds. */
  readonly touchEvery: number;

  read(sid: string): Promise<StoredRecord | undefined>;

  /**
   * Replaces a record by one that is made from its newest version, or begins one.
   *
   * @param expected Record that the request has read; `undefined` for a session that it begins.
   */
  write(sid: string, expected: StoredRecord | undefined, make: Make, deadline: Deadline): Promise<Written>;

  /** Extends the life of a record that exists. */
  touch(sid: string, session: SessionData): Promise<void>;

  destroy(sid: string): Promise<void>;

  /** Remembers for {@link REPLACED_FOR} that a session has got another id. */
  noteReplaced(sid: string): Promise<void>;

  /** Returns whether a session that is gone has got another id a moment ago. */
  isReplaced(sid: string): Promise<boolean>;
}

/** Time for which a replaced id is remembered, in milliseconds: longer than a request may last. */
export const REPLACED_FOR = 60_000;

/** Returns the members of a session as JSON has them. */
export function toRecordData(session: SessionData): RecordData {
  return JSON.parse(JSON.stringify(session)) as RecordData;
}
