import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import { ignoreStoreError, throwUnknown } from "../../stores/partial-failures.ts";
import type { ConflictPath, MergedRecord } from "../data/merge.ts";
import { userIdOf } from "../login/auth.ts";
import {
  type Departure,
  type Followers,
  MAX_HOPS,
  type MovedKeys,
  type MoveReason,
  keysOf,
  type SessionKeys,
  successorsOf,
} from "./moved-keys.ts";
import { isLost, type RecordWriter, StoredSession, untilAnswered } from "./record-writer.ts";
import type { SessionRecord } from "../record/session-record.ts";
import { type Creation, refOf } from "../users/user-sessions.ts";

/** A new key for a session. */
export interface Move {
  readonly reason: MoveReason;
  /** Makes the new record from the newest old one. Called again after each conflict. */
  readonly change: (newest: SessionRecord) => MergedRecord;
  readonly creation: Creation;
}

/**
 * Result of a move.
 *
 * - `"moved"`: the session has a new key.
 * - `"ended"`: the session has expired, so the old record was deleted and no new one made.
 * - `"gone"`: the session no longer existed.
 * - `"kept"`: the session keeps its key, since another request is renewing it or has just done so,
 *   or its new expiry is near.
 */
export type MoveResult =
  | {
      readonly status: "moved";
      readonly stored: StoredSession;
      readonly conflicts: readonly ConflictPath[];
    }
  | { readonly status: "ended" | "gone" | "kept" };

/** The old record was gone, since another request had renewed the key. */
interface Renewed {
  readonly status: "renewed";
  readonly to: SessionKeys;
}

/**
 * One attempt to give a session a new key: creates the new record, remembers the move, then deletes
 * the old record if it is still the copied version. Concurrent writes of other requests are copied
 * too.
 */
export class KeyMove {
  readonly #writer: RecordWriter;
  readonly #moved: MovedKeys | undefined;
  readonly #move: Move;
  readonly #deadline: Deadline;
  #source: StoredSession;
  #target: StoredSession | undefined;
  /** Conflicts of the change that made the target. */
  #conflicts: readonly ConflictPath[] = [];
  /** The move is remembered, or yields to an earlier tombstone. */
  #isAnnounced = false;
  /** Tombstone of the old key before the move. */
  #previous: Departure | undefined;
  #isSourceGone = false;
  /** New records of other logins and new keys that are in progress or were abandoned. */
  readonly #rivals: SessionKeys[] = [];

  constructor(
    writer: RecordWriter,
    moved: MovedKeys | undefined,
    source: StoredSession,
    move: Move,
    deadline: Deadline,
  ) {
    this.#writer = writer;
    this.#moved = moved;
    this.#source = source;
    this.#move = move;
    this.#deadline = deadline;
  }

