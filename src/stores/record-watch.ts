import type { SessionKey } from "../core/ids.ts";

/**
 * Cause of a record's absence.
 *
 * - `"expired"`: its time to live has passed.
 * - `"deleted"`: it was deleted, by whichever process or program, or never existed.
 * - `"unknown"`: one of the two.
 */
export type GoneCause = "expired" | "deleted" | "unknown";

/** Listener of a {@link RecordWatch}. */
export interface RecordWatchListener {
  /**
   * Called when a watched key has no record, for each record that ends. The key is watched until it
   * is removed.
   */
  onGone(key: SessionKey, cause: GoneCause): void;
  /**
   * Called when the engine cannot be asked, once for each outage. The watch goes on by itself: once
   * the engine answers again, every key is looked at.
   */
  onFailure(error: Error): void;
  /**
   * Called once when the engine does not report ends to this user, or at all. The watch has ended.
   * Without this function it is a failure like others, and is tried again.
   */
  onRefusal?(error: Error): void;
}

/**
 * Reports the ends of session records, whichever process ends them.
 *
 * - A record that is deleted or expires while its key is watched is reported within a second. A
 *   write, a touch and a renewed time to live are not reported.
 * - A key without a record is reported when it is added: what has ended before is not missed.
 * - While the engine is away nothing is reported. Once it answers again, all keys are looked at, a
 *   few hundred at a time, so no end is missed.
 */
export interface RecordWatch {
  /** Begins to watch a key. A second time has no effect. */
  add(key: SessionKey): void;
  /** Ends the watch of a key. */
  remove(key: SessionKey): void;
  /** Ends all watches and releases their resources. */
  close(): Promise<void>;
}
