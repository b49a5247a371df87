import { createHash, randomBytes } from "node:crypto";
import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted, StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import {
  type IndexedSession,
  type UserIndex,
  type UserIndexEntry,
  type UserIndexPage,
  type UserIndexRange,
} from "../../stores/user-index.ts";
import { describeDevice } from "./device.ts";
import { deleteAfterOrphans, deleteRecords } from "../stored/record-deletion.ts";
import { inSteps } from "./steps.ts";

/** A session of a user, as `sessions.ofUser` lists it. */
export interface UserSession {
  /** Public name of the session, not its key: it may be shown, and passed to `sessions.revoke`. */
  readonly ref: string;
  readonly createdAt: Date;
  /** Accurate to within `sessions.touchEvery`. */
  readonly lastSeenAt: Date;
  /** Label such as `Firefox on Windows`, made of known names only; `undefined` if there is none. */
  readonly device: string | undefined;
  /** Whether it is the session given as the current one. */
  readonly isCurrent: boolean;
}

/** A session to be listed. */
export interface Listing {
  readonly userId: string;
  /** Storage key of the session. */
  readonly key: SessionKey;
  /** @defaultValue now */
  readonly createdAt: EpochMilliseconds | undefined;
  readonly ttl: Milliseconds;
  readonly userAgent: string | undefined;
}

/** Request data for the creation of a session. */
export interface Creation {
  readonly userAgent: string | undefined;
  /**
   * The user's epoch, as {@link UserSessions.epochOf} returns it, when the request first began to
   * create a session; a retry has to find the same epoch.
   *
   * @defaultValue the epoch when the session is listed
   */
  epoch?: string | Promise<string>;
  /** Storage key of the session that is deleted once the new one exists. */
  replaces?: SessionKey;
  /**
   * The replaced session belongs to the same user, so none has to make room: the new one counts
   * once the old one is gone. If two requests give it a new key at the same time, both new ones are
   * listed briefly, until one of them is deleted.
   */
  takesPlace?: boolean;
}

/**
 * State of a listed session:
 *
 * - `"live"`: its record exists and belongs to the user.
 * - `"gone"`: there is no record, it has expired, or it belongs to another user.
 * - `"unknown"`: the record cannot be read here, for example because this process lacks its secret.
 */
export type ListedState = "live" | "gone" | "unknown";

/** Returns the state of a listed session. */
export type ListedStateOf = (key: SessionKey, deadline: Deadline) => Promise<ListedState>;

/** Deadlines and progress of a revocation that works in steps. */
export interface RevocationSteps {
  /** Makes the deadline of each step. */
  readonly pageDeadline: () => Deadline;
  /** Called after each step with the keys of the sessions that it ended. */
  readonly onEnded: (keys: readonly SessionKey[]) => void;
}

/** Dependencies of {@link UserSessions}. */
export interface UserSessionsOptions {
  readonly store: SessionStore;
  readonly index: UserIndex;
  readonly clock: Clock;
  /** Maximum number of sessions per user; `undefined`: no limit. */
  readonly maxPerUser: number | undefined;
  /**
   * Time that an entry outlives its record: more than the interval between two activity updates.
   */
  readonly slack: Milliseconds;
  /** Returns the storage keys of new records left behind by abandoned moves of a session. */
  readonly orphansOf: (storageKey: SessionKey, deadline: Deadline) => Promise<readonly SessionKey[]>;
}

// A creation ends with its deadline; an hour is longer than any that is sensible.
const EPOCH_TTL = 3_600_000;

/**
 * Number of sessions that a revocation reads and unlists at a time: about 1 ms of PostgreSQL's
 * time.
 */
const WALK_PAGE = 100;

/** Maximum difference between the clocks of two processes. */
export const CLOCK_SKEW: Milliseconds = 60_000;

/**
 * Maximum time that a session is listed without a record, in addition to the deadline of its
 * creation.
 */
const CREATION_MARGIN: Milliseconds = 5 * CLOCK_SKEW;

/** Lists the sessions of each user, and ensures that none outlives a revocation. */
export class UserSessions {
  readonly #options: UserSessionsOptions;

  constructor(options: UserSessionsOptions) {
    this.#options = options;
  }

  /**
   * Returns the user's epoch, for {@link Creation}: a session created later under it does not
   * outlive a revocation that begins from now on.
   */
  epochOf(userId: string, deadline: Deadline): Promise<string> {
    return this.#options.index.epoch(userId, deadline);
  }

