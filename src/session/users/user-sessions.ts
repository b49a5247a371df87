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
import { throwUnknown } from "../../stores/partial-failures.ts";
import { deleteRecords } from "../stored/record-deletion.ts";
import { inSteps } from "./steps.ts";

/** A session of a user, as `sessions.ofUser` lists it. */
export interface UserSession {
  /** Names the session without being its key: it may be shown, and given to `sessions.revoke`. */
  readonly ref: string;
  readonly createdAt: Date;
  /** To within `sessions.touchEvery`. */
  readonly lastSeenAt: Date;
  /** Label such as `Firefox on Windows`, of names that the library knows; `undefined` when there is none. */
  readonly device: string | undefined;
  /** Whether it is the session that was given as the current one. */
  readonly current: boolean;
}

/** A session that is about to be listed. */
export interface Listing {
  readonly userId: string;
  /** Under which it is stored. */
  readonly key: SessionKey;
  /** @defaultValue now */
  readonly createdAt: EpochMilliseconds | undefined;
  readonly ttl: Milliseconds;
  readonly userAgent: string | undefined;
}

/** What a request brings to the creation of a session. */
export interface Creation {
  readonly userAgent: string | undefined;
  /**
   * The user's epoch when the request first set out to create a session, as {@link UserSessions.epochOf}
   * tells it; if it fails, the next try must find the same.
   *
   * @defaultValue the epoch when the session is listed
   */
  epoch?: string | Promise<string>;
  /** The key, in the store, of the session that goes once the new one is there. */
  replaces?: SessionKey;
  /**
   * Whether that one is the same user's, so that none has to make room: the new one counts once the old one
   * is gone. Two requests may give it a new key at the same time: then both new ones are listed for a moment,
   * until one of them is taken away.
   */
  takesPlace?: boolean;
}

/**
 * State of a listed session:
 *
 * - `"live"`: its record is there, and the user's.
 * - `"gone"`: there is no record, it has expired, or it is another user's.
 * - `"unknown"`: there is a record that cannot be read here, such as one with a secret that this process does
 *   not have.
 */
export type ListedState = "live" | "gone" | "unknown";

/** Finds out what a session is found to be. */
export type ListedStateOf = (key: SessionKey, deadline: Deadline) => Promise<ListedState>;

/** How a walk through the sessions of a user is bounded, and heard of. */
export interface RevocationSteps {
  /** Makes the deadline of each step. */
  readonly pageDeadline: () => Deadline;
  /** Called after each step, with the keys of the sessions that it has ended. */
  readonly onEnded: (keys: readonly SessionKey[]) => void;
}

/** What {@link UserSessions} needs. */
export interface UserSessionsOptions {
  readonly store: SessionStore;
  readonly index: UserIndex;
  readonly clock: Clock;
  /** How many sessions a user may have; `undefined`: any number. */
  readonly maxPerUser: number | undefined;
  /**
   * How much longer than its record an entry is kept: more than the time between two notes of a session in
   * use.
   */
  readonly slack: Milliseconds;
  /** Returns the storage keys of records that moves of a session have left which were given up halfway. */
  readonly secondsOf: (storageKey: SessionKey, deadline: Deadline) => Promise<readonly SessionKey[]>;
}

// A creation ends with its deadline; an hour is longer than any that is sensible.
const EPOCH_TTL = 3_600_000;

/** How many sessions a revocation reads, and takes off the list, at a time: about 1 ms of PostgreSQL's time. */
const WALK_PAGE = 100;

/** How far the clocks of two processes may be apart. */
export const CLOCK_SKEW: Milliseconds = 60_000;

/** How long a session may be listed without a record, besides the deadline of its creation. */
const CREATION_MARGIN: Milliseconds = 5 * CLOCK_SKEW;

/** The sessions of each user: which are listed, and that none outlives a revocation. */
export class UserSessions {
  readonly #store: SessionStore;
  readonly #index: UserIndex;
  readonly #clock: Clock;
  readonly #maxPerUser: number | undefined;
  readonly #slack: Milliseconds;
  readonly #secondsOf: UserSessionsOptions["secondsOf"];

  constructor({ store, index, clock, maxPerUser, slack, secondsOf }: UserSessionsOptions) {
    this.#store = store;
    this.#index = index;
    this.#clock = clock;
    this.#maxPerUser = maxPerUser;
    this.#slack = slack;
    this.#secondsOf = secondsOf;
  }

  /**
   * The user's epoch, for {@link Creation}: a session that is created later under it does not outlive a
   * revocation from now on.
   */
  epochOf(userId: string, deadline: Deadline): Promise<string> {
    return this.#index.epoch(userId, deadline);
  }

