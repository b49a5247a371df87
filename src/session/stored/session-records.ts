import type { UndecodableReason } from "../../codec/index.ts";
import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted, StoreConnectionError } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import { ignoreStoreError, throwUnknown } from "../../stores/partial-failures.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { ConflictPath, MergedRecord } from "../data/merge.ts";
import { userIdOf } from "../login/auth.ts";
import { KeyMove, type Move, type MoveResult } from "./key-move.ts";
import { KeyQueue } from "./key-queue.ts";
import {
  type Departure,
  type EndReason,
  type Followers,
  MAX_HOPS,
  type MovedKeys,
  KeyPair,
  keysOf,
  REMEMBERED_MS,
  type SessionKeys,
  successorsOf,
} from "./moved-keys.ts";
import { deleteAfterOrphans } from "./record-deletion.ts";
import { RecordWriter, StoredSession, untilAnswered } from "./record-writer.ts";
import type { SessionRecord } from "../record/session-record.ts";
import { EXPIRY_KEY } from "../record/timeouts.ts";
import { type Creation, isRef, type ListedState, refOf, type UserSessions } from "../users/user-sessions.ts";
import type { RecordSerializer } from "../record/record-serializer.ts";

/** Answer of {@link SessionRecords.load}. */
export type LoadResult =
  | { readonly status: "live"; readonly stored: StoredSession }
  | { readonly status: "absent" | "expired"; readonly storageKey: SessionKey }
  /** The session was just ended or given a new key. */
  | { readonly status: "moved"; readonly reason: Departure["reason"]; readonly storageKey: SessionKey }
  | { readonly status: "undecodable"; readonly reason: UndecodableReason };

class LiveSession {
  readonly status = "live";
  readonly stored: StoredSession;

  constructor(stored: StoredSession) {
    this.stored = stored;
  }
}

/** Departure of a key, followed through renewals and logins. */
export interface FollowedDeparture {
  /** Reason of the last departure; `"login"` also for a login that was renewed since. */
  readonly reason: Departure["reason"];
  /** Final keys of the session; `undefined` when it has ended. */
  readonly to: SessionKeys | undefined;
  /** Keys that the session has left, in order. */
  readonly left: readonly [SessionKeys, ...SessionKeys[]];
  /** Storage keys of the records that the last of them leads to. */
  readonly successors: readonly SessionKey[];
}

/** Result of a commit. */
export class Committed {
  /**
   * The session as now stored; `undefined` when its own expiry has ended it: then it is no longer
   * in the store.
   */
  readonly stored: StoredSession | undefined;
  /** The record holds changes of other requests that the caller has not seen. */
  readonly hasOthers: boolean;
  /** `false` when there was nothing to write. */
  readonly isWritten: boolean;
  /** Parts that other requests had changed too. */
  readonly conflicts: readonly ConflictPath[];

  constructor(
    stored: StoredSession | undefined,
    hasOthers: boolean,
    isWritten: boolean,
    conflicts: readonly ConflictPath[],
  ) {
    this.stored = stored;
    this.hasOthers = hasOthers;
    this.isWritten = isWritten;
    this.conflicts = conflicts;
  }
}

const NO_CONFLICTS: readonly ConflictPath[] = [];

/**
 * Makes the record to write from the newest one. Called again after each conflict.
 *
 * @returns `undefined` to write nothing.
 */
export type Change = (newest: SessionRecord) => MergedRecord | undefined;

/** Dependencies of {@link SessionRecords}. */
export interface SessionRecordsOptions {
  readonly store: SessionStore;
  readonly serializer: RecordSerializer;
  /** The index of users; `undefined` when the store has none. */
  readonly users: UserSessions | undefined;
  /** Tombstones of moved keys; `undefined` if sessions have no key. */
  readonly moved: MovedKeys | undefined;
  /** Returns the storage key for a browser's key. */
  readonly storedKeyOf: (key: SessionKey) => SessionKey;
}

/**
 * Session records in a store of text: retries compare-and-set commits, determines the outcome of
 * writes whose answer got lost, and follows sessions whose key was renewed.
 */