  async run(): Promise<MoveResult | Renewed> {
    const result = await this.#attempt();
    if (result.status === "moved") return result;
    const failure = await this.#undo();
    // The changes are in the new record, to which the old key may lead.
    if (failure !== undefined && this.#isReachable) throwUnknown(failure);
    return result;
  }

  async #attempt(): Promise<MoveResult | Renewed> {
    try {
      return await this.#run();
    } catch (error) {
      // The new record was deleted meanwhile, for example by a revocation of the user. The next
      // write shows whether the old one has ended.
      if (this.#move.reason === "renewed" && error instanceof SessionInterrupted) return { status: "kept" };
      // If the old record is gone, its key leads to the new one. If not, the new one cannot be
      // reached.
      if (this.#move.reason === "renewed" && isLost(error)) throw error;
      // If a renewal had led the old key to the session, it may lead nowhere now.
      if ((await this.#undo()) !== undefined) throwUnknown(error);
      throw error;
    }
  }

  /** Whether the old key may lead to the new record: that of a second renewal is known to nobody. */
  get #isReachable(): boolean {
    return this.#isAnnounced && !(this.#move.reason === "renewed" && this.#previous !== undefined);
  }

  async #run(): Promise<MoveResult | Renewed> {
    for (;;) {
      await this.#prepare();
      if (this.#move.reason === "renewed" && this.#previous !== undefined) return { status: "kept" };
      if (this.#isSourceGone) return await this.#meetAbsence();
      const { storageKey, version } = this.#source;
      const result = await this.#writer.retire(storageKey, version, () => this.#hasWon(), this.#deadline);
      if (result.status === "committed") return this.#complete();
      if (result.status === "gone") return await this.#meetAbsence();
      this.#source = new StoredSession(this.#source, this.#writer.newest(storageKey, result, this.#deadline));
    }
  }

  /**
   * Returns whether this move deleted the old record, after a lost answer. Any other move that can
   * have done so is remembered by then, instead of this one or as the successor of its new record.
   * A logout has the same effect.
   */
  async #hasWon(): Promise<boolean> {
    const [moved, target] = [this.#moved, this.#target];
    if (
      !this.#isAnnounced ||
      this.#previous !== undefined ||
      target === undefined ||
      moved?.isShared !== true
    )
      return false;
    if ((await moved.find(this.#source.storageKey, this.#deadline))?.storageKey !== target.storageKey)
      return false;
    if ((await moved.find(target.storageKey, this.#deadline)) !== undefined) return false;
    return this.#writer.isStored(target.storageKey, this.#deadline);
  }

  /** Makes or updates the new record, and remembers the move. */
  async #prepare(): Promise<void> {
    const { change, creation } = this.#move;
    const { storageKey, version } = this.#source;
    const { record, conflicts } = change(version.record);
    this.#conflicts = conflicts;
    creation.replaces = storageKey;
    creation.takesPlace = userIdOf(record) === userIdOf(version.record);
    // It is missing if the previous version had expired; this version may have a later expiry.
    this.#target = await (this.#target
      ? this.#rewrite(this.#target, record)
      : this.#writer.create(record, creation, this.#deadline));
    if (this.#target && !this.#isAnnounced) await this.#announce(this.#target);
  }

  /** Replaces the new record, which is not yet in use. */
  async #rewrite(target: StoredSession, record: SessionRecord): Promise<StoredSession | undefined> {
    const result = await this.#writer.replace(target, record, this.#deadline);
    if (result.status === "committed") return result.version && new StoredSession(target, result.version);
    throw new SessionInterrupted();
  }

  /**
   * Remembers the move. The user's session may have been revoked before its new record was listed.
   * If the old record still exists, a revocation that deletes it also finds the new one. If it is
   * gone, the old key must not lead to the new record, not even until that is deleted.
   */
  async #announce(target: StoredSession): Promise<void> {
    const { storageKey, version } = this.#source;
    if (
      userIdOf(version.record) !== undefined &&
      !(await this.#writer.isStored(storageKey, this.#deadline))
    ) {
      this.#isSourceGone = true;
      this.#previous = await this.#moved?.find(storageKey, this.#deadline);
      return;
    }
    this.#previous = await this.#moved?.add(this.#source, target, this.#move.reason, this.#deadline);
    this.#isAnnounced = true;
    if (this.#previous === undefined || this.#move.reason === "renewed") return;
    // A login or a cycled key does not wait for a renewal in progress: from here on, the old key
    // leads to no session. Only a logout goes on to both, since this move may fail, and then fail to
    // restore the tombstone.
    await (this.#previous.reason === "renewed"
      ? this.#moved?.replace(
          this.#source,
          target,
          this.#move.reason,
          this.#deadline,
          successorsOf(this.#previous),
        )
      : this.#linkFromRivals(target, this.#previous));
  }

  /**
   * Links the new records of other logins and new keys to this one, before this move may delete the
   * old record. The tombstone of the old key is unchanged, since a login may have replaced it.
   */
  async #linkFromRivals(target: StoredSession, first: Departure): Promise<void> {
    let [from, departure]: [SessionKeys, Departure | undefined] = [this.#source, first];
    for (let hop = 0; departure !== undefined && hop < MAX_HOPS; hop++) {
      const rival: SessionKeys | undefined = departure.isBegun ? undefined : keysOf(departure, from.key);
      if (rival === undefined) {
        // A logout has followed a rival; or the tombstone of the old key leads nowhere.
        if (hop > 0) this.#isSourceGone = true;
        return;
      }
      this.#rivals.push(rival);
      from = rival;
      departure = await this.#moved?.add(rival, target, this.#move.reason, this.#deadline);
    }
  }

  async #complete(): Promise<MoveResult> {
    if (this.#target === undefined)
      await this.#endSuccessors(this.#source.storageKey, "moved").catch(throwUnknown);
    await this.#unlistSource();
    if (this.#target === undefined) return { status: "ended" };
    if (this.#move.reason === "renewed") await ignoreStoreError(this.#claimKey(this.#target));
    await this.#endRivals();
    if (this.#previous !== undefined && this.#previous.reason !== "renewed" && this.#rivals.length === 0)
      await ignoreStoreError(
        this.#moved?.replace(this.#source, this.#target, this.#move.reason, this.#deadline),
      );
    return { status: "moved", stored: this.#target, conflicts: this.#conflicts };
  }

  /**
   * Deletes the records of rivals that have lost: a login with the old key would join them, without
   * later writes to this session. The move itself is complete.
   */
  async #endRivals(): Promise<void> {
    for (const { storageKey } of this.#rivals)
      await ignoreStoreError(this.#writer.end(storageKey, this.#deadline));
  }

  /**
   * Lets the old key lead to this renewal again, if a login or a cycled key has taken it over and
   * then lost: a process that has stopped meanwhile cannot do so itself, and would hide the session.
   */
  async #claimKey(target: StoredSession): Promise<void> {
    const present = await this.#moved?.find(this.#source.storageKey, this.#deadline);
    if (present === undefined || present.isBegun || present.storageKey === target.storageKey) return;
    if (present.reason === "login" || present.reason === "cycled")
      await this.#moved?.replace(this.#source, target, "renewed", this.#deadline);
  }

  async #unlistSource(): Promise<void> {
    const { storageKey, version } = this.#source;
    // Left by an abandoned renewal.
    const second = this.#previous?.reason === "renewed" ? this.#previous.storageKey : undefined;
    if (second !== undefined) await ignoreStoreError(this.#writer.end(second, this.#deadline));
    await (this.#target && this.#move.creation.takesPlace === true
      ? this.#writer.relist(storageKey, this.#target.storageKey, version.record, this.#deadline)
      : this.#writer.unlist(storageKey, version.record, this.#deadline));
  }

  async #meetAbsence(): Promise<MoveResult | Renewed> {
    const to = this.#previous?.reason === "renewed" ? keysOf(this.#previous, this.#source.key) : undefined;
    if (to === undefined) return { status: "gone" };
    return (await this.#passOn(to)) ? { status: "renewed", to } : { status: "gone" };
  }

  /**
   * Links the new record of this failed move to the session, for a logout that has followed the
   * move and looks there next. If the logout was there first, ends the session in its stead.
   *
   * @returns Whether the session continues.
   */
  async #passOn(to: SessionKeys): Promise<boolean> {
    if (this.#target === undefined || this.#move.reason === "renewed") return true;
    const first = await this.#moved?.add(this.#target, to, "renewed", this.#deadline);
    if (first === undefined) return true;
    await this.#writer.end(to.storageKey, this.#deadline);
    await this.#endSuccessors(to.storageKey, "moved-and-begun");
    return false;
  }

  /** Remembers the end of a session, and ends its successors and the records of abandoned moves. */
  async #endSuccessors(storageKey: SessionKey, followers: Followers): Promise<void> {
    const end = (next: SessionKey): Promise<void> => this.#writer.end(next, this.#deadline);
    await untilAnswered(this.#deadline, async () =>
      this.#moved?.end(refOf(storageKey), "ended", followers, this.#deadline, end),
    );
  }

  /**
   * Deletes the new record. Its key was never sent, so it would expire anyway; sooner is better.
   *
   * @returns The failure after which the old key may lead elsewhere than before; `undefined`: none.
   */
  async #undo(): Promise<unknown> {
    const target = this.#target;
    if (target === undefined) return undefined;
    const failure = await failureOf(this.#takeAway(target));
    // A later login with the old key would join the new record.
    const left = this.#isAnnounced ? failure : undefined;
    if (this.#previous?.reason !== "renewed" || this.#move.reason === "renewed") return left;
    return (await failureOf(this.#restore(target, this.#previous))) ?? left;
  }

  /**
   * Deletes and unlists a record. One that could not be deleted stays listed, so that a revocation
   * finds it.
   */
  async #takeAway({ storageKey, version }: StoredSession): Promise<void> {
    await this.#writer.delete(storageKey, this.#deadline);
    await this.#writer.unlist(storageKey, version.record, this.#deadline);
  }

  /**
   * Restores the previous tombstone, unless another request has begun or ended a session meanwhile.
   */
  async #restore(target: StoredSession, previous: Departure): Promise<void> {
    const present = await this.#moved?.find(this.#source.storageKey, this.#deadline);
    if (present?.storageKey === target.storageKey)
      await this.#moved?.restore(this.#source.storageKey, previous, this.#deadline);
  }
}

/** Returns the error of a step; `undefined` when it has succeeded. */
async function failureOf(step: Promise<void>): Promise<unknown> {
  const [result] = await Promise.allSettled([step]);
  return result.status === "rejected" ? (result.reason as unknown) : undefined;
}
