import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";

/** Data that the index keeps of a session. */
export interface UserIndexEntry {
  readonly createdAt: EpochMilliseconds;
  readonly lastSeenAt: EpochMilliseconds;
  /** Time after which the entry may be dropped: the expiry of the record, and some slack. */
  readonly keepUntil: EpochMilliseconds;
  /** Label such as `Firefox on Windows`, at most 64 characters of printable ASCII; may be empty. */
  readonly device: string;
}

/** A session of a user, with its key in the store. */
export interface IndexedSession {
  readonly key: SessionKey;
  readonly entry: UserIndexEntry;
}

/** Limits of an addition. */
export interface UserIndexLimits {
  readonly now: EpochMilliseconds;
  /** Time by which an entry outlives its record. */
  readonly slack: Milliseconds;
  /** Maximum number of sessions of the user, the new one included; `undefined`: no limit. */
  readonly most: number | undefined;
  /** Session that is replaced by the new one: it is not counted, and is not chosen to make room. */
  readonly replaces?: SessionKey | undefined;
  /**
   * Whether the new entry waits for {@link UserIndex.replace}. Until then it is not counted, makes
   * no other session make room, and does not make room itself, since the session is still counted
   * under its old key.
   *
   * @defaultValue `false`
   */
  readonly isWaiting?: boolean | undefined;
}

/** Answer of {@link UserIndex.add}. */
export interface UserIndexAddition {
  /** The user's epoch at the moment of the addition; empty until the user is first revoked. */
  readonly epoch: string;
  /**
   * Sessions that have to make room, at most {@link MAX_EVICTIONS}. They stay listed until the
   * caller has deleted their records and removes them from the list. Until then each addition names
   * them again.
   */
  readonly evicted: readonly SessionKey[];
}

/** Answer of {@link UserIndex.check}. */
export interface UserIndexCheck {
  readonly epoch: string;
  /** Whether the session is listed and has not been chosen to make room. */
  readonly isListed: boolean;
}

/** Requested part of a list. */
export interface UserIndexRange {
  /** `next` of the previous page; `undefined`: from the beginning. */
  readonly after: string | undefined;
  /** `next` of a page, whose last entry ends the part; `undefined`: at the end of the list. */
  readonly until?: string | undefined;
  /** Maximum number of entries, at most {@link MAX_PAGE}. */
  readonly limit: number;
}

/** Part of a list. */
export interface UserIndexPage {
  /**
   * Entries that wait for {@link UserIndex.replace} come first, then those that are kept longest.
   */
  readonly sessions: readonly IndexedSession[];
  /** Position of the next page; `undefined` after the last one. It may hold a session key. */
  readonly next: string | undefined;
}

/** A session to remove from a list. */
export interface Unlisting {
  readonly key: SessionKey;
  /** Leaves the entry if its `keepUntil` differs from this: another request has renewed it. */
  readonly keptUntil?: EpochMilliseconds | undefined;
}

/**
 * Maximum number of sessions that one addition makes make room. A list that is far too long shrinks
 * with each login.
 */
export const MAX_EVICTIONS = 20;

/**
 * Number of sessions among which the oldest is looked for. If a user has more, those that expire
 * first are considered, so that an addition costs the engine the same, however many there are.
 */
export const EVICTION_CANDIDATES = 128;

/** Maximum number of entries of a page: some tenths of a millisecond of Redis's time. */
export const MAX_PAGE = 200;

/**
 * Lists the sessions of each user, beside the records.
 *
 * It may list sessions that are gone: readers of a list check the records. It never misses a live
 * session that Sojourn has created, since an entry is added before its record, outlives it, and is
 * removed after it. The creator of a record reads the epoch, adds an entry, creates the record, and
 * then checks: if the epoch has moved or the session has to make room, the record is deleted again.
 * A revocation sets another epoch, then walks the list and deletes the records. So a session whose
 * creation began before a revocation does not outlive it.
 *
 * - Each method decides at one instant, and touches one user only: on a cluster, one slot.
 * - Each method costs the engine a few milliseconds at most, also when a user has some 100 000
 *   sessions.
 * - The engine may drop an entry once its `keepUntil` has passed.
 * - Deadlines and failures are those of `SessionStore`.
 */
export interface UserIndex {
  /** Returns the user's epoch; empty until the user is first revoked. */
  epoch(userId: string, deadline: Deadline): Promise<string>;

  /**
   * Lists a session, and returns which others have to make room: while more than `most` have not
   * expired, the oldest by `createdAt` of {@link EVICTION_CANDIDATES}. They are no longer counted,
   * and stay listed.
   */
  add(
    userId: string,
    session: IndexedSession,
    limits: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition>;

  /** Returns the facts that the creator of a session checks once the record is there. */
  check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck>;

  /**
   * Lists a session, or renews its entry: the earlier `createdAt` and the later `keepUntil` stay.
   * No session has to make room. A waiting entry is counted from then on.
   */
  put(userId: string, session: IndexedSession, now: EpochMilliseconds, deadline: Deadline): Promise<void>;

  /** Removes a session from the list, and counts the entry that was waiting to take its place. */
  replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void>;

  /** Removes sessions from the list, at most {@link MAX_PAGE}. */
  remove(userId: string, sessions: readonly Unlisting[], deadline: Deadline): Promise<void>;

  /**
   * Returns a part of the sessions of a user. Each entry that does not change while the list is
   * walked comes exactly once.
   */
  page(userId: string, range: UserIndexRange, deadline: Deadline): Promise<UserIndexPage>;

  /**
   * Sets the epoch. The list stays as it is.
   *
   * @param ttl Minimum time for which it is kept.
   */
  revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<void>;
}

/**
 * Distance from the expiry of an entry to the number by which an engine sorts it while it waits.
 * Beyond any expiry, which is at most that of Python's year 9999 (2.5e14 ms), and exact below 2^53.
 */
export const WAITING: number = 1e15;

/**
 * Returns the expiry of an entry from its sort order: below zero if the session has to make room.
 */
export function endOf(order: number): EpochMilliseconds {
  return Math.abs(order) % WAITING;
}

/** Facts of a session by which those that make room are chosen. */
export interface EvictionCandidate {
  readonly key: SessionKey;
  readonly createdAt: EpochMilliseconds;
}

/** Returns the oldest sessions, oldest first; equally old ones by the lesser key. */
export function oldestOf(candidates: readonly EvictionCandidate[], count: number): SessionKey[] {
  return candidates
    .toSorted((left, right) => left.createdAt - right.createdAt || (left.key < right.key ? -1 : 1))
    .slice(0, Math.max(0, Math.min(count, MAX_EVICTIONS)))
    .map(({ key }) => key);
}
