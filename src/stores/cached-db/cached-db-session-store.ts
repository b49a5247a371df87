import type { Clock, Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import { newNonce, type SessionKey } from "../../core/ids.ts";
import { settleWithin } from "../../core/timers.ts";
import type { CacheStore, NewValue } from "../cache-store.ts";
import { ignoreStoreError, isNotSent, throwNotSent } from "../partial-failures.ts";
import {
  type ClearProgress,
  type CommitResult,
  type CreateResult,
  hasEtag,
  type RecordWithTtl,
  type SessionStore,
} from "../session-store.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import type { UserIndex } from "../user-index.ts";
import { isAlone, isCopy, newClaim, withoutWriter, withWriter, SLOT_TTL } from "./copy-slot.ts";

/** A store that can stand behind a cache: it reports the remaining time to live of a record. */
export type CacheableSessionStore = SessionStore & Required<Pick<SessionStore, "readWithTtl">>;

/** Maximum time to remove a mark that no write needs. */
const CLEANUP: Milliseconds = 1000;

/** Returns whether a store reports the remaining time to live of its records. */
export function isCacheable(store: SessionStore): store is CacheableSessionStore {
  return store.readWithTtl !== undefined;
}

/** Dependencies of {@link CachedDbSessionStore}. */
export interface CachedDbSessionStoreParts {
  /** Must be able to compare and set. */
  readonly cache: CacheStore;
  readonly database: CacheableSessionStore;
  /** Prefix of the keys of the copies. */
  readonly namespace: string;
  readonly clock: Clock;
  /** `false`: copies are not made or read; those of others are only kept from growing stale. */
  readonly hasCopies: boolean;
}

/** A writer's mark in the slot of a copy, and the copy that was there. */
interface Entry {
  readonly at: string;
  readonly writer: string;
  readonly mark: string;
  readonly copy: NewValue | undefined;
}

/**
 * Sessions in a database, with copies in a cache in front of it (Django: `cached_db`).
 *
 * - The database decides everything. A copy is only ever a record that the database holds, or held
 *   while a write was under way that has not returned.
 * - A writer first puts its mark in the slot of the copy, then writes to the database, then turns
 *   the mark into the new copy, or into the old one if the database has certainly written nothing.
 *   While the mark is there all reads go to the database, so a write whose last step fails leaves
 *   no old copy behind. Of several concurrent writers none copies, and the mark stays until the
 *   last of them is done.
 * - A reader that finds the slot empty puts a claim there, and turns it into a copy. A writer in
 *   between removes the claim. So a session that is deleted meanwhile does not come back from the
 *   cache.
 * - All of that is in the one slot, so a cache that drops it to make room drops the right to copy
 *   along.
 */
export class CachedDbSessionStore implements SessionStore {
  readonly name = "cached-db";
  readonly readManyWithTtl?: NonNullable<SessionStore["readManyWithTtl"]>;
  readonly deleteMany?: NonNullable<SessionStore["deleteMany"]>;

  readonly #options: CachedDbSessionStoreParts;

  constructor(options: CachedDbSessionStoreParts) {
    const { database } = options;
    this.#options = options;
    const [readMany, deleteMany] = [
      database.readManyWithTtl?.bind(database),
      database.deleteMany?.bind(database),
    ];
    if (readMany) this.readManyWithTtl = readMany;
    if (deleteMany) this.deleteMany = (keys, deadline) => this.#deleteMany(keys, deleteMany, deadline);
  }

  get users(): UserIndex | undefined {
    return this.#options.database.users;
  }

  get tombstones(): SessionTombstones | undefined {
    return this.#options.database.tombstones;
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    if (!this.#options.hasCopies) return this.#options.database.read(key, deadline);
    const held = await this.#heldAt(this.#at(key), deadline);
    if (held === undefined) return this.#readAndCopy(key, deadline);
    return isCopy(held) ? held : this.#options.database.read(key, deadline);
  }

  /** From the database, which alone knows how long a record lives. */
  readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    return this.#options.database.readWithTtl(key, deadline);
  }

  /**
   * The first read makes the copy: one made here could be older than a record that another writer
   * has stored meanwhile.
   */
  create(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult> {
    return this.#options.database.create(key, record, ttl, deadline);
  }

  async commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    const write = () => this.#options.database.commit(key, record, etag, ttl, deadline);
    return this.#write(key, deadline, write, (result) =>
      result.status === "committed" && this.#options.hasCopies ? { value: record, ttl } : undefined,
    );
  }

  async touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    const result = await this.#options.database.touch(key, etag, ttl, deadline);
    const toCopy =
      result.status === "committed"
        ? this.#prolong(key, etag, ttl, deadline)
        : this.#drop(key, result, deadline);
    await ignoreStoreError(toCopy);
    return result;
  }

  delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return this.#write(
      key,
      deadline,
      () => this.#options.database.delete(key, deadline),
      () => undefined,
    );
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#write(
      key,
      deadline,
      () => this.#options.database.deleteIfMatch(key, etag, deadline),
      () => undefined,
    );
  }

  scan(pageDeadline: () => Deadline): AsyncIterable<SessionKey> {
    return this.#options.database.scan(pageDeadline);
  }

  async ping(deadline: Deadline): Promise<void> {
    await Promise.all([this.#options.cache.ping(deadline), this.#options.database.ping(deadline)]);
  }

  clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    return this.#options.database.clearExpired(pageDeadline, onProgress);
  }

  async close(): Promise<void> {
    await Promise.all([this.#options.cache.close(), this.#options.database.close()]);
  }

  #at(key: SessionKey): string {
    return this.#options.namespace + key;
  }

  async #heldAt(at: string, deadline: Deadline): Promise<string | undefined> {
    return (await this.#options.cache.get(at, deadline))?.toString();
  }

  async #readAndCopy(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const [at, claim] = [this.#at(key), newClaim()];
    const isClaimed = await this.#put(at, undefined, { value: claim, ttl: SLOT_TTL }, deadline);
    if (!isClaimed) return this.#options.database.read(key, deadline);
    const found = await this.#options.database.readWithTtl(key, deadline);
    const copy = found && { value: found.record, ttl: found.ttl };
    await ignoreStoreError(this.#options.cache.compareAndSet(at, claim, copy, deadline));
    return found?.record;
  }

  /** @param copyOf Returns the copy to store after the write; `undefined`: none. */
  async #write<Result>(
    key: SessionKey,
    deadline: Deadline,
    write: () => Promise<Result>,
    copyOf: (result: Result) => NewValue | undefined,
  ): Promise<Result> {
    const entry = await this.#enter(key, newNonce(), deadline).catch(throwNotSent);
    try {
      const result = await write();
      // A leftover mark blocks old copies until the last of them would have expired.
      await ignoreStoreError(this.#leave(entry, copyOf(result), deadline));
      return result;
    } catch (error) {
      if (isNotSent(error)) await this.#takeBack(entry, deadline);
      throw error;
    }
  }

  async #deleteMany(
    keys: readonly SessionKey[],
    deleteInDatabase: NonNullable<SessionStore["deleteMany"]>,
    deadline: Deadline,
  ): Promise<readonly SessionKey[]> {
    const writer = newNonce();
    const entering = await Promise.allSettled(keys.map((key) => this.#enter(key, writer, deadline)));
    const entries = entering.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    try {
      for (const each of entering) if (each.status === "rejected") throwNotSent(each.reason);
      const deleted = await deleteInDatabase(keys, deadline);
      await Promise.all(entries.map((entry) => ignoreStoreError(this.#leave(entry, undefined, deadline))));
      return deleted;
    } catch (error) {
      if (isNotSent(error)) await Promise.all(entries.map((entry) => this.#takeBack(entry, deadline)));
      throw error;
    }
  }

  async #enter(key: SessionKey, writer: string, deadline: Deadline): Promise<Entry> {
    const at = this.#at(key);
    for (;;) {
      const [held, [ttl]] = await Promise.all([
        this.#heldAt(at, deadline),
        this.#options.cache.ttlMany([at], deadline),
      ]);
      const mark = withWriter(held, writer, this.#options.clock.now());
      const copy = held !== undefined && isCopy(held) && ttl ? { value: held, ttl } : undefined;
      if (await this.#put(at, held, { value: mark, ttl: SLOT_TTL }, deadline))
        return { at, writer, mark, copy };
    }
  }

  /** Removes the mark of a refused write, also if that write has used up its time. */
  async #takeBack(entry: Entry, { remaining }: Deadline): Promise<void> {
    const leaving = ignoreStoreError(this.#leave(entry, entry.copy, new Deadline(CLEANUP)));
    await settleWithin<void, void>(leaving, remaining, (resolve) => resolve());
  }

  async #leave({ at, writer, mark }: Entry, copy: NewValue | undefined, deadline: Deadline): Promise<void> {
    if (isAlone(mark) && (await this.#options.cache.compareAndSet(at, mark, copy, deadline))) return;
    for (;;) {
      const held = await this.#heldAt(at, deadline);
      if (held === undefined) return;
      const rest = withoutWriter(held, writer);
      const next = rest === undefined ? undefined : { value: rest, ttl: SLOT_TTL };
      if (await this.#options.cache.compareAndSet(at, held, next, deadline)) return;
    }
  }

  /** @returns Whether it was stored: not if the slot no longer contains `held`. */
  async #put(at: string, held: string | undefined, next: NewValue, deadline: Deadline): Promise<boolean> {
    const { cache } = this.#options;
    return held === undefined
      ? cache.set({ key: at, ...next }, "if-absent", deadline)
      : cache.compareAndSet(at, held, next, deadline);
  }

  /** Removes a copy that differs from the answer of the database: a late write has left it. */
  async #drop(key: SessionKey, result: CommitResult, deadline: Deadline): Promise<void> {
    const at = this.#at(key);
    const copy = await this.#heldAt(at, deadline);
    if (copy === undefined || !isCopy(copy)) return;
    if (result.status === "conflict" && result.record === copy) return;
    await this.#options.cache.compareAndSet(at, copy, undefined, deadline);
  }

  /** Gives the copy of a record the record's new time to live. */
  async #prolong(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    const at = this.#at(key);
    const copy = await this.#heldAt(at, deadline);
    if (copy === undefined || !isCopy(copy) || !hasEtag(copy, etag)) return;
    await this.#options.cache.compareAndSet(at, copy, { value: copy, ttl }, deadline);
  }
}
