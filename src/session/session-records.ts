import type { UndecodableReason } from "../codec/index.ts";
import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { SessionConflictError, SessionInterrupted, StoreConnectionError } from "../core/errors.ts";
import { newSessionKey, type SessionKey } from "../core/ids.ts";
import type { CommitResult, SessionStore } from "../stores/session-store.ts";
import { userIdOf } from "./auth.ts";
import { KeyQueue } from "./key-queue.ts";
import type { SessionRecord } from "./session-record.ts";
import type { Creation, ListedState, Listing, UserSessions } from "./user-sessions.ts";
import type { Version, Versions } from "./versions.ts";

/** Where a session is: what the browser has, and what the store has. */
export interface SessionPlace {
  /** The browser's key: a secret. */
  readonly key: SessionKey;
  /** The key under which the record is stored: the same, or a hash of it. */
  readonly at: SessionKey;
}

/** A version at its place. */
export interface StoredSession extends SessionPlace {
  readonly version: Version;
}

/** Answer of {@link SessionRecords.load}. */
export type LoadResult =
  | { readonly status: "live"; readonly stored: StoredSession }
  | { readonly status: "absent" | "expired"; readonly at: SessionKey }
  | { readonly status: "undecodable"; readonly reason: UndecodableReason };

/** What a commit has led to. */
export interface Committed {
  /** `undefined` when the session's own expiry has ended it: then it is no longer in the store. */
  readonly version: Version | undefined;
  /** Whether the record holds changes of others that the caller has not seen. */
  readonly hasOthers: boolean;
  /** `false` when the change wanted nothing written. */
  readonly isWritten: boolean;
}

/**
 * Makes the record to write from the newest one. It is called again after each conflict.
 *
 * @returns `undefined` to write nothing.
 */
export type Change = (newest: SessionRecord) => SessionRecord | undefined;

/** What {@link SessionRecords} needs. */
export interface SessionRecordsOptions {
  readonly store: SessionStore;
  readonly versions: Versions;
  /** The index of users; `undefined` when the store has none. */
  readonly users: UserSessions | undefined;
  /** The key under which the session of a cookie is stored. */
  readonly storedKeyOf: (key: SessionKey) => SessionKey;
}

type Refused = Exclude<CommitResult, { status: "committed" }>;

/**
 * Session records in a store of text: commits by compare-and-set until it fits, and finds out what became of a write
 * whose answer got lost.
 */
export class SessionRecords {
  readonly #store: SessionStore;
  readonly #versions: Versions;
  readonly #users: UserSessions | undefined;
  readonly #storedKeyOf: (key: SessionKey) => SessionKey;
  readonly #queue = new KeyQueue<Version>();

  constructor({ store, versions, users, storedKeyOf }: SessionRecordsOptions) {
    this.#store = store;
    this.#versions = versions;
    this.#users = users;
    this.#storedKeyOf = storedKeyOf;
  }

  async load(key: SessionKey, deadline: Deadline): Promise<LoadResult> {
    const at = this.#storedKeyOf(key);
    const text = await this.#store.read(at, deadline);
    if (text === undefined) return { status: "absent", at };
    const version = this.#versions.decode(text, at);
    if (typeof version === "string") return { status: "undecodable", reason: version };
    if (this.#versions.hasEnded(version)) return { status: "expired", at };
    return { status: "live", stored: { key, at, version } };
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
      const place = { key, at: this.#storedKeyOf(key) };
      const listing = this.#listingOf(place, record, creation.userAgent);
      const write = () => this.#write(place, record, deadline);
      const created = await (listing ? this.#users?.guardCreation(listing, creation, deadline, write) : write());
      if (created) return created;
    }
  }

  /**
   * Stores a record that was kept elsewhere, under the key that its browser has.
   *
   * @param ttl Its time to live from now.
   * @returns Whether it was stored: a session that is there already stays.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async restore(key: SessionKey, record: SessionRecord, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const place = { key, at: this.#storedKeyOf(key) };
    const { text } = this.#versions.encode(record, place.at);
    const write = async () => (await this.#store.create(place.at, text, ttl, deadline)).status === "created";
    const listing = this.#listingOf(place, record, undefined);
    if (listing === undefined) return write();
    return (await this.#users?.guardCreation({ ...listing, ttl }, { userAgent: undefined }, deadline, write)) ?? false;
  }

  /**
   * Writes a change on top of the newest version.
   *
   * @throws {SessionInterrupted} When the record is gone.
   * @throws {SessionConflictError} When others kept being first until the deadline.
   */
  commit({ key, at, version }: StoredSession, change: Change, deadline: Deadline): Promise<Committed> {
    return this.#queue.run(at, async (latest, leave) => {
      let newest = latest ?? version;
      for (;;) {
        const hasOthers = newest !== version;
        const record = change(newest.record);
        if (record === undefined) {
          leave(newest);
          return { version: newest, hasOthers, isWritten: false };
        }
        const written = await this.#replace({ key, at, version: newest }, record, deadline);
        if (written.status === "committed") {
          leave(written.version);
          return { version: written.version, hasOthers, isWritten: true };
        }
        newest = this.#newest(at, written, deadline);
      }
    });
  }

