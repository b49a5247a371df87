import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";

/**
 * A store's short-lived memory of keys without a record: the session has moved, and where to, or it
 * has ended. A tombstone is a short text beside the records, never under a key that a cookie can
 * hold.
 *
 * - A name has at most 36 characters of `[A-Za-z0-9_.-]`, a text 1 to 512 characters of printable
 *   ASCII.
 * - Every method decides at one instant inside the engine, and touches one name only: on a cluster,
 *   one slot.
 * - `ttl` is the time to live from now, in milliseconds, and is at least 1. An expired tombstone is
 *   absent.
 * - Tombstones are visible to all processes, are not records (`read`, `scan` and `clearExpired` of
 *   the store do not count them), and stay when records are deleted.
 * - Deadlines and failures are those of `SessionStore`.
 */
export interface SessionTombstones {
  /** Reads a tombstone. */
  read(name: string, deadline: Deadline): Promise<string | undefined>;

  /**
   * Stores a tombstone under a name that has none. An existing one keeps its text and its time to
   * live.
   *
   * @returns The existing text; `undefined` if the new one was stored.
   */
  add(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<string | undefined>;

  /** Stores a tombstone, replacing any other. */
  replace(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void>;

  /** Deletes a tombstone. */
  delete(name: string, deadline: Deadline): Promise<void>;
}
