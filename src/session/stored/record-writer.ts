import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionConflictError, SessionInterrupted, StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { CommitResult, SessionStore } from "../../stores/session-store.ts";
import { userIdOf } from "../login/auth.ts";
import type { SessionPlace } from "./moved-keys.ts";
import type { SessionRecord } from "../record/session-record.ts";
import { EXPIRY_KEY } from "../record/timeouts.ts";
import type { Creation, Listing, UserSessions } from "../users/user-sessions.ts";
import type { Version, Versions } from "../record/versions.ts";

/** A version at its place. */
export interface StoredSession extends SessionPlace {
  readonly version: Version;
}

/** Answer of {@link RecordWriter.replace}. */
export type ReplaceResult =
  /** Without a version, the session's own expiry has ended it: it is no longer in the store. */
  { readonly status: "committed"; readonly version: Version | undefined } | RefusedWrite;

/** A conditional write that did not fit. */
export type RefusedWrite = Exclude<CommitResult, { status: "committed" }> & {
  /** Failure of a try before, whose answer got lost: it may be why the record is gone. */
  readonly lost?: StoreConnectionError | undefined;
};

/**
 * Single writes of session records, each settled: where the answer of a write got lost, one look at the store
 * tells what became of it. A session is listed among those of its user before its record is created or lives
 * for longer.
 */
export class RecordWriter {
  readonly #store: SessionStore;
  readonly #versions: Versions;
  readonly #users: UserSessions | undefined;
  readonly #storedKeyOf: (key: SessionKey) => SessionKey;

  constructor(
    store: SessionStore,
    versions: Versions,
    users: UserSessions | undefined,
    storedKeyOf: (key: SessionKey) => SessionKey,
  ) {
    this.#store = store;
    this.#versions = versions;
    this.#users = users;
    this.#storedKeyOf = storedKeyOf;
  }

