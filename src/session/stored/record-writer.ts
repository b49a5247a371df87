import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionConflictError, SessionInterrupted, StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { CommitResult, SessionStore } from "../../stores/session-store.ts";
import { userIdOf } from "../login/auth.ts";
import { KeyPair, type SessionKeys } from "./moved-keys.ts";
import type { SessionRecord } from "../record/session-record.ts";
import { EXPIRY_KEY } from "../record/timeouts.ts";
import type { Creation, Listing, UserSessions } from "../users/user-sessions.ts";
import type { Version, RecordSerializer } from "../record/record-serializer.ts";

/** A version with its keys. */
export class StoredSession extends KeyPair {
  readonly version: Version;

  constructor({ key, storageKey }: SessionKeys, version: Version) {
    super(key, storageKey);
    this.version = version;
  }
}

class CommittedVersion {
  readonly status = "committed";
  readonly version: Version | undefined;

  constructor(version: Version | undefined) {
    this.version = version;
  }
}

/** Answer of {@link RecordWriter.replace}. */
export type ReplaceResult =
  /** Without a version, the session has ended by its own expiry and is no longer in the store. */
  { readonly status: "committed"; readonly version: Version | undefined } | RefusedWrite;

/** A conditional write that met another version or none. */
export type RefusedWrite = Exclude<CommitResult, { status: "committed" }> & {
  /** Failure of an earlier attempt whose answer got lost: it may have deleted the record. */
  readonly lost?: StoreConnectionError | undefined;
};

/**
 * Single writes of session records, each with a known outcome: when the answer of a write got lost,
 * one read determines it. A session is added to its user's list before its record is created or
 * extended.
 */
export class RecordWriter {
  readonly #store: SessionStore;
  readonly #serializer: RecordSerializer;
  readonly #users: UserSessions | undefined;
  readonly #storedKeyOf: (key: SessionKey) => SessionKey;

  constructor(
    store: SessionStore,
    serializer: RecordSerializer,
    users: UserSessions | undefined,
    storedKeyOf: (key: SessionKey) => SessionKey,
  ) {
    this.#store = store;
    this.#serializer = serializer;
    this.#users = users;
    this.#storedKeyOf = storedKeyOf;
  }

  /**
   * Stores a record under a new key.
   *
   * @param ttl Time to live from now. @defaultValue that of a session that begins
   * @returns `undefined` when the session's own expiry has already passed.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async create(
    record: SessionRecord,
    creation: Creation,
    deadline: Deadline,
    ttl?: Milliseconds,
  ): Promise<StoredSession | undefined> {
    if (this.#serializer.timeToLive(record) <= 0) return undefined;
    for (;;) {
      const key = newSessionKey();
      const place = { key, storageKey: this.#storedKeyOf(key) };
      const listing = this.#listingOf(place, record, creation.userAgent);
      const write = () => this.#write(place, record, deadline, ttl);
      const created = await (listing
        ? this.#users?.guardCreation(listing, creation, deadline, write)
        : write());
      if (created) return created;
    }
  }

  /**
   * Stores a record under a given key.
   *
   * @returns `false` when a session already exists.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async createAt(
    place: SessionKeys,
    record: SessionRecord,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<boolean> {
    const { text } = this.#serializer.encode(record, place.storageKey);
    const write = async () =>
      (await this.#store.create(place.storageKey, text, ttl, deadline)).status === "created";
    const listing = this.#listingOf(place, record, undefined);
    if (listing === undefined) return write();
    return (
      (await this.#users?.guardCreation({ ...listing, ttl }, { userAgent: undefined }, deadline, write)) ??
      false
    );
  }

  /** Replaces a version, or deletes it when the new record has expired. */
  async replace(newest: StoredSession, record: SessionRecord, deadline: Deadline): Promise<ReplaceResult> {
    const { storageKey } = newest;
    const ttl = this.#serializer.timeToLive(record);
    if (ttl <= 0) return this.#deleteExpired(storageKey, newest.version, deadline);
    if (mayOutliveEntry(newest.version.record, record)) await this.list(newest, record, undefined, deadline);
    const { text, version } = this.#serializer.encode(record, storageKey);
    let result: CommitResult;
    try {
      result = await this.#store.commit(storageKey, text, newest.version.etag, ttl, deadline);
    } catch (error) {
      await this.#confirm(storageKey, version, error, deadline);
      return new CommittedVersion(version);
    }
    return result.status === "committed" ? new CommittedVersion(version) : result;
  }