  /**
   * Gives a record a new key: creates the new one, then deletes the old one if it still is the version that was
   * carried over; what others have written meanwhile is carried over too.
   *
   * @returns `undefined` when the old one was gone; then there is no new one either.
   * @throws {SessionInterrupted} When the new one was taken away meanwhile, such as by a revocation of the user; the old
   *   one stays as it is.
   */
  move(
    { at, version }: StoredSession,
    change: (newest: SessionRecord) => SessionRecord,
    creation: Creation,
    deadline: Deadline,
  ): Promise<StoredSession | undefined> {
    return this.#queue.run(at, async (latest) => {
      let newest = latest ?? version;
      creation.replaces = at;
      let target = await this.create(change(newest.record), creation, deadline);
      let isRetired = false;
      try {
        while (!isRetired) {
          const result = await this.#retire(at, newest, deadline);
          if (result.status === "gone") return undefined;
          isRetired = result.status === "committed";
          if (result.status === "committed") continue;
          newest = this.#newest(at, result, deadline);
          const record = change(newest.record);
          // There is none where the version before had reached its own expiry; this one may have been renewed.
          target = await (target ? this.#rewrite(target, record, deadline) : this.create(record, creation, deadline));
        }
      } finally {
        // Nobody knows the new key, so it would end by itself; sooner is better.
        if (!isRetired && target) await this.delete(target, deadline).catch(() => {});
      }
      await this.#unlist(at, newest.record, deadline);
      return target;
    });
  }

  /** Extends the time to live. @returns Whether the session is still there. */
  async touch(stored: StoredSession, deadline: Deadline): Promise<boolean> {
    const ttl = this.#versions.timeToLive(stored.version.record);
    if (ttl <= 0) return false;
    // In a conflict another writer has just extended it.
    return (await this.#store.touch(stored.at, stored.version.etag, ttl, deadline)).status !== "gone";
  }

  /** Notes for the user's list of devices that the session was seen. */
  async see(stored: StoredSession, userAgent: string | undefined, deadline: Deadline): Promise<void> {
    const listing = this.#listingOf(stored, stored.version.record, userAgent);
    if (listing) await this.#users?.see(listing, deadline);
  }

  /** Deletes a record, and tries again while it is not known to be gone and there is time. */
  async delete({ at, version }: StoredSession, deadline: Deadline): Promise<void> {
    let first: unknown;
    for (;;) {
      try {
        await this.#store.delete(at, deadline);
        break;
      } catch (error) {
        // The first try may have deleted it, also when a later one could not be sent.
        first ??= error;
        const mayHelp = error instanceof StoreConnectionError && error.outcome === "unknown" && !deadline.hasPassed;
        if (!mayHelp) throw first;
      }
    }
    await this.#unlist(at, version.record, deadline);
  }

  /** What a session that is listed for a user is found to be. */
  async listedState(at: SessionKey, userId: string, deadline: Deadline): Promise<ListedState> {
    const text = await this.#store.read(at, deadline);
    if (text === undefined) return "gone";
    const version = this.#versions.decode(text, at);
    if (typeof version === "string") return "unknown";
    return userIdOf(version.record) === userId && this.#versions.timeToLive(version.record) > 0 ? "live" : "gone";
  }

  /** When the session of a record began; `undefined` when there is none, or it does not tell. */
  async createdAt(at: SessionKey, deadline: Deadline): Promise<EpochMilliseconds | undefined> {
    const text = await this.#store.read(at, deadline);
    const version = text === undefined ? "absent" : this.#versions.decode(text, at);
    return typeof version === "string" ? undefined : version.record.facts.created;
  }

  #listingOf({ at }: SessionPlace, record: SessionRecord, userAgent: string | undefined): Listing | undefined {
    const userId = this.#users && userIdOf(record);
    if (userId === undefined) return undefined;
    return { userId, key: at, createdAt: record.facts.created, ttl: this.#versions.timeToLive(record), userAgent };
  }

  /** A session that is gone may stay listed: whoever reads the list looks. So its failure undoes nothing. */
  async #unlist(at: SessionKey, record: SessionRecord, deadline: Deadline): Promise<void> {
    const userId = userIdOf(record);
    if (userId !== undefined) await this.#users?.forget(userId, at, deadline).catch(() => {});
  }

  /** @returns `undefined` when the key is taken. */
  async #write(place: SessionPlace, record: SessionRecord, deadline: Deadline): Promise<StoredSession | undefined> {
    const { text, version } = this.#versions.encode(record, place.at);
    const ttl = Math.max(1, this.#versions.timeToLive(record));
    const stored = { ...place, version };
    const result = await this.#settle(stored, deadline, () => this.#store.create(place.at, text, ttl, deadline));
    return result.status === "exists" ? undefined : stored;
  }

  /** Deletes the old record of a session that has moved; tries once more where the answer got lost. */
  async #retire(at: SessionKey, { etag }: Version, deadline: Deadline): Promise<CommitResult> {
    try {
      return await this.#store.deleteIfMatch(at, etag, deadline);
    } catch (error) {
      if (!(error instanceof StoreConnectionError) || error.outcome !== "unknown" || deadline.hasPassed) throw error;
      // Also when the second try could not even be sent, the first one may have been executed.
      const result = await this.#store.deleteIfMatch(at, etag, deadline).catch(() => throwFirst(error));
      // By the first attempt, or by a logout: nobody can tell, and a logout must not be undone.
      if (result.status === "gone") throw error;
      return result;
    }
  }

  /** The version to try next after a write that did not fit. */
  #newest(at: SessionKey, result: Refused, deadline: Deadline): Version {
    if (result.status === "gone") throw new SessionInterrupted();
    const version = this.#versions.decode(result.record, at);
    // A record that cannot be read is never overwritten.
    if (typeof version === "string") throw new SessionInterrupted();
    if (!deadline.hasPassed) return version;
    throw new SessionConflictError(
      `Other requests kept changing the session for ${deadline.total} ms, so this change was not saved. ` +
        "Try the request again, change the session less often, or raise sessions.deadline.",
    );
  }

  async #replace(
    newest: StoredSession,
    record: SessionRecord,
    deadline: Deadline,
  ): Promise<{ status: "committed"; version: Version | undefined } | Refused> {
    const { at } = newest;
    const ttl = this.#versions.timeToLive(record);
    if (ttl <= 0) {
      const result = await this.#store.deleteIfMatch(at, newest.version.etag, deadline);
      return result.status === "committed" ? { ...result, version: undefined } : result;
    }
    const { text, version } = this.#versions.encode(record, at);
    const result = await this.#settle({ ...newest, version }, deadline, () =>
      this.#store.commit(at, text, newest.version.etag, ttl, deadline),
    );
    return result.status === "committed" ? { ...result, version } : result;
  }

  /** Replaces a record that nobody else knows of. */
  async #rewrite(target: StoredSession, record: SessionRecord, deadline: Deadline): Promise<StoredSession | undefined> {
    const result = await this.#replace(target, record, deadline);
    if (result.status !== "committed") throw new SessionInterrupted();
    return result.version && { ...target, version: result.version };
  }

  /** Where the answer of a write got lost, looks once whether the record in the store has the nonce of that write. */
  async #settle<Result extends { status: string }>(
    written: StoredSession,
    deadline: Deadline,
    write: () => Promise<Result>,
  ): Promise<Result | { status: "committed" }> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof StoreConnectionError) || error.outcome !== "unknown" || deadline.hasPassed) throw error;
      if (await this.#isInStore(written, deadline)) return { status: "committed" };
      throw error;
    }
  }

  async #isInStore({ at, version }: StoredSession, deadline: Deadline): Promise<boolean> {
    try {
      const text = await this.#store.read(at, deadline);
      const found = text === undefined ? "absent" : this.#versions.decode(text, at);
      return typeof found !== "string" && found.record.facts.nonce === version.record.facts.nonce;
    } catch {
      // The failure of the write is what the caller has to hear of.
      return false;
    }
  }
}

function throwFirst(error: StoreConnectionError): never {
  throw error;
}