  /**
   * Creates a record that cannot outlive a concurrent revocation of its user: lists it first, and
   * deletes it again if the user's epoch has changed meanwhile or a later session has evicted it.
   * The sessions that it evicts end before it is created.
   *
   * @throws {SessionInterrupted} When it was deleted again.
   * @throws {StoreConnectionError} When an evicted session could not be deleted. It stays listed;
   *   the next creation tries again.
   */
  async guardCreation<Result>(
    listing: Listing,
    creation: Creation,
    deadline: Deadline,
    create: () => Promise<Result>,
  ): Promise<Result> {
    const { userId, key } = listing;
    const { replaces, takesPlace = false } = creation;
    const limits = {
      most: takesPlace ? undefined : this.#options.maxPerUser,
      replaces,
      isWaiting: takesPlace,
      slack: this.#options.slack,
      now: this.#options.clock.now(),
    };
    const before = await creation.epoch;
    const { epoch, evicted } = await this.#options.index.add(
      userId,
      this.#entryOf(listing),
      limits,
      deadline,
    );
    creation.epoch = before ?? epoch;
    if (creation.epoch !== epoch) return this.#undo(listing, deadline);
    await this.#evict(listing, evicted, deadline);
    const result = await create();
    const now = await this.#options.index.check(userId, key, deadline);
    return now.epoch === epoch && now.isListed ? result : this.#undo(listing, deadline);
  }

  /**
   * Records the activity of a session, and lists it if needed: Django's sessions are not listed.
   */
  async recordActivity(listing: Listing, deadline: Deadline): Promise<void> {
    await this.#options.index.put(
      listing.userId,
      this.#entryOf(listing),
      this.#options.clock.now(),
      deadline,
    );
  }

  /** Unlists the old key of a session whose new key is listed: the old record is deleted. */
  replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void> {
    return this.#options.index.replace(userId, old, by, deadline);
  }

  /** Unlists a session whose record is deleted. */
  forget(userId: string, key: SessionKey, deadline: Deadline): Promise<void> {
    return this.#options.index.remove(userId, [{ key }], deadline);
  }

  /**
   * Returns a page of a user's sessions, the most recently active first. Each is looked up.
   * Sessions that have ended are left out, and unlisted unless their creation may be in progress.
   */
  async page(
    userId: string,
    range: UserIndexRange,
    pageDeadline: () => Deadline,
    stateOf: ListedStateOf,
  ): Promise<UserIndexPage> {
    const { sessions, next } = await this.#options.index.page(userId, range, pageDeadline());
    const states = await inSteps(sessions, pageDeadline, ({ key }, deadline) => stateOf(key, deadline));
    await this.#dropGone(
      userId,
      sessions.filter((_, at) => states[at] === "gone"),
      pageDeadline(),
    );
    const found = sessions.filter((_, at) => states[at] !== "gone");
    return {
      sessions: found.toSorted((left, right) => right.entry.lastSeenAt - left.entry.lastSeenAt),
      next,
    };
  }

  /** Deletes one session. @returns Its storage key, if it existed. */
  async revoke(userId: string, ref: string, pageDeadline: () => Deadline): Promise<readonly SessionKey[]> {
    for await (const sessions of this.#pages(userId, pageDeadline)) {
      const key = sessions.find((session) => refOf(session.key) === ref)?.key;
      if (key === undefined) continue;
      const deadline = pageDeadline();
      const wasThere = await this.#endSession(userId, key, deadline);
      await this.#unlist(userId, [key], deadline);
      // As in a revocation of all sessions: a record may have been created in between.
      return wasThere || (await this.#options.store.delete(key, deadline)) ? [key] : [];
    }
    return [];
  }

  /**
   * Deletes all sessions of a user in steps, including those whose creation is in progress. When a
   * step fails, earlier deletions remain, and the next call continues from there.
   */
  async revokeAll(userId: string, exceptRef: string | undefined, steps: RevocationSteps): Promise<void> {
    const begin = this.#options.clock.now();
    const refusal = await this.#setEpoch(userId, steps.pageDeadline()).catch(asServiceError);
    try {
      await this.#endListed(userId, exceptRef, begin, steps);
      if (refusal === undefined) return;
      // A server whose memory is full refuses writes but not deletes; after those it has room.
      await this.#setEpoch(userId, steps.pageDeadline());
      await this.#endListed(userId, exceptRef, begin, steps);
    } catch (cause) {
      throw halfDone(cause);
    }
  }

  async #setEpoch(userId: string, deadline: Deadline): Promise<undefined> {
    await this.#options.index.revoke(userId, randomBytes(8).toString("hex"), EPOCH_TTL, deadline);
  }

  /**
   * Repeats the walk through the list until it finds nothing to end: a session may have been given
   * a new key before it was deleted. The new one has the same age, and was listed first. Sessions
   * created later than the clock skew allows stay.
   */
  async #endListed(
    userId: string,
    exceptRef: string | undefined,
    begin: EpochMilliseconds,
    { pageDeadline, onEnded }: RevocationSteps,
  ): Promise<void> {
    const isDoomed = ({ key, entry }: IndexedSession): boolean =>
      entry.createdAt <= begin + CLOCK_SKEW && refOf(key) !== exceptRef;
    const marks: string[] = [];
    for (let isClean = false; !isClean;) {
      isClean = true;
      for await (const sessions of this.#pages(userId, pageDeadline, marks)) {
        const doomed = sessions.filter(isDoomed).map(({ key }) => key);
        if (doomed.length === 0) continue;
        isClean = false;
        const absent = await deleteRecords(this.#options.store, doomed, pageDeadline, onEnded);
        await this.#options.index.remove(userId, doomed.map(toUnlisting), pageDeadline());
        // A record may have been created in between. From here on, its creator finds it unlisted
        // and deletes it.
        await deleteRecords(this.#options.store, absent, pageDeadline, onEnded);
      }
    }
  }

  /**
   * @param marks Page ends of earlier walks, replaced by those of this one. Each page stays between
   *   two of them, since a database may have to skip all recently deleted rows to find the next
   *   existing one.
   */
  async *#pages(
    userId: string,
    pageDeadline: () => Deadline,
    marks: string[] = [],
  ): AsyncGenerator<readonly IndexedSession[], void, undefined> {
    let after: string | undefined;
    for (const until of [...marks.splice(0), undefined]) {
      for (let isOver = false; !isOver;) {
        const range = { after, until, limit: WALK_PAGE };
        const { sessions, next }: UserIndexPage = await this.#options.index.page(
          userId,
          range,
          pageDeadline(),
        );
        yield sessions;
        isOver = next === undefined;
        after = next ?? until;
        if (after !== undefined) marks.push(after);
      }
    }
  }

  /** Ends evicted sessions: first their records, then their entries. */
  async #evict({ userId, key }: Listing, evicted: readonly SessionKey[], deadline: Deadline): Promise<void> {
    if (evicted.length === 0) return;
    try {
      await Promise.all(evicted.map((each) => this.#endSession(userId, each, deadline)));
    } catch (cause) {
      // The record will not be created: its entry would count against the limit until it expires.
      await this.#unlist(userId, [key], deadline);
      throw couldNotMakeRoom(cause);
    }
    await this.#unlist(userId, evicted, deadline);
  }

  /**
   * Deletes a record, and before it those left by abandoned moves. If a key has no record, its move
   * is complete, and the session is listed under the new key.
   *
   * @returns Whether the record existed.
   */
  async #endSession(userId: string, key: SessionKey, deadline: Deadline): Promise<boolean> {
    if ((await this.#options.store.read(key, deadline)) === undefined) return false;
    const orphans = await this.#options.orphansOf(key, deadline);
    const wasThere = await deleteAfterOrphans(
      orphans,
      (orphan) => this.#endRecord(userId, orphan, deadline),
      () => this.#options.store.delete(key, deadline),
    );
    // A move that was in progress may have deleted the record meanwhile.
    return wasThere || orphans.length > 0;
  }

  async #undo({ userId, key }: Listing, deadline: Deadline): Promise<never> {
    await this.#endRecord(userId, key, deadline);
    throw new SessionInterrupted();
  }

  async #endRecord(userId: string, key: SessionKey, deadline: Deadline): Promise<void> {
    await this.#options.store.delete(key, deadline);
    await this.#unlist(userId, [key], deadline);
  }

  async #dropGone(userId: string, gone: readonly IndexedSession[], deadline: Deadline): Promise<void> {
    const young = this.#options.clock.now() - deadline.total - CREATION_MARGIN;
    const dropped = gone
      .filter(({ entry }) => entry.lastSeenAt < young)
      .map(({ key, entry }) => ({ key, keptUntil: entry.keepUntil }));
    await this.#options.index.remove(userId, dropped, deadline);
  }

  /**
   * Unlists deleted sessions. A failure is ignored, since each reader of the list looks sessions
   * up.
   */
  async #unlist(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    await this.#options.index.remove(userId, keys.map(toUnlisting), deadline).catch(() => {});
  }

  #entryOf({ key, createdAt, ttl, userAgent }: Listing): IndexedSession {
    const now = this.#options.clock.now();
    const entry: UserIndexEntry = {
      createdAt: createdAt ?? now,
      lastSeenAt: now,
      keepUntil: now + ttl + this.#options.slack,
      device: describeDevice(userAgent) ?? "",
    };
    return { key, entry };
  }
}