  async #deleteExpired(
    storageKey: SessionKey,
    { etag }: Version,
    deadline: Deadline,
  ): Promise<ReplaceResult> {
    let lost: StoreConnectionError | undefined;
    const attempt = async (): Promise<CommitResult> => {
      try {
        return await this.#store.deleteIfMatch(storageKey, etag, deadline);
      } catch (error) {
        if (isLost(error)) lost ??= error;
        throw error;
      }
    };
    // The first attempt may have been executed, even if a later one was not sent.
    const result = await untilAnswered(deadline, attempt).catch((error: unknown) => {
      throw lost ?? error;
    });
    return result.status === "committed" ? new CommittedVersion(undefined) : { ...result, lost };
  }

  /**
   * Deletes the old record of a moved session, if it is still the copied version.
   *
   * @param hasWon Returns, for a record that is gone after a lost answer, whether no other move can
   *   have deleted it.
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
      // The first attempt may have been executed, even if the second one was not sent.
      const result = await this.#store
        .deleteIfMatch(storageKey, etag, deadline)
        .catch(() => throwFirst(error));
      if (result.status !== "gone") return result;
      if (await hasWon().catch(() => throwFirst(error))) return { status: "committed" };
      throw error;
    }
  }

  /** Returns whether the record exists. */
  async isStored(storageKey: SessionKey, deadline: Deadline): Promise<boolean> {
    return (await this.#store.read(storageKey, deadline)) !== undefined;
  }

  /** Deletes a record, with retries until it is known to be gone or the deadline has passed. */
  async delete(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    let first: unknown;
    for (;;) {
      try {
        await this.#store.delete(storageKey, deadline);
        return;
      } catch (error) {
        // The first attempt may have deleted it, even if a later one was not sent.
        first ??= error;
        if (!isLost(error) || deadline.hasPassed) throw first;
      }
    }
  }

  /**
   * Deletes a record by its key, and its entry in the user's list, which would count against the
   * limit.
   */
  async end(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    const text = this.#users && (await this.#store.read(storageKey, deadline));
    await this.delete(storageKey, deadline);
    const version = text === undefined ? "absent" : this.#serializer.decode(text, storageKey);
    if (typeof version !== "string") await this.unlist(storageKey, version.record, deadline);
  }

  /**
   * Returns the version to try next after a write that met another version.
   *
   * @throws {SessionInterrupted} When it cannot be read: such a record is never overwritten.
   * @throws {SessionConflictError} When the deadline has passed.
   */
  newest(storageKey: SessionKey, result: RefusedWrite, deadline: Deadline): Version {
    if (result.status === "gone") throw new SessionInterrupted();
    const version = this.#serializer.decode(result.record, storageKey);
    if (typeof version === "string") throw new SessionInterrupted();
    if (!deadline.hasPassed) return version;
    throw new SessionConflictError(
      `Other requests kept changing the session for ${deadline.total} ms, so this change was not saved. ` +
        "Try the request again, change the session less often, or raise sessions.deadline.",
    );
  }

  /** Adds a session to its user's list, or renews its entry. */
  async list(
    place: SessionKeys,
    record: SessionRecord,
    userAgent: string | undefined,
    deadline: Deadline,
  ): Promise<void> {
    const listing = this.#listingOf(place, record, userAgent);
    if (listing) await this.#users?.recordActivity(listing, deadline);
  }

  /**
   * Removes a session from its user's list. A failure is ignored, since each reader of the list
   * looks sessions up.
   */
  async unlist(storageKey: SessionKey, record: SessionRecord, deadline: Deadline): Promise<void> {
    const userId = userIdOf(record);
    if (userId !== undefined) await this.#users?.forget(userId, storageKey, deadline).catch(() => {});
  }

  /** Replaces a session's key in its user's list. A failure is ignored, as in {@link unlist}. */
  async relist(old: SessionKey, by: SessionKey, record: SessionRecord, deadline: Deadline): Promise<void> {
    const userId = userIdOf(record);
    if (userId !== undefined) await this.#users?.replace(userId, old, by, deadline).catch(() => {});
  }

  #listingOf(
    { storageKey }: SessionKeys,
    record: SessionRecord,
    userAgent: string | undefined,
  ): Listing | undefined {
    const userId = this.#users && userIdOf(record);
    if (userId === undefined) return undefined;
    return {
      userId,
      key: storageKey,
      createdAt: record.metadata.created,
      ttl: this.#serializer.timeToLive(record),
      userAgent,
    };
  }

  /** @returns `undefined` when the key is taken. */
  async #write(
    place: SessionKeys,
    record: SessionRecord,
    deadline: Deadline,
    life: Milliseconds = this.#serializer.timeToLive(record),
  ): Promise<StoredSession | undefined> {
    const { text, version } = this.#serializer.encode(record, place.storageKey);
    const ttl = Math.max(1, life);
    const stored = new StoredSession(place, version);
    try {
      const result = await this.#store.create(place.storageKey, text, ttl, deadline);
      return result.status === "exists" ? undefined : stored;
    } catch (error) {
      await this.#confirm(place.storageKey, version, error, deadline);
      return stored;
    }
  }

  /**
   * Checks once, after a write whose answer got lost, whether the stored record has its nonce.
   *
   * @throws The error of the write, if it has or may have failed.
   */
  async #confirm(
    storageKey: SessionKey,
    version: Version,
    error: unknown,
    deadline: Deadline,
  ): Promise<void> {
    if (!isLost(error) || deadline.hasPassed) throw error;
    if (!(await this.#isInStore(storageKey, version, deadline))) throw error;
  }

  async #isInStore(storageKey: SessionKey, version: Version, deadline: Deadline): Promise<boolean> {
    try {
      const text = await this.#store.read(storageKey, deadline);
      const found = text === undefined ? "absent" : this.#serializer.decode(text, storageKey);
      return typeof found !== "string" && found.record.metadata.nonce === version.record.metadata.nonce;
    } catch {
      // The caller gets the failure of the write instead.
      return false;
    }
  }
}

/** Returns whether the new record may outlive its entry in the user's list, or has none yet. */
function mayOutliveEntry(before: SessionRecord, after: SessionRecord): boolean {
  const userId = userIdOf(after);
  if (userId === undefined) return false;
  return (
    userId !== userIdOf(before) ||
    after.members.get(EXPIRY_KEY)?.text !== before.members.get(EXPIRY_KEY)?.text
  );
}

/** Repeats idempotent steps while answers get lost, until the deadline has passed. */
export async function untilAnswered<Result>(
  deadline: Deadline,
  steps: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await steps();
    } catch (error) {
      if (!isLost(error) || deadline.hasPassed) throw error;
    }
  }
}

/** Returns whether the command of a failure may have been executed. */
export function isLost(error: unknown): error is StoreConnectionError {
  return error instanceof StoreConnectionError && error.outcome === "unknown";
}

function throwFirst(error: StoreConnectionError): never {
  throw error;
}
