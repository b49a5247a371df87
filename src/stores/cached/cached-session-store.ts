import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import { newNonce, type SessionKey } from "../../core/ids.ts";
import type { CacheEntry, CacheStore, NewValue } from "../cache-store.ts";
import { harmless, throwNotSent } from "../partial-failures.ts";
import {
  type ClearProgress,
  type CommitResult,
  type CreateResult,
  hasEtag,
  type RecordWithTtl,
  type SessionStore,
} from "../session-store.ts";
import type { UserIndex } from "../user-index.ts";

/** A store that can stand behind a cache: it tells how long a record still has to live. */
export type CacheableSessionStore = SessionStore & Required<Pick<SessionStore, "readWithTtl">>;

/** Whether a store tells how long its records still live. */
export function isCacheable(store: SessionStore): store is CacheableSessionStore {
  return store.readWithTtl !== undefined;
}

/** Begins what a writer puts in the place of a copy. No record begins with it. */
const MARK = "!";

/** How long a mark keeps copies away after its writer has failed: longer than a write can still be under way. */
const MARK_TTL: Milliseconds = 30_000;

/** How long a reader has to make a copy. */
const LEASE_TTL: Milliseconds = 5000;

/**
 * Sessions in a database, with copies in a cache in front of it (Django: `cached_db`).
 *
 * - The database decides everything. A copy is only ever what the database holds, or held while a write was under way that
 *   has not returned.
 * - A writer first puts a mark in the place of the copy, then writes to the database, then turns the mark into the new copy.
 *   While the mark is there all read from the database, so a write whose last step fails leaves no old copy behind.
 * - A reader who finds no copy takes a lease on its place and makes one, which any write in between prevents. So a session
 *   that is deleted meanwhile does not come back from the cache.
 */
export class CachedSessionStore implements SessionStore {
  readonly name = "cached";
  readonly #cache: CacheStore;
  readonly #database: CacheableSessionStore;
  readonly #namespace: string;
  readonly #hasCopies: boolean;

  /**
   * @param namespace What the keys of the copies begin with.
   * @param hasCopies `false`: none is made or read, and those of others are only kept from growing old.
   */
  constructor(cache: CacheStore, database: CacheableSessionStore, namespace: string, hasCopies = true) {
    this.#cache = cache;
    this.#database = database;
    this.#namespace = namespace;
    this.#hasCopies = hasCopies;
  }

  get users(): UserIndex | undefined {
    return this.#database.users;
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    if (!this.#hasCopies) return this.#database.read(key, deadline);
    const copy = await this.#copyOf(key, deadline);
    if (copy === undefined) return this.#readAndCopy(key, deadline);
    return isMark(copy) ? this.#database.read(key, deadline) : copy;
  }

  /** From the database, which alone knows how long a record lives. */
  readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    return this.#database.readWithTtl(key, deadline);
  }

  /** The first read makes the copy: one that is made here could be older than what another writer has stored meanwhile. */
  create(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult> {
    return this.#database.create(key, record, ttl, deadline);
  }

  async commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    const write = () => this.#database.commit(key, record, etag, ttl, deadline);
    return this.#write(key, deadline, write, (result) =>
      result.status === "committed" && this.#hasCopies ? { value: record, ttl } : undefined,
    );
  }

  async touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    const result = await this.#database.touch(key, etag, ttl, deadline);
    if (result.status === "committed") await harmless(this.#prolong(key, etag, ttl, deadline));
    return result;
  }

  delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return this.#write(
      key,
      deadline,
      () => this.#database.delete(key, deadline),
      () => undefined,
      { isForGood: true },
    );
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#write(
      key,
      deadline,
      () => this.#database.deleteIfMatch(key, etag, deadline),
      () => undefined,
    );
  }

  scan(pageDeadline: () => Deadline): AsyncIterable<SessionKey> {
    return this.#database.scan(pageDeadline);
  }

  async ping(deadline: Deadline): Promise<void> {
    await Promise.all([this.#cache.ping(deadline), this.#database.ping(deadline)]);
  }

  clearExpired(pageDeadline: () => Deadline, onProgress?: (progress: ClearProgress) => void): Promise<number> {
    return this.#database.clearExpired(pageDeadline, onProgress);
  }

  async close(): Promise<void> {
    await Promise.all([this.#cache.close(), this.#database.close()]);
  }

  #at(key: SessionKey): string {
    return this.#namespace + key;
  }

  async #copyOf(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    return (await this.#cache.get(this.#at(key), deadline))?.toString();
  }

  async #readAndCopy(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const lease = { key: this.#at(key), token: newNonce(), seen: undefined };
    const granted = await this.#cache.lease(lease, LEASE_TTL, deadline);
    const copy = granted.status === "found" ? granted.value.toString() : MARK;
    if (!isMark(copy)) return copy;
    if (granted.status !== "leased") return this.#database.read(key, deadline);
    const found = await this.#database.readWithTtl(key, deadline);
    if (found === undefined) await this.#cache.release(lease, deadline);
    else await this.#cache.fill(lease, { value: found.record, ttl: found.ttl }, deadline);
    return found?.record;
  }

  /**
   * @param copyOf What is to be the copy after the write; `undefined`: none.
   * @param options.isForGood Whether the record is gone whatever version it was, and nothing can be written after that.
   */
  async #write<Result>(
    key: SessionKey,
    deadline: Deadline,
    write: () => Promise<Result>,
    copyOf: (result: Result) => NewValue | undefined,
    { isForGood = false } = {},
  ): Promise<Result> {
    const entry = { key: this.#at(key), value: MARK + newNonce(), ttl: MARK_TTL };
    await this.#cache.setMany([entry], "always", deadline).catch(throwNotSent);
    const result = await write();
    // A mark that stays keeps old copies away until the last of them would have ended.
    await harmless(this.#replaceMark(entry, copyOf(result), isForGood, deadline));
    return result;
  }

  /**
   * Once the mark has been taken away, by a writer who came later and had nothing to copy, readers may have begun to copy
   * what was there before this write. Then it is put there again, and taken away: that ends what they have begun.
   */
  async #replaceMark(
    entry: CacheEntry,
    copy: NewValue | undefined,
    isForGood: boolean,
    deadline: Deadline,
  ): Promise<void> {
    const { key, value: mark } = entry;
    if (await this.#cache.compareAndSet(key, mark, copy, deadline)) return;
    for (;;) {
      const other = (await this.#cache.get(key, deadline))?.toString();
      if (other === undefined) await this.#cache.setMany([entry], "if-absent", deadline);
      // Another writer's mark takes care of itself, but when that writer may have been first in the database and is about to
      // copy what is deleted by now. (A conditional write cannot have come after one that it did not know of.)
      else if (isMark(other) && other !== mark && !isForGood) return;
      else if (await this.#cache.compareAndSet(key, other, undefined, deadline)) return;
    }
  }

  /** Lets the copy of a record live as long as the record now does. */
  async #prolong(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    const copy = await this.#copyOf(key, deadline);
    if (copy === undefined || isMark(copy) || !hasEtag(copy, etag)) return;
    await this.#cache.compareAndSet(this.#at(key), copy, { value: copy, ttl }, deadline);
  }
}

function isMark(copy: string): boolean {
  return copy.startsWith(MARK);
}