  /**
   * Stores a record under a new key.
   *
   * @returns `undefined` when the session's own expiry has already passed.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async create(record: SessionRecord, creation: Creation, deadline: Deadline): Promise<StoredSession | undefined> {
    if (this.#versions.timeToLive(record) <= 0) return undefined;
    for (;;) {
      const key = newSessionKey();
      const place = { key, storageKey: this.#storedKeyOf(key) };
      const listing = this.#listingOf(place, record, creation.userAgent);
      const write = () => this.#write(place, record, deadline);
      const created = await (listing ? this.#users?.guardCreation(listing, creation, deadline, write) : write());
      if (created) return created;
    }
  }

  /**
   * Stores a record under a given key.
   *
   * @returns `false` when there is a session already.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async createAt(place: SessionPlace, record: SessionRecord, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const { text } = this.#versions.encode(record, place.storageKey);
    const write = async () => (await this.#store.create(place.storageKey, text, ttl, deadline)).status === "created";
    const listing = this.#listingOf(place, record, undefined);
    if (listing === undefined) return write();
    return (await this.#users?.guardCreation({ ...listing, ttl }, { userAgent: undefined }, deadline, write)) ?? false;
  }

  /** Replaces a version, or deletes it when the new record's own expiry has passed. */
  async replace(newest: StoredSession, record: SessionRecord, deadline: Deadline): Promise<ReplaceResult> {
    const { storageKey } = newest;
    const ttl = this.#versions.timeToLive(record);
    if (ttl <= 0) return this.#deleteExpired(storageKey, newest.version, deadline);
    if (mayOutliveEntry(newest.version.record, record)) await this.list(newest, record, undefined, deadline);
    const { text, version } = this.#versions.encode(record, storageKey);
    const result = await this.#settle({ ...newest, version }, deadline, () =>
      this.#store.commit(storageKey, text, newest.version.etag, ttl, deadline),
    );
    return result.status === "committed" ? { ...result, version } : result;
  }

  async #deleteExpired(storageKey: SessionKey, { etag }: Version, deadline: Deadline): Promise<ReplaceResult> {
    let lost: StoreConnectionError | undefined;
    const attempt = async (): Promise<CommitResult> => {
      try {
        return await this.#store.deleteIfMatch(storageKey, etag, deadline);
      } catch (error) {
        if (isLost(error)) lost ??= error;
        // Also when a later try could not even be sent, the first one may have been executed.
        throw lost ?? error;
      }
    };
    const result = await untilAnswered(deadline, attempt);
    return result.status === "committed" ? { ...result, version: undefined } : { ...result, lost };
  }

  /**
   * Deletes the old record of a session that has moved, if it still is the version that was carried over.
   *
   * @param hasWon Tells of a record that is gone after a lost answer whether no other move can have deleted it.
   */
  async retire(
    storageKey: SessionKey,
    { etag }: Version,
    hasWon: () => Promise<boolean>,
    deadline: Deadline,
  ): Promise<CommitResult> {
    try {
      return await this.#store.deleteIfMatch(storageKey, etag, deadline);
    } catch (error) {
      if (!isLost(error) || deadline.hasPassed) throw error;
      // Also when the second try could not even be sent, the first one may have been executed.
      const result = await this.#store.deleteIfMatch(storageKey, etag, deadline).catch(() => throwFirst(error));
      if (result.status !== "gone") return result;
      if (await hasWon().catch(() => throwFirst(error))) return { status: "committed" };
      throw error;
    }
  }

  /** Whether there is a record. */
  async isStored(storageKey: SessionKey, deadline: Deadline): Promise<boolean> {
    return (await this.#store.read(storageKey, deadline)) !== undefined;
  }

  /** Deletes a record, and tries again while it is not known to be gone and there is time. */
  async delete(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    let first: unknown;
    for (;;) {
      try {
        await this.#store.delete(storageKey, deadline);
        return;
      } catch (error) {
        // The first try may have deleted it, also when a later one could not be sent.
        first ??= error;
        if (!isLost(error) || deadline.hasPassed) throw first;
      }
    }
  }

  /**
   * Deletes a record that is known by its key alone, and takes it off its user's list, where it would take
   * room.
   */
  async end(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    const text = this.#users && (await this.#store.read(storageKey, deadline));
    await this.delete(storageKey, deadline);
    const version = text === undefined ? "absent" : this.#versions.decode(text, storageKey);
    if (typeof version !== "string") await this.unlist(storageKey, version.record, deadline);
  }

  /**
   * The version to try next after a write that met another version.
   *
   * @throws {SessionInterrupted} When there is none that can be read: such a record is never overwritten.
   * @throws {SessionConflictError} When the deadline has passed.
   */
  newest(storageKey: SessionKey, result: RefusedWrite, deadline: Deadline): Version {
    if (result.status === "gone") throw new SessionInterrupted();
    const version = this.#versions.decode(result.record, storageKey);
    if (typeof version === "string") throw new SessionInterrupted();
    if (!deadline.hasPassed) return version;
    throw new SessionConflictError(
      `Other requests kept changing the session for ${deadline.total} ms, so this change was not saved. ` +
        "Try the request again, change the session less often, or raise sessions.deadline.",
    );
  }

  /** Lists a session among those of its user, or renews its entry there. */
  async list(
    place: SessionPlace,
    record: SessionRecord,
    userAgent: string | undefined,
    deadline: Deadline,
  ): Promise<void> {
    const listing = this.#listingOf(place, record, userAgent);
    if (listing) await this.#users?.recordActivity(listing, deadline);
  }

  /**
   * Takes a session off its user's list. It may stay there, as each reader of the list looks: a failure
   * undoes nothing.
   */
  async unlist(storageKey: SessionKey, record: SessionRecord, deadline: Deadline): Promise<void> {
    const userId = userIdOf(record);
    if (userId !== undefined) await this.#users?.forget(userId, storageKey, deadline).catch(() => {});
  }

  /** Notes on the user's list that a session has a new key. A failure undoes nothing, as of {@link unlist}. */
  async relist(old: SessionKey, by: SessionKey, record: SessionRecord, deadline: Deadline): Promise<void> {
    const userId = userIdOf(record);
    if (userId !== undefined) await this.#users?.replace(userId, old, by, deadline).catch(() => {});
  }

  #listingOf({ storageKey }: SessionPlace, record: SessionRecord, userAgent: string | undefined): Listing | undefined {
    const userId = this.#users && userIdOf(record);
    if (userId === undefined) return undefined;
    return {
      userId,
      key: storageKey,
      createdAt: record.facts.created,
      ttl: this.#versions.timeToLive(record),
      userAgent,
    };
  }

  /** @returns `undefined` when the key is taken. */
  async #write(place: SessionPlace, record: SessionRecord, deadline: Deadline): Promise<StoredSession | undefined> {
    const { text, version } = this.#versions.encode(record, place.storageKey);
    const ttl = Math.max(1, this.#versions.timeToLive(record));
    const stored = { ...place, version };
    const result = await this.#settle(stored, deadline, () =>
      this.#store.create(place.storageKey, text, ttl, deadline),
    );
    return result.status === "exists" ? undefined : stored;
  }

  /**
   * Where the answer of a write got lost, looks once whether the record in the store has the nonce of that
   * write.
   */
  async #settle<Result extends { status: string }>(
    written: StoredSession,
    deadline: Deadline,
    write: () => Promise<Result>,
  ): Promise<Result | { status: "committed" }> {
    try {
      return await write();
    } catch (error) {
      if (!isLost(error) || deadline.hasPassed) throw error;
      if (await this.#isInStore(written, deadline)) return { status: "committed" };
      throw error;
    }
  }

  async #isInStore({ storageKey, version }: StoredSession, deadline: Deadline): Promise<boolean> {
    try {
      const text = await this.#store.read(storageKey, deadline);
      const found = text === undefined ? "absent" : this.#versions.decode(text, storageKey);
      return typeof found !== "string" && found.record.facts.nonce === version.record.facts.nonce;
    } catch {
      // The failure of the write is what the caller has to hear of.
      return false;
    }
  }
}

/** Whether the new record may live for longer than its entry in the user's list, or has none there yet. */
function mayOutliveEntry(before: SessionRecord, after: SessionRecord): boolean {
  const userId = userIdOf(after);
  if (userId === undefined) return false;
  return userId !== userIdOf(before) || after.members.get(EXPIRY_KEY)?.text !== before.members.get(EXPIRY_KEY)?.text;
}

/** Repeats steps that can be repeated, while an answer gets lost and there is time. */
export async function untilAnswered<Result>(deadline: Deadline, steps: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await steps();
    } catch (error) {
      if (!isLost(error) || deadline.hasPassed) throw error;
    }
  }
}

/** Whether the command of a failure may have been executed. */
export function isLost(error: unknown): error is StoreConnectionError {
  return error instanceof StoreConnectionError && error.outcome === "unknown";
}

function throwFirst(error: StoreConnectionError): never {
  throw error;
}