/** Returns whether a text has the form of a {@link refOf}. */
export function isRef(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/**
 * Returns the public name of a session: a hash of its storage key, which cannot be derived from it.
 */
export function refOf(key: SessionKey): string {
  return createHash("sha256").update(`sojourn.ref:${key}`).digest("base64url").slice(0, 22);
}

/** Earlier steps may already have deleted sessions, so the outcome is unknown. */
export function halfDone(cause: unknown): StoreConnectionError | StoreServiceError {
  return ofUnknownOutcome(
    "Not all sessions could be ended; some may have ended already. Call it again: it continues with the remaining ones.",
    cause,
  );
}

function couldNotMakeRoom(cause: unknown): StoreConnectionError | StoreServiceError {
  return ofUnknownOutcome(
    "No session was created: an older session of the user, beyond sessions.maxPerUser, could not be ended first. Try again.",
    cause,
  );
}

/** Returns an error of the same class as its cause, which shows whether the store was reached. */
function ofUnknownOutcome(message: string, cause: unknown): StoreConnectionError | StoreServiceError {
  const StoreError = cause instanceof StoreServiceError ? StoreServiceError : StoreConnectionError;
  return new StoreError(message, { outcome: "unknown", cause });
}

function asServiceError(error: unknown): StoreServiceError {
  if (error instanceof StoreServiceError) return error;
  throw error;
}

function toUnlisting(key: SessionKey): { readonly key: SessionKey } {
  return { key };
}
