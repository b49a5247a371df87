import type { Milliseconds } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import type { Etag } from "../../../core/etag.ts";
import type { SessionKey } from "../../../core/ids.ts";
import type { RedisArgument, RedisReply } from "../../../redis/commands.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import type { RedisScript } from "../../../redis/script.ts";
import type { ClearProgress, CommitResult, CreateResult, SessionStore } from "../../session-store.ts";
import { luaRange, toRedisTtl } from "../arguments.ts";
import type { BucketKeys } from "./bucket-keys.ts";
import { warnOfListpackLimits } from "./bucket-limits.ts";
import { type BucketValues, nonceOf } from "./bucket-values.ts";
import { BucketWalk, type HashKeysCheckForExpiry } from "./bucket-walk.ts";
import type { RecordWatch, RecordWatchListener } from "../../record-watch.ts";
import { RedisRecordWatch, type WatchedPlaces } from "../redis-record-watch.ts";
import { RedisTombstones } from "../redis-tombstones.ts";
import { RedisUserIndex } from "../redis-user-index.ts";
import { BUCKET_CHANGE, BUCKET_CREATE, BUCKET_DELETE, BUCKET_READ, BUCKET_TTL } from "../scripts/scripts.ts";
import type { StoreConnections } from "../wait-for.ts";

/** Options of {@link BucketSessionStore}. */
export interface BucketSessionStoreOptions {
  readonly keys: BucketKeys;
  readonly values: BucketValues;
  /** Hashes that `clearExpired` examines. */
  readonly hashKeysCheckForExpiry: HashKeysCheckForExpiry;
}

/**
 * Sessions as fields of Redis hashes, many per hash, as in django-redisession: small hashes take
 * less memory than as many strings. A field's value begins with the second in which it expires.
 * Redis 7.4 and newer deletes it then by itself; with older versions `clearExpired` deletes it.
 *
 * Each method is one script on one key, executed atomically by Redis. The server's clock decides
 * about expiry.
 */
export class BucketSessionStore implements SessionStore {
  readonly name = "redis";
  readonly users: RedisUserIndex;
  readonly tombstones: RedisTombstones;
  readonly #connection: RedisConnection;
  readonly #vital: RedisConnection;
  readonly #commits: RedisConnection;
  readonly #keys: BucketKeys;
  readonly #values: BucketValues;
  readonly #walk: BucketWalk;
  readonly #hashKeysCheckForExpiry: HashKeysCheckForExpiry;
  #hasCheckedLimits = false;

  constructor(
    connections: StoreConnections,
    { keys, values, hashKeysCheckForExpiry }: BucketSessionStoreOptions,
  ) {
    const { usual, vital, commits } = connections;
    this.#connection = usual;
    this.#vital = vital;
    this.#commits = commits;
    this.#keys = keys;
    this.#values = values;
    this.#walk = new BucketWalk(usual, keys);
    this.#hashKeysCheckForExpiry = hashKeysCheckForExpiry;
    this.users = new RedisUserIndex(usual, vital, `${keys.namespace.slice(0, -1)}-users:`);
    this.tombstones = new RedisTombstones(usual, `${keys.namespace.slice(0, -1)}-moved:`);
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const reply = await this.#run(this.#connection, BUCKET_READ, key, [], deadline);
    return Buffer.isBuffer(reply) ? this.#values.decode(reply) : undefined;
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const args = [toRedisTtl(ttl), this.#values.encode(record)];
    const reply = await this.#run(this.#vital, BUCKET_CREATE, key, args, deadline);
    this.#checkLimitsOnce(deadline);
    return { status: reply === 1 ? "created" : "exists" };
  }

  async commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    const args = [toRedisTtl(ttl), this.#values.encode(record)];
    return this.#change(this.#commits, key, etag, args, deadline);
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#change(this.#connection, key, etag, [toRedisTtl(ttl)], deadline);
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    return (await this.#run(this.#vital, BUCKET_DELETE, key, [], deadline)) === 1;
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#change(this.#vital, key, etag, [], deadline);
  }

  /** Remembers all yielded keys, since SCAN may return one twice: about 100 bytes each. */
  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    const seen = new Set<SessionKey>();
    for await (const place of this.#walk.places(pageDeadline)) {
      const key = this.#keys.keyAt(place);
      if (key === undefined || seen.has(key)) continue;
      seen.add(key);
      yield key;
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#connection.command(["PING"], deadline);
  }

  /** Examines the hashes that `hashKeysCheckForExpiry` names, step by step. */
  clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    return this.#walk.sweep(this.#hashKeysCheckForExpiry, pageDeadline, onProgress);
  }

  /** Each change of a hash has its watched sessions looked at. */
  watch(listener: RecordWatchListener): RecordWatch | undefined {
    const redisKeyOf = (key: SessionKey): string => this.#keys.keysOf(key).hash;
    const ttlOf: WatchedPlaces["ttlOf"] = (key, connection, deadline) => {
      const { hash, field } = this.#keys.keysOf(key);
      return connection.run(BUCKET_TTL, [hash], [field], deadline);
    };
    return RedisRecordWatch.open(this.#connection, { redisKeyOf, ttlOf }, listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #change(
    connection: RedisConnection,
    key: SessionKey,
    etag: Etag,
    args: readonly RedisArgument[],
    deadline: Deadline,
  ): Promise<CommitResult> {
    const version = [nonceOf(etag), ...luaRange(etag), etag.text];
    const reply = await this.#run(connection, BUCKET_CHANGE, key, [...version, ...args], deadline);
    if (reply === null) return { status: "gone" };
    if (!Buffer.isBuffer(reply)) return { status: "committed" };
    return { status: "conflict", record: this.#values.decode(reply) };
  }

  #run(
    connection: RedisConnection,
    script: RedisScript,
    key: SessionKey,
    args: readonly RedisArgument[],
    deadline: Deadline,
  ): Promise<RedisReply<string | Buffer>> {
    const { hash, field } = this.#keys.keysOf(key);
    return connection.run(script, [hash], [field, ...args], deadline, "bytes");
  }

  #checkLimitsOnce(deadline: Deadline): void {
    if (this.#hasCheckedLimits) return;
    this.#hasCheckedLimits = true;
    void warnOfListpackLimits(this.#connection, deadline);
  }
}
