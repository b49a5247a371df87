import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";

/** What an index keeps of a session. */
export interface UserIndexEntry {
  readonly createdAt: EpochMilliseconds;
  readonly lastSeenAt: EpochMilliseconds;
  /** When the entry may be dropped: the expiry of the record, and some slack. */
  readonly keepUntil: EpochMilliseconds;
  /** Label such as `Firefox on Windows`, at most 64 characters of printable ASCII; may be empty. */
  readonly device: string;
}

/** A session of a user, by the key under which it is stored. */
export interface IndexedSession {
  readonly key: SessionKey;
  readonly entry: UserIndexEntry;
}

/** What an addition has to keep to. */
export interface UserIndexLimits {
  readonly now: EpochMilliseconds;
  /** How much later than its record an entry ends. */
  readonly slack: Milliseconds;
  /** How many sessions the user may have, the new one included; `undefined`: any number. */
  readonly most: number | undefined;
  /** A session that goes once the new one is there: it counts for nothing, and does not make room. */
  readonly replaces?: SessionKey | undefined;
  /**
   * Whether the new entry waits for {@link UserIndex.replace}. Until then it counts for nothing, makes no
   * other session make room, and does not make room itself, since the session is still counted under its old
   * key.
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
   * Sessions that have to make room, at most {@link MAX_EVICTIONS}. They are still listed: the caller
   * deletes their records, then takes them off the list. Until then each addition names them again.
   */
  readonly evicted: readonly SessionKey[];
}

/** Answer of {@link UserIndex.check}. */
export interface UserIndexCheck {
  readonly epoch: string;
  /** Whether the session is listed and has not been told to make room. */
  readonly isListed: boolean;
}

/** Which part of a list is asked for. */
export interface UserIndexRange {
  /** `next` of the page before; `undefined`: from the beginning. */
  readonly after: string | undefined;
  /**
   * `next` of a page: where the part ends, that page's last entry included; `undefined`: at the end of the
   * list.
   */
  readonly until?: string | undefined;
  /** How many entries, at most {@link MAX_PAGE}. */
  readonly limit: number;
}

/** Part of a list. */
export interface UserIndexPage {
  /** Those that wait for {@link UserIndex.replace} come first, then those that are kept longest. */
  readonly sessions: readonly IndexedSession[];
  /** Leads to the next page of the part; `undefined` after the last one. It may hold a session key. */
  readonly next: string | undefined;
}

/** A session to take off a list. */
export interface Unlisting {
  readonly key: SessionKey;
  /** Leaves the entry where it is kept until another moment than this: somebody has renewed it. */
  readonly keptUntil?: EpochMilliseconds | undefined;
}

/** Most sessions that one addition tells to make room. A list that is far too long shrinks with each login. */
export const MAX_EVICTIONS = 20;

/**
 * Among how many sessions the oldest is looked for. Of a user who has more, those that end first are looked
 * at, so that an addition costs the engine the same, however many there are.
 */
export const EVICTION_CANDIDATES = 128;

/** Most entries of a page: some tenths of a millisecond of Redis's time. */
export const MAX_PAGE = 200;

/**
 * Lists the sessions of each user, beside the records.
 *
 * It may list sessions that are gone: the reader of a list checks the records. It never misses a live session
 * that Sojourn has created, since an entry is there before its record, outlives it, and leaves the list after
 * it. The creator of a record reads the epoch, adds an entry, creates the record, and then checks: when the
 * epoch has moved or the session has to make room, the record is deleted again. A revocation sets another
 * epoch, then walks the list and deletes the records. So a session whose creation began before a revocation
 * does not outlive it.
 *
 * - Each method decides at one instant, and touches one user only: on a cluster, one slot.
 * - Each method costs the engine a few milliseconds at most, also when a user has some 100 000 sessions.
 * - The engine may drop an entry once its `keepUntil` has passed.
 * - Deadlines and failures are those of `SessionStore`.
 */
export interface UserIndex {
  /** The user's epoch; empty until the user is first revoked. */
  epoch(userId: string, deadline: Deadline): Promise<string>;

  /**
   * Lists a session, and tells which others have to make room: while more than `most` have not expired, the
   * oldest by `createdAt` of {@link EVICTION_CANDIDATES}. They count for nothing from then on, and stay
   * listed.
   */
  add(userId: string, session: IndexedSession, limits: UserIndexLimits, deadline: Deadline): Promise<UserIndexAddition>;

  /** What the creator of a session has to know once the record is there. */
  check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck>;

  /**
   * Lists a session, or renews its entry: the earlier `createdAt` and the later `keepUntil` stay. It tells no
   * session to make room. An entry that waits counts from then on.
   */
  put(userId: string, session: IndexedSession, now: EpochMilliseconds, deadline: Deadline): Promise<void>;

  /** Takes a session off the list, and lets the entry count that waits to take its place. */
  replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void>;

  /** Takes sessions off the list, at most {@link MAX_PAGE}. */
  remove(userId: string, sessions: readonly Unlisting[], deadline: Deadline): Promise<void>;

  /**
   * Part of the sessions of a user. Of the entries that stay as they are while the list is walked, each comes
   * exactly once.
   */
  page(userId: string, range: UserIndexRange, deadline: Deadline): Promise<UserIndexPage>;

  /**
   * Sets the epoch. The list stays as it is.
   *
   * @param ttl How long it has to be kept at least.
   */
  revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<void>;
}

/**
 * Distance from the end of an entry to the number by which an engine sorts it while it waits. Beyond any end,
 * which are at most those of Python's year 9999 (2.5e14 ms), and exact below 2^53.
 */
export const WAITING: number = 1e15;

/** When an entry ends, by the number that sorts it: below zero where the session has to make room. */
export function endOf(order: number): EpochMilliseconds {
  return Math.abs(order) % WAITING;
}

/** Facts of a session by which those that make room are chosen. */
export interface EvictionCandidate {
  readonly key: SessionKey;
  readonly createdAt: EpochMilliseconds;
}

/** The oldest sessions, oldest first; of equally old ones, those with the lesser key. */
export function oldestOf(candidates: readonly EvictionCandidate[], count: number): SessionKey[] {
  return candidates
    .toSorted((left, right) => left.createdAt - right.createdAt || (left.key < right.key ? -1 : 1))
    .slice(0, Math.max(0, Math.min(count, MAX_EVICTIONS)))
    .map(({ key }) => key);
}