export class SessionRecords {
  readonly #store: SessionStore;
  readonly #serializer: RecordSerializer;
  readonly #users: UserSessions | undefined;
  readonly #writer: RecordWriter;
  readonly #moved: MovedKeys | undefined;
  readonly #storedKeyOf: (key: SessionKey) => SessionKey;
  readonly #queue = new KeyQueue();
  /** Storage keys that this process is renewing. */
  readonly #renewing = new Set<SessionKey>();

  constructor({ store, serializer, users, moved, storedKeyOf }: SessionRecordsOptions) {
    this.#store = store;
    this.#serializer = serializer;
    this.#users = users;
    this.#writer = new RecordWriter(store, serializer, users, storedKeyOf);
    this.#moved = moved;
    this.#storedKeyOf = storedKeyOf;
  }

  /** Loads the session of a key, even if the key was just renewed. */
  async load(key: SessionKey, deadline: Deadline): Promise<LoadResult> {
    const place = new KeyPair(key, this.#storedKeyOf(key));
    const found = this.#loaded(place, await this.#store.read(place.storageKey, deadline));
    return found.status === "absent" ? this.#loadRenewed(place, deadline) : found;
  }

  /** Returns the epoch of a user; `undefined` without an index of users. */
  epochOf(userId: string, deadline: Deadline): Promise<string> | undefined {
    return this.#users?.epochOf(userId, deadline);
  }

  /**
   * Returns the departure of a key that has no session, followed through all renewals and logins.
   *
   * @returns `undefined` when it has no tombstone, or was revoked: then a request with it is not a
   *   late one.
   */
  departureOf(key: SessionKey, deadline: Deadline): Promise<FollowedDeparture | undefined> {
    return this.#departureOf(key, deadline, async () => false);
  }

  /**
   * Like {@link departureOf}, but stops at the first record: a move away from it is not complete.
   */
  departureToRecord(key: SessionKey, deadline: Deadline): Promise<FollowedDeparture | undefined> {
    return this.#departureOf(key, deadline, (place) => this.isStoredAt(place?.storageKey, deadline));
  }

  async #departureOf(
    key: SessionKey,
    deadline: Deadline,
    isEnd: (place: SessionKeys | undefined) => Promise<boolean>,
  ): Promise<FollowedDeparture | undefined> {
    let followed: FollowedDeparture | undefined;
    let place: SessionKeys | undefined = { key, storageKey: this.#storedKeyOf(key) };
    for (let hop = 0; place !== undefined && hop < MAX_HOPS; hop++) {
      const departure: Departure | undefined = await this.#moved?.find(place.storageKey, deadline);
      if (departure === undefined || departure.reason === "revoked") break;
      const to: SessionKeys | undefined = keysOf(departure, place.key);
      const isOfLogin: boolean = followed?.reason === "login" && departure.reason === "renewed";
      const reason: Departure["reason"] = isOfLogin ? "login" : departure.reason;
      const left: FollowedDeparture["left"] = followed ? [...followed.left, place] : [place];
      followed = { reason, to, left, successors: successorsOf(departure) };
      place = reason === "renewed" || reason === "login" ? to : undefined;
      if (await isEnd(place)) break;
    }
    return followed;
  }

  /**
   * Returns why the session of a storage key without a record has ended, or changed its visitor's
   * rights, also under the keys that it was renewed to.
   *
   * @returns `undefined` when nothing is remembered.
   */
  async endOf(
    storageKey: SessionKey,
    deadline: Deadline,
  ): Promise<Exclude<Departure["reason"], "renewed"> | undefined> {
    let at: SessionKey | undefined = storageKey;
    for (let hop = 0; at !== undefined && hop < MAX_HOPS; hop++) {
      const departure: Departure | undefined = await this.#moved?.find(at, deadline);
      if (departure !== undefined && departure.reason !== "renewed") return departure.reason;
      at = departure?.storageKey;
    }
    return undefined;
  }

  /**
   * Remembers that a login has begun a session for the browser of a key without one.
   *
   * @param departure Departure of the old key. The login is remembered at the last key that it
   *   leads to, beside the sessions that this key leads to already.
   */
  async noteLogin(
    oldKey: SessionKey,
    departure: FollowedDeparture | undefined,
    to: SessionKeys,
    deadline: Deadline,
  ): Promise<void> {
    const from = departure?.left.at(-1) ?? { key: oldKey, storageKey: this.#storedKeyOf(oldKey) };
    const others = departure?.successors ?? [];
    await ignoreStoreError(this.#moved?.replaceByBegun(from, to, others, deadline));
  }

  /**
   * Stores a record under a new key.
   *
   * @param ttl Time to live from now. @defaultValue that of a session that begins
   * @returns `undefined` when the session's own expiry has already passed.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  create(
    record: SessionRecord,
    creation: Creation,
    deadline: Deadline,
    ttl?: Milliseconds,
  ): Promise<StoredSession | undefined> {
    return this.#writer.create(record, creation, deadline, ttl);
  }

  /** Deletes a new session whose key nobody knows. */
  discard({ storageKey }: StoredSession, deadline: Deadline): Promise<void> {
    return this.#writer.end(storageKey, deadline);
  }

  /**
   * Imports a record under the key that its browser has. Each key is imported once.
   *
   * @param ttl Time to live from now.
   * @returns Whether it was stored: an existing session stays, and one that was imported before and
   *   has ended stays ended.
   * @throws {SessionInterrupted} When its user was revoked meanwhile.
   */
  async restore(
    key: SessionKey,
    record: SessionRecord,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<boolean> {
    const place = { key, storageKey: this.#storedKeyOf(key) };
    if ((await this.#moved?.claim(place.storageKey, ttl, deadline)) === false) return false;
    try {
      return await this.#writer.createAt(place, record, ttl, deadline);
    } catch (error) {
      const mayBeStored = error instanceof StoreConnectionError && error.outcome === "unknown";
      // A retry has to find the key unclaimed, unless the session was revoked meanwhile. If this
      // fails too, the session is not imported.
      if (!mayBeStored && !(error instanceof SessionInterrupted))
        await this.#moved?.unclaim(place.storageKey, deadline).catch(() => {});
      throw error;
    }
  }

  /**
   * Writes a change on top of the newest version, under the session's present key.
   *
   * @throws {SessionInterrupted} When the record is gone.
   * @throws {SessionConflictError} When other requests kept writing first until the deadline.
   */
  commit(stored: StoredSession, change: Change, deadline: Deadline): Promise<Committed> {
    return this.#queue.run(stored.storageKey, async (latest, leave) => {
      let newest = latest ? new StoredSession(stored, latest) : stored;
      for (;;) {
        const hasOthers = newest.version !== stored.version;
        const changed = change(newest.version.record);
        if (changed === undefined) {
          if (newest.storageKey === stored.storageKey) leave(newest.version);
          return new Committed(newest, hasOthers, false, NO_CONFLICTS);
        }
        const { record, conflicts } = changed;
        const written = await this.#writer.replace(newest, record, deadline);
        if (written.status === "committed") {
          const { version } = written;
          if (newest.storageKey === stored.storageKey) leave(version);
          if (version === undefined) await this.#noteEnd(newest, deadline);
          else if (this.#mayEndBefore(newest.version.record, record))
            await ignoreStoreError(this.#endOrphans(newest.storageKey, deadline));
          return new Committed(version && new StoredSession(newest, version), hasOthers, true, conflicts);
        }
        newest =
          written.status === "gone"
            ? await this.#follow(newest, deadline, written.lost)
            : new StoredSession(newest, this.#writer.newest(newest.storageKey, written, deadline));
      }
    });
  }

  /**
   * Gives a session a new key: creates the new record, remembers the move, then deletes the old
   * record if it is still the copied version; concurrent changes are copied too.
   *
   * @throws {SessionInterrupted} When the new record was deleted meanwhile, for example by a
   *   revocation of the user; the old one is unchanged.
   */
  async move(stored: StoredSession, move: Move, deadline: Deadline): Promise<MoveResult> {
    if (move.reason !== "renewed") return this.#moveFrom(stored, move, deadline);
    if (this.#renewing.has(stored.storageKey)) return { status: "kept" };
    this.#renewing.add(stored.storageKey);
    try {
      return await this.#moveFrom(stored, move, deadline);
    } finally {
      this.#renewing.delete(stored.storageKey);
    }
  }

  /** Extends the time to live. @returns Whether the session still exists. */
  async touch(stored: StoredSession, deadline: Deadline): Promise<boolean> {
    const ttl = this.#serializer.timeToLive(stored.version.record);
    if (ttl <= 0) return false;
    // In a conflict another writer has just extended it.
    return (await this.#store.touch(stored.storageKey, stored.version.etag, ttl, deadline)).status !== "gone";
  }

  /** Returns whether a record exists under a storage key. */
  async isStoredAt(storageKey: SessionKey | undefined, deadline: Deadline): Promise<boolean> {
    return storageKey !== undefined && this.#writer.isStored(storageKey, deadline);
  }

  /**
   * Finds a session under its key, or the key that it was renewed to.
   *
   * @returns `undefined` when it has ended.
   */
  async find(place: SessionKeys, deadline: Deadline): Promise<StoredSession | undefined> {
    const found = this.#loaded(place, await this.#store.read(place.storageKey, deadline));
    const loaded = found.status === "absent" ? await this.#loadRenewed(place, deadline) : found;
    return loaded.status === "live" ? loaded.stored : undefined;
  }

  /** Records the session's activity in its user's list of devices. */
  async recordActivity(
    stored: StoredSession,
    userAgent: string | undefined,
    deadline: Deadline,
  ): Promise<void> {
    await this.#writer.list(stored, stored.version.record, userAgent, deadline);
  }

  /** Ends a session and its successors. */
  async delete({ storageKey, version }: StoredSession, deadline: Deadline): Promise<void> {
    await this.#deleteAll(storageKey, deadline);
    await this.endSuccessors(refOf(storageKey), "ended", deadline).catch(throwUnknown);
    await this.#writer.unlist(storageKey, version.record, deadline);
  }

  /**
   * Ends the successors of a session whose record was deleted.
   *
   * @param ref Public name of that session; see `sessions.ofUser`.
   */
  async endSuccessors(
    ref: string,
    reason: EndReason,
    deadline: Deadline,
    followers: Followers = "moved-and-begun",
  ): Promise<void> {
    const end = (next: SessionKey): Promise<void> => this.#writer.end(next, deadline);
    await untilAnswered(deadline, async () => this.#moved?.end(ref, reason, followers, deadline, end));
  }

  /**
   * Ends the successors of a user's session that belong to the same user.
   *
   * @param ref Earlier public name of the session; any text.
   * @returns The storage keys of the sessions that were ended.
   */
  async endMoved(ref: string, userId: string, deadline: Deadline): Promise<readonly SessionKey[]> {
    const ended: SessionKey[] = [];
    if (!isRef(ref)) return ended;
    const end = async (storageKey: SessionKey): Promise<boolean> => {
      if ((await this.listedState(storageKey, userId, deadline)) !== "live") return true;
      await this.#writer.end(storageKey, deadline);
      ended.push(storageKey);
      await this.endSuccessors(refOf(storageKey), "revoked", deadline);
      return false;
    };
    await this.#moved?.follow(ref, deadline, end).catch((error: unknown) => {
      if (ended.length > 0) throwUnknown(error);
      throw error;
    });
    return ended;
  }

  /** Ends a session under its key, or the key that it was renewed to. */
  async endFound(place: SessionKeys, deadline: Deadline): Promise<void> {
    const found = await this.find(place, deadline);
    await (found ? this.delete(found, deadline) : this.endKey(place.key, deadline));
  }

  /** Ends the session of a key without a readable record, and its successors. */
  async endKey(key: SessionKey, deadline: Deadline): Promise<void> {
    const at = this.#storedKeyOf(key);
    await this.#writer.delete(at, deadline);
    await this.endSuccessors(refOf(at), "ended", deadline).catch(throwUnknown);
  }

  /** Returns the state of a session listed for a user. */
  async listedState(storageKey: SessionKey, userId: string, deadline: Deadline): Promise<ListedState> {
    const text = await this.#store.read(storageKey, deadline);
    if (text === undefined) return "gone";
    const version = this.#serializer.decode(text, storageKey);
    if (typeof version === "string") return "unknown";
    return userIdOf(version.record) === userId && this.#serializer.timeToLive(version.record) > 0
      ? "live"
      : "gone";
  }

  /**
   * Returns the creation time of a session; `undefined` without a record, or one that records none.
   */
  async createdAt(storageKey: SessionKey, deadline: Deadline): Promise<EpochMilliseconds | undefined> {
    const text = await this.#store.read(storageKey, deadline);
    const version = text === undefined ? "absent" : this.#serializer.decode(text, storageKey);
    return typeof version === "string" ? undefined : version.record.metadata.created;
  }

  /** @param text Record of the place; `undefined`: it has none. */
  #loaded(place: SessionKeys, text: string | undefined): LoadResult {
    const { storageKey } = place;
    if (text === undefined) return { status: "absent", storageKey };
    const version = this.#serializer.decode(text, storageKey);
    if (typeof version === "string") return { status: "undecodable", reason: version };
    if (this.#serializer.hasEnded(version)) return { status: "expired", storageKey };
    return new LiveSession(new StoredSession(place, version));
  }

  /** Loads an absent session under the key that it was renewed to. */
  async #loadRenewed(from: SessionKeys, deadline: Deadline): Promise<LoadResult> {
    let place = from;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const departure = await this.#moved?.find(place.storageKey, deadline);
      if (departure === undefined || departure.reason === "revoked") break;
      const next = departure.reason === "renewed" ? keysOf(departure, place.key) : undefined;
      if (next === undefined)
        return { status: "moved", reason: departure.reason, storageKey: place.storageKey };
      const found = this.#loaded(next, await this.#store.read(next.storageKey, deadline));
      if (found.status !== "absent") return found;
      place = next;
    }
    return { status: "absent", storageKey: place.storageKey };
  }

  /**
   * Follows a session whose record is gone.
   *
   * @param lost Failure that may have deleted it.
   * @throws {SessionInterrupted} When no session is found.
   */
  async #follow(from: SessionKeys, deadline: Deadline, lost?: StoreConnectionError): Promise<StoredSession> {
    const loaded = await this.#loadRenewed(from, deadline).catch((error: unknown) => {
      throw lost ?? error;
    });
    if (loaded.status !== "live") throw lost ?? new SessionInterrupted();
    return loaded.stored;
  }

  async #moveFrom(stored: StoredSession, move: Move, deadline: Deadline): Promise<MoveResult> {
    return this.#queue.run(stored.storageKey, async (latest) => {
      let source = latest ? new StoredSession(stored, latest) : stored;
      for (let hop = 0; hop < MAX_HOPS; hop++) {
        const result = await new KeyMove(this.#writer, this.#moved, source, move, deadline).run();
        if (result.status !== "renewed") return result;
        const found = await this.find(result.to, deadline);
        if (found === undefined) break;
        source = found;
      }
      return { status: "gone" };
    });
  }

  /** Returns whether a new expiry comes before the tombstone of an earlier renewal is forgotten. */
  #mayEndBefore(before: SessionRecord, after: SessionRecord): boolean {
    const [old, expiry] = [before, after].map(({ members }) => members.get(EXPIRY_KEY)?.text);
    return expiry !== old && this.#serializer.timeToLive(after) < REMEMBERED_MS;
  }

  /** Deletes a record, and before it those left by abandoned moves. */
  async #deleteAll(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    await deleteAfterOrphans(
      (await this.#moved?.orphansOf(storageKey, deadline)) ?? [],
      (orphan) => this.#writer.end(orphan, deadline),
      () => this.#writer.delete(storageKey, deadline),
    );
  }

  /**
   * Deletes the new record of an abandoned move: once the old record ends, its key would lead
   * there. The new record of a renewal in progress is deleted too, since this write came first;
   * that session keeps its old key.
   */
  async #endOrphans(storageKey: SessionKey, deadline: Deadline): Promise<void> {
    for (const orphan of (await this.#moved?.orphansOf(storageKey, deadline)) ?? [])
      await this.#writer.end(orphan, deadline);
  }

  /** Ends the successors of an expired session: it may be found there until they have ended. */
  async #noteEnd({ storageKey, version }: StoredSession, deadline: Deadline): Promise<void> {
    await this.endSuccessors(refOf(storageKey), "ended", deadline, "moved").catch(throwUnknown);
    await this.#writer.unlist(storageKey, version.record, deadline);
  }
}
