import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { Etag } from "../core/etag.ts";
import type { CommitResult } from "./session-store.ts";

/** Record of another session library. */
export interface EarlierRecord {
  readonly text: string;
  /** Remaining time to live; `undefined`: the record does not expire. */
  readonly ttl: Milliseconds | undefined;
}

/** Answer of {@link EarlierRecords.read}. `"too-large"`: the record was not read. */
export type EarlierRead = EarlierRecord | "absent" | "too-large";

/**
 * The records of another session library, under the ids of that library. The texts are whole and
 * unchanged; deadlines and failures are those of `SessionStore`.
 */
export interface EarlierRecords {
  /** Reads a record. One of more bytes than the limit of the records is not transferred whole. */
  read(id: string, deadline: Deadline): Promise<EarlierRead>;

  /** Stores a record under an id that has none. @returns Whether it was stored. */
  create(id: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean>;

  /** Replaces a record, if it is still the version of the etag. */
  commit(id: string, text: string, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult>;

  /** Sets the time to live, if the record is still the version of the etag. */
  touch(id: string, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult>;

  /** Deletes a record. @returns Whether there was one. */
  delete(id: string, deadline: Deadline): Promise<boolean>;

  /** Deletes a record, if it is still the version of the etag. */
  deleteIfMatch(id: string, etag: Etag, deadline: Deadline): Promise<CommitResult>;

  /** Walks the ids of all records, page by page. An id may come twice. */
  scan(pageDeadline: () => Deadline): AsyncIterable<readonly string[]>;

  ping(deadline: Deadline): Promise<void>;
}
