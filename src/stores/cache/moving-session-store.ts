import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import { newNonce, type SessionKey } from "../../core/ids.ts";
import type { CacheStore } from "../cache-store.ts";
import type { CacheableSessionStore } from "../cached-db/cached-db-session-store.ts";
import { ignoreStoreError, isNotSent, settled, throwNotSent } from "../partial-failures.ts";
import type { ClearProgress, CommitResult, CreateResult, SessionStore } from "../session-store.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import { BulkMove } from "./bulk-move.ts";
import { CacheSessionStore } from "./cache-session-store.ts";
import { LEASE_TTL } from "./lease-ttl.ts";
import { MovingTombstones } from "./moving-tombstones.ts";
import { isMark, WRITER_TTL, withoutWriter, withWriter } from "./writers-mark.ts";

const GONE: CommitResult = { status: "gone" };

/** Source and target of a move, and whether it has begun. */
export interface Move {
  readonly from: CacheableSessionStore;
  /** Must have leases, and be able to compare and set. */
  readonly cache: CacheStore;
  /** Prefix of the keys in the cache. */
  readonly namespace: string;
  /** Tombstones of the cache. */
  readonly tombstones: SessionTombstones;
  readonly isUnderWay: boolean;
  readonly clock: Clock;
}

/**
 * Moves sessions from another store into a cache, one by one, while both are in use.
 *
 * - If the record of a session is in the cache, the cache decides, and anything left in the other
 *   store no longer counts. Otherwise the other store decides.
 * - A mover takes the lease on the session's place in the cache, and stores the record there only
 *   if the place has not been written to since. Then it deletes the record in the other store.
 *   `clearExpired` does the same with many at a time ({@link BulkMove}).
 * - A writer in the other store first puts a mark into that place, which keeps the session from
 *   being moved until all writers are done.
 * - A deletion goes to the other store first, then to the cache, where it ends the lease: a deleted
 *   session is not moved.
 *
 * Instances that only follow the moves of others (`isUnderWay: false`) can therefore run beside
 * those that move, and, while none moves, beside those that know only the other store.
 */
export class MovingSessionStore implements SessionStore {
  readonly name = "cache";
  readonly tombstones: SessionTombstones;
  readonly #move: Move;
  readonly #to: CacheSessionStore;

