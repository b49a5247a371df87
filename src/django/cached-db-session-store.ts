import * as v from "valibot";

import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { Etag } from "../core/etag.ts";
import type { SessionKey } from "../core/ids.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import type { CacheStore, CacheStoreFactory } from "../stores/cache-store.ts";
import { makeAuthority, makeSessionStore } from "../stores/make-store.ts";
import { ignoreStoreError, throwNotSent, throwUnknown } from "../stores/partial-failures.ts";
import { redisCacheStore } from "../stores/redis/index.ts";
import type {
  ClearProgress,
  CommitResult,
  CreateResult,
  SessionStore,
  SessionStoreFactory,
} from "../stores/session-store.ts";
import type { SessionTombstones } from "../stores/session-tombstones.ts";
import type { UserIndex } from "../stores/user-index.ts";

/** Options of {@link djangoCachedDbSessionStore}. */
export interface DjangoCachedDbSessionStoreOptions {
  /** Store of the sessions: `sqlSessionStore(…)` on Django's database. */
  readonly database: SessionStoreFactory;
  /**
   * Store of Django's copies: the cache of `SESSION_CACHE_ALIAS`.
   *
   * @defaultValue `redisCacheStore()`
   */
  readonly cache?: CacheStoreFactory | undefined;
  /** `KEY_PREFIX` of that cache. @defaultValue `""` */
  readonly keyPrefix?: string | undefined;
  /** `VERSION` of that cache. @defaultValue `1` */
  readonly version?: number | undefined;
}

const FACTORY = "a store";

const optionsSchema = settingsObject({
  database: v.custom<SessionStoreFactory>((input) => typeof input === "function", FACTORY),
  cache: v.optional(
    v.custom<CacheStoreFactory>((input) => typeof input === "function", FACTORY),
    () => redisCacheStore(),
  ),
  keyPrefix: v.optional(v.string(), ""),
  version: v.optional(v.pipe(v.number("an integer"), v.safeInteger("an integer")), 1),
});

// Django: `KEY_PREFIX` in contrib/sessions/backends/cached_db.py.
const DJANGO_PREFIX = "django.contrib.sessions.cached_db";

/**
 * Shares the sessions of Django's engine `cached_db`: Node reads and writes the database, and
 * deletes the copy that Django may have in its cache, so that Django reads the database too.
 *
 * The copies may use any serializer, since Node never reads them. For Node alone, the copies of
 * `cachedDbSessionStore()` spare the database the reads.
 *
 * @throws {ImproperlyConfigured} For a wrong option, when `createSojourn` checks its settings.
 */
export function djangoCachedDbSessionStore(options: DjangoCachedDbSessionStoreOptions): SessionStoreFactory {
  return (context) => {
    const { database, cache, keyPrefix, version } = parseSettings(
      optionsSchema,
      options,
      "djangoCachedDbSessionStore",
    );
    const { redis, clock } = context;
    const copies = makeAuthority(cache, { redis, clock }, "djangoCachedDbSessionStore.cache");
    const sessions = makeSessionStore(database, context, "djangoCachedDbSessionStore.database");
    return new DjangoCachedDbSessionStore(sessions, copies, `${keyPrefix}:${version}:${DJANGO_PREFIX}`);
  };
}

/**
 * Each write goes to the database between two deletions of the copy. The first shows that the cache
 * is reachable, before anything is written; the second removes a copy that Django has made
 * meanwhile.
 */
class DjangoCachedDbSessionStore implements SessionStore {
  readonly #database: SessionStore;
  readonly #copies: CacheStore;
  readonly #namespace: string;

  constructor(database: SessionStore, copies: CacheStore, namespace: string) {
    this.#database = database;
    this.#copies = copies;
    this.#namespace = namespace;
  }

  get name(): string {
    return this.#database.name;
  }

  get users(): UserIndex | undefined {
    return this.#database.users;
  }

  get tombstones(): SessionTombstones | undefined {
    return this.#database.tombstones;
  }

  read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    return this.#database.read(key, deadline);
  }

  /** A key that Node has just generated has no copy. */
  create(key: SessionKey, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult> {
    return this.#database.create(key, record, ttl, deadline);
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#between(key, deadline, () => this.#database.commit(key, record, etag, ttl, deadline));
  }

  /**
   * Leaves the copy: if it expires before the session, Django reads the database. An outdated copy
   * is deleted.
   */
  async touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    const result = await this.#database.touch(key, etag, ttl, deadline);
    if (result.status !== "committed")
      await ignoreStoreError(this.#copies.deleteMany([this.#namespace + key], deadline));
    return result;
  }

  delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return this.#between(key, deadline, () => this.#database.delete(key, deadline));
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#between(key, deadline, () => this.#database.deleteIfMatch(key, etag, deadline));
  }

  scan(pageDeadline: () => Deadline): AsyncIterable<SessionKey> {
    return this.#database.scan(pageDeadline);
  }

  async ping(deadline: Deadline): Promise<void> {
    await Promise.all([this.#database.ping(deadline), this.#copies.ping(deadline)]);
  }

  clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    return this.#database.clearExpired(pageDeadline, onProgress);
  }

  async close(): Promise<void> {
    await Promise.all([this.#database.close(), this.#copies.close()]);
  }

  async #between<Result>(key: SessionKey, deadline: Deadline, write: () => Promise<Result>): Promise<Result> {
    const copy = [this.#namespace + key];
    await this.#copies.deleteMany(copy, deadline).catch(throwNotSent);
    const result = await write();
    await this.#copies.deleteMany(copy, deadline).catch(throwUnknown);
    return result;
  }
}