  /**
   * Creates a record so that it cannot outlive a revocation of its user that has begun meanwhile: lists it
   * first, and afterwards deletes it again if the user's epoch has moved or it has to make room for a later
   * one. Before it is created, the sessions that have to make room for it end.
   *
   * @throws {SessionInterrupted} When it was deleted again.
   * @throws {StoreConnectionError} When a session that has to make room could not be deleted. That one stays
   *   listed; the next creation tries again.
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
      most: takesPlace ? undefined : this.#maxPerUser,
      replaces,
      isWaiting: takesPlace,
      slack: this.#slack,
      now: this.#clock.now(),
    };
    const before = await creation.epoch;
    const { epoch, evicted } = await this.#index.add(userId, this.#entryOf(listing), limits, deadline);
    creation.epoch = before ?? epoch;
    if (creation.epoch !== epoch) return this.#undo(listing, deadline);
    await this.#evict(listing, evicted, deadline);
    const result = await create();
    const now = await this.#index.check(userId, key, deadline);
    return now.epoch === epoch && now.isListed ? result : this.#undo(listing, deadline);
  }

  /** Notes that a session was seen, and lists it if it is not listed yet: Django's are not. */
  async recordActivity(listing: Listing, deadline: Deadline): Promise<void> {
    await this.#index.put(listing.userId, this.#entryOf(listing), this.#clock.now(), deadline);
  }

  /** Notes that a session has a new key, under which it is listed: the old record is deleted. */
  replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void> {
    return this.#index.replace(userId, old, by, deadline);
  }

  /** Takes a session off the list, whose record is deleted. */
  forget(userId: string, key: SessionKey, deadline: Deadline): Promise<void> {
    return this.#index.remove(userId, [{ key }], deadline);
  }