  constructor(move: Move) {
    this.#move = move;
    this.#to = new CacheSessionStore(move.cache, move.namespace);
    const { tombstones, from, isUnderWay } = move;
    this.tombstones = from.tombstones
      ? new MovingTombstones(from.tombstones, tombstones, isUnderWay)
      : tombstones;
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const moved = await this.#readMoved(key, deadline);
    if (moved !== undefined) return moved;
    return this.#move.isUnderWay ? this.#bring(key, deadline) : this.#readOther(key, deadline);
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const { from, isUnderWay } = this.#move;
    const elsewhere = isUnderWay ? from.read(key, deadline) : this.#readMoved(key, deadline);
    if ((await elsewhere.catch(throwNotSent)) !== undefined) return { status: "exists" };
    return (isUnderWay ? this.#to : from).create(key, record, ttl, deadline);
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#write(key, deadline, (store) => store.commit(key, record, etag, ttl, deadline));
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#write(key, deadline, (store) => store.touch(key, etag, ttl, deadline));
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    const wasInOther = await this.#move.from.delete(key, deadline);
    const moved = await this.#readMoved(key, deadline);
    // Even if there is nothing to read: the delete ends the lease of a mover.
    const hadEntry = await this.#to.delete(key, deadline);
    return wasInOther || (moved !== undefined && hadEntry);
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#write(key, deadline, (store) => store.deleteIfMatch(key, etag, deadline));
  }

  /** First the source, then the target: so none is missed that is moved meanwhile. */
  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    const seen = new Set<SessionKey>();
    for (const store of [this.#move.from, this.#to]) {
      for await (const key of store.scan(pageDeadline)) {
        if (seen.has(key)) continue;
        seen.add(key);
        yield key;
      }
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await Promise.all([this.#to.ping(deadline), this.#move.from.ping(deadline)]);
  }

  /**
   * Also moves all sessions that no request has read, if moves are on. One that is being written
   * stays.
   */
  async clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    const { from, cache, isUnderWay } = this.#move;
    if (!isUnderWay) return from.clearExpired(pageDeadline, onProgress);
    const bulk = new BulkMove({ from, cache, at: (key) => this.#at(key) });
    const moved = await bulk.moveAll(pageDeadline, (count) => onProgress?.({ cleared: 0, moved: count }));
    return from.clearExpired(pageDeadline, onProgress && (({ cleared }) => onProgress({ cleared, moved })));
  }

  async close(): Promise<void> {
    await Promise.all([this.#to.close(), this.#move.from.close()]);
  }

  #at(key: SessionKey): string {
    return this.#move.namespace + key;
  }

  async #readMoved(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const held = await this.#to.read(key, deadline);
    return held === undefined || isMark(held) ? undefined : held;
  }

  /** Reads a session that had not been moved a moment ago. */
  async #readOther(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    return (await this.#move.from.read(key, deadline)) ?? this.#readMoved(key, deadline);
  }

  /** Reads a session and moves it, if no other instance is doing so. */
  async #bring(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const { cache, from } = this.#move;
    const lease = { key: this.#at(key), token: newNonce(), expected: undefined };
    const granted = await cache.lease(lease, LEASE_TTL, deadline);
    if (granted.status === "found") return this.#readAt(key, granted.value.toString(), deadline);
    if (granted.status === "busy") return this.#readOther(key, deadline);
    const found = await from.readWithTtl(key, deadline);
    if (found === undefined) {
      await ignoreStoreError(cache.release(lease, deadline));
      return this.#readMoved(key, deadline);
    }
    const filled = await settled(cache.fill(lease, { value: found.record, ttl: found.ttl }, deadline));
    if (filled?.status === "superseded") return this.#readAt(key, filled.value?.toString(), deadline);
    // An old row that stays has no effect: a later write or clearExpired deletes it.
    if (filled?.status === "stored") await ignoreStoreError(from.delete(key, deadline));
    return found.record;
  }

  /** @param held Content of its place in the cache. */
  async #readAt(key: SessionKey, held: string | undefined, deadline: Deadline): Promise<string | undefined> {
    return held === undefined || isMark(held) ? this.#readOther(key, deadline) : held;
  }

  async #write(
    key: SessionKey,
    deadline: Deadline,
    write: (store: SessionStore) => Promise<CommitResult>,
  ): Promise<CommitResult> {
    const writer = newNonce();
    const mark = await this.#enter(key, writer, deadline).catch(throwNotSent);
    if (mark === undefined) return this.#writeMoved(key, deadline, write);
    try {
      const result = await write(this.#move.from);
      // A leftover mark expires by itself. Until then the session is not moved.
      await ignoreStoreError(this.#leave(key, mark, writer, deadline));
      return result;
    } catch (error) {
      if (isNotSent(error)) await ignoreStoreError(this.#leave(key, mark, writer, deadline));
      throw error;
    }
  }

  async #writeMoved(
    key: SessionKey,
    deadline: Deadline,
    write: (store: SessionStore) => Promise<CommitResult>,
  ): Promise<CommitResult> {
    // A row left by an interrupted mover must not outlive the new record.
    await this.#move.from.delete(key, deadline).catch(throwNotSent);
    const result = await write(this.#to);
    // The record was deleted in between, and others are writing to the empty place.
    return result.status === "conflict" && isMark(result.record) ? GONE : result;
  }

  /** @returns The mark, or `undefined` if the session has been moved. */
  async #enter(key: SessionKey, writer: string, deadline: Deadline): Promise<string | undefined> {
    const { cache, clock } = this.#move;
    for (;;) {
      const entry = {
        key: this.#at(key),
        value: withWriter(undefined, writer, clock.now()),
        ttl: WRITER_TTL,
      };
      if (await cache.set(entry, "if-absent", deadline)) return entry.value;
      const held = await this.#to.read(key, deadline);
      if (held === undefined) continue;
      if (!isMark(held)) return undefined;
      const next = { value: withWriter(held, writer, clock.now()), ttl: WRITER_TTL };
      if (await cache.compareAndSet(this.#at(key), held, next, deadline)) return next.value;
    }
  }

  async #leave(key: SessionKey, mark: string, writer: string, deadline: Deadline): Promise<void> {
    let held: string | undefined = mark;
    while (held !== undefined && isMark(held)) {
      const rest = withoutWriter(held, writer);
      if (rest === held) return;
      const next = rest === undefined ? undefined : { value: rest, ttl: WRITER_TTL };
      if (await this.#move.cache.compareAndSet(this.#at(key), held, next, deadline)) return;
      held = await this.#to.read(key, deadline);
    }
  }
}
