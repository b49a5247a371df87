import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";

/** What an index keeps of a session. */
export interface UserIndexEntry {
  readonly createdAt: EpochMilliseconds;
  readonly lastSeenAt: EpochMilliseconds;
  /** When the session ends if nobody comes back. Entries past it count for nothing. */
  readonly expiresAt: EpochMilliseconds;
  /** What the visitor came with, such as `Firefox on Windows`; may be empty. */
  readonly device: string;
}

/** A session of a user, by the key under which it is stored. */
export interface IndexedSession {
  readonly key: SessionKey;
  readonly entry: UserIndexEntry;
}

/** What an addition has to keep to. */
export interface UserIndexLimits {
  readonly most: number | undefined;
  readonly replaces?: SessionKey | undefined;
  /** How long the list is kept at least. */
  readonly ttl: Milliseconds;
  readonly now: EpochMilliseconds;
}

/** Answer of {@link UserIndex.add}. */
export interface UserIndexAddition {
  /** The user's epoch at the moment of the addition; empty until the user is first revoked. */
  readonly epoch: string;
  /** Sessions that had to make room, oldest first. They are no longer listed; their records are the caller's. */
  readonly evicted: readonly SessionKey[];
}

/** Answer of {@link UserIndex.check}. */
export interface UserIndexCheck {
  readonly epoch: string;
  /** Whether the session is listed: it is not, once it had to make room for others. */
  readonly isListed: boolean;
}

/**
 * Lists the sessions of each user, beside the records.
 *
 * It may list sessions that are gone, and who reads a list checks the records; it never misses a session that
 * Sojourn has created. Whoever creates a record for a user adds it first, creates the record, and then checks: when
 * the epoch has moved or the session is no longer listed, the record is deleted again. Whoever revokes a user sets
 * another epoch first, which also answers the list, then deletes the records. So a session whose creation began
 * before a revocation does not outlive it.
 *
 * - Each method decides at one instant, and touches one user only: on a cluster, one slot.
 * - `ttl` is how long the list of this user has to be kept at least, in milliseconds.
 * - Deadlines and failures are those of `SessionStore`.
 */
export interface UserIndex {
  /**
   * Lists a session, after dropping what has expired.
   *
   * @param limits.most How many sessions the user may have, this one included; `undefined`: any number. The oldest by
   *   `createdAt` make room.
   * @param limits.replaces A session that goes once this one is there: it counts for nothing, and is not evicted.
   */
  add(userId: string, session: IndexedSession, limits: UserIndexLimits, deadline: Deadline): Promise<UserIndexAddition>;

  /** What the creator of a session has to know once the record is there. */
  check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck>;

  /** Lists a session, or renews its entry. It evicts nobody. */
  put(userId: string, session: IndexedSession, ttl: Milliseconds, deadline: Deadline): Promise<void>;

  /** Takes sessions off the list. */
  remove(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void>;

  /** The sessions of a user, in no order. */
  list(userId: string, deadline: Deadline): Promise<readonly IndexedSession[]>;

  /** Sets the epoch, and answers the list as it is at that moment. The list stays as it is. */
  revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<readonly IndexedSession[]>;
}