  /**
   * A part of the sessions of a user, of these the one seen last first. Each is looked up. One that is gone
   * is left out, and taken off the list unless its creation may be under way.
   */
  async page(
    userId: string,
    range: UserIndexRange,
    pageDeadline: () => Deadline,
    stateOf: ListedStateOf,
  ): Promise<UserIndexPage> {
    const { sessions, next } = await this.#index.page(userId, range, pageDeadline());
    const states = await inSteps(sessions, pageDeadline, ({ key }, deadline) => stateOf(key, deadline));
    await this.#dropGone(
      userId,
      sessions.filter((_, at) => states[at] === "gone"),
      pageDeadline(),
    );
    const found = sessions.filter((_, at) => states[at] !== "gone");
    return { sessions: found.toSorted((left, right) => right.entry.lastSeenAt - left.entry.lastSeenAt), next };
  }

  /** Deletes one session. @returns The key under which it was stored, if it was there. */
  async revoke(userId: string, ref: string, pageDeadline: () => Deadline): Promise<readonly SessionKey[]> {
    for await (const sessions of this.#pages(userId, pageDeadline)) {
      const key = sessions.find((session) => refOf(session.key) === ref)?.key;
      if (key === undefined) continue;
      const deadline = pageDeadline();
      const wasThere = await this.#endSession(userId, key, deadline);
      await this.#unlist(userId, [key], deadline);
      // As of a revocation of all: a record may have been created in between.
      return wasThere || (await this.#store.delete(key, deadline)) ? [key] : [];
    }
    return [];
  }

  /**
   * Deletes all sessions of a user, also those whose creation is under way, step by step. What has been
   * deleted when a step fails stays deleted, and the next call goes on from there.
   */
  async revokeAll(userId: string, exceptRef: string | undefined, steps: RevocationSteps): Promise<void> {
    const begin = this.#clock.now();
    const refusal = await this.#setEpoch(userId, steps.pageDeadline()).catch(asServiceError);
    try {
      await this.#endListed(userId, exceptRef, begin, steps);
      if (refusal === undefined) return;
      // A server whose memory is full refuses to write, but not to delete; then it has room.
      await this.#setEpoch(userId, steps.pageDeadline());
      await this.#endListed(userId, exceptRef, begin, steps);
    } catch (cause) {
      throw halfDone(cause);
    }
  }

  async #setEpoch(userId: string, deadline: Deadline): Promise<undefined> {
    await this.#index.revoke(userId, randomBytes(8).toString("hex"), EPOCH_TTL, deadline);
  }

  /**
   * Walks through the list until a whole walk finds nothing to end: a session may have got a new key before
   * it was deleted. The new one is of the same age, and was listed first. One that was created later than the
   * clocks may differ stays.
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
        const absent = await deleteRecords(this.#store, doomed, pageDeadline, onEnded);
        await this.#index.remove(userId, doomed.map(toUnlisting), pageDeadline());
        // A record may have been created in between. From now on its creator finds that it is not listed, and
        // deletes it.
        await deleteRecords(this.#store, absent, pageDeadline, onEnded);
      }
    }
  }

  /**
   * @param marks Where the pages of walks before have ended; those of this one take their place. Each page
   *   stays between two of them, since a database may go through all rows that were deleted lately before it
   *   finds the next that is there.
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
        const { sessions, next }: UserIndexPage = await this.#index.page(userId, range, pageDeadline());
        yield sessions;
        isOver = next === undefined;
        after = next ?? until;
        if (after !== undefined) marks.push(after);
      }
    }
  }

  /** Ends sessions that have to make room: first their records, then their entries. */
  async #evict({ userId, key }: Listing, evicted: readonly SessionKey[], deadline: Deadline): Promise<void> {
    if (evicted.length === 0) return;
    try {
      await Promise.all(evicted.map((each) => this.#endSession(userId, each, deadline)));
    } catch (cause) {
      // There will be no record: left alone, the entry would take room until it ends.
      await this.#unlist(userId, [key], deadline);
      throw couldNotMakeRoom(cause);
    }
    await this.#unlist(userId, evicted, deadline);
  }

  /**
   * Deletes a record, and before it those that a move has left halfway: its key would lead to them. Of a key
   * without a record, the move has come about, and the session is listed under the new one.
   *
   * @returns Whether it was there.
   */
  async #endSession(userId: string, key: SessionKey, deadline: Deadline): Promise<boolean> {
    if ((await this.#store.read(key, deadline)) === undefined) return false;
    const seconds = await this.#secondsOf(key, deadline);
    for (const [at, second] of seconds.entries()) {
      const ending = this.#endRecord(userId, second, deadline);
      await (at === 0 ? ending : ending.catch(throwUnknown));
    }
    const deletion = this.#store.delete(key, deadline);
    if (seconds.length === 0) return deletion;
    // Such a move may have been under way, and have taken the record meanwhile.
    await deletion.catch(throwUnknown);
    return true;
  }

  async #undo({ userId, key }: Listing, deadline: Deadline): Promise<never> {
    await this.#endRecord(userId, key, deadline);
    throw new SessionInterrupted();
  }

  async #endRecord(userId: string, key: SessionKey, deadline: Deadline): Promise<void> {
    await this.#store.delete(key, deadline);
    await this.#unlist(userId, [key], deadline);
  }

  async #dropGone(userId: string, gone: readonly IndexedSession[], deadline: Deadline): Promise<void> {
    const young = this.#clock.now() - deadline.total - CREATION_MARGIN;
    const dropped = gone
      .filter(({ entry }) => entry.lastSeenAt < young)
      .map(({ key, entry }) => ({ key, keptUntil: entry.keepUntil }));
    await this.#index.remove(userId, dropped, deadline);
  }

  /**
   * Sessions that are gone may stay listed: the reader of a list looks. So the failure does not undo the
   * deletion.
   */
  async #unlist(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    await this.#index.remove(userId, keys.map(toUnlisting), deadline).catch(() => {});
  }

  #entryOf({ key, createdAt, ttl, userAgent }: Listing): IndexedSession {
    const now = this.#clock.now();
    const entry: UserIndexEntry = {
      createdAt: createdAt ?? now,
      lastSeenAt: now,
      keepUntil: now + ttl + this.#slack,
      device: describeDevice(userAgent) ?? "",
    };
    return { key, entry };
  }
}

/** Whether a text has the form of a {@link refOf}. */
export function isRef(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/** Names a session by a hash of the key under which it is stored: nobody gets from it to the key. */
export function refOf(key: SessionKey): string {
  return createHash("sha256").update(`sojourn.ref:${key}`).digest("base64url").slice(0, 22);
}

/** Whatever became of the last step, some of those before it may have deleted sessions. */
export function halfDone(cause: unknown): StoreConnectionError | StoreServiceError {
  return ofUnknownOutcome(
    "Not all sessions could be ended; some may be gone already. Call it again: it goes on with what is left.",
    cause,
  );
}

function couldNotMakeRoom(cause: unknown): StoreConnectionError | StoreServiceError {
  return ofUnknownOutcome(
    "No session was created, since an older one of the user, beyond sessions.maxPerUser, could not be ended before. Try it again.",
    cause,
  );
}

/** An error that says, as its cause does, whether the store was reached. */
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
