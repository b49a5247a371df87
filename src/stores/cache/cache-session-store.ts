import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError, SessionUsageError } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { CacheStore, NewValue } from "../cache-store.ts";
import { throwNotSent } from "../partial-failures.ts";
import { type CommitResult, type CreateResult, hasEtag, type SessionStore } from "../session-store.ts";
import type { SessionTombstones } from "../session-tombstones.ts";

const COMMITTED: CommitResult = { status: "committed" };
const GONE: CommitResult = { status: "gone" };

/** Record of an entry that the store refuses to read, such as a pickle: no codec decodes it. */
const UNREADABLE = "";

/**
 * Sessions as entries of a cache, on any cache store that can compare and set.
 *
 * A conditional write reads the record, and replaces it if it is unchanged: two commands where a
 * store of its own takes one. A cache may drop entries to make room, and their sessions with them.
 */
export class CacheSessionStore implements SessionStore {
  readonly name = "cache";
  readonly comparesWholeRecords = true;
  readonly tombstones: SessionTombstones | undefined;
  readonly #store: CacheStore;
  readonly #namespace: string;

  /** @param namespace Prefix of the keys. */
  constructor(store: CacheStore, namespace: string, tombstones?: SessionTombstones) {
    this.tombstones = tombstones;
    this.#store = store;
    this.#namespace = namespace;
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    try {
      return (await this.#store.get(this.#at(key), deadline))?.toString();
    } catch (error) {
      if (error instanceof CacheUsageError) return UNREADABLE;
      throw error;
    }
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const entry = { key: this.#at(key), value: record, ttl };
    const isStored = await this.#store.set(entry, "if-absent", deadline);
    return { status: isStored ? "created" : "exists" };
  }

  /** Stores a record, replacing an existing one. */
  async put(key: string, record: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#store.set({ key: this.#at(key), value: record, ttl }, "always", deadline);
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#ifMatch(key, etag, () => ({ value: record, ttl }), deadline);
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, (stored) => ({ value: stored, ttl }), deadline);
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return (await this.#store.deleteMany([this.#at(key)], deadline)) === 1;
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, () => undefined, deadline);
  }

  /** @throws {SessionUsageError} If the store lists no keys. */
  scan(pageDeadline: () => Deadline): AsyncIterable<SessionKey> {
    if (this.#store.capabilities.scan) return this.#walk(pageDeadline);
    throw new SessionUsageError(
      `The store "${this.#store.name}" cannot list its keys, so the sessions in it cannot be walked through. Keep sessions in ` +
        "Redis or a database to do so.",
    );
  }

  async *#walk(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    for await (const at of this.#store.scan(this.#namespace, pageDeadline))
      yield at.slice(this.#namespace.length);
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#store.ping(deadline);
  }

  /** Caches drop expired entries themselves. */
  clearExpired(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #at(key: SessionKey): string {
    return this.#namespace + key;
  }

  async #ifMatch(
    key: SessionKey,
    etag: Etag,
    next: (stored: string) => NewValue | undefined,
    deadline: Deadline,
  ): Promise<CommitResult> {
    for (;;) {
      const stored = await this.read(key, deadline).catch(throwNotSent);
      if (stored === undefined) return GONE;
      if (!hasEtag(stored, etag)) return { status: "conflict", record: stored };
      // On failure another writer was faster: the next iteration reads the current state.
      if (await this.#store.compareAndSet(this.#at(key), stored, next(stored), deadline)) return COMMITTED;
    }
  }
}
