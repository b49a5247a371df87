import type { Milliseconds } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import type { Etag } from "../../../core/etag.ts";
import type { SessionKey } from "../../../core/ids.ts";
import type { RedisReply } from "../../../redis/commands.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import type { RedisScript } from "../../../redis/script.ts";
import type { CommitResult, CreateResult, SessionStore } from "../../session-store.ts";
import { escapeGlob, luaRange, toRedisTtl, SCAN_COUNT } from "../arguments.ts";
import type { RecordWatch, RecordWatchListener } from "../../record-watch.ts";
import { RedisRecordWatch, type WatchedPlaces } from "../redis-record-watch.ts";
import { RedisTombstones } from "../redis-tombstones.ts";
import { RedisUserIndex } from "../redis-user-index.ts";
import type { StringKeys } from "./string-keys.ts";
import { SESSION_COMMIT, SESSION_DELETE_IF_MATCH, SESSION_TOUCH } from "../scripts/scripts.ts";
import type { StoreConnections } from "../wait-for.ts";

/**
 * Sessions as Redis strings, one per session: `{project name}:{prefix}:{session key}` holds the
 * record and expires by itself. It is the layout of Django with codex-django, byte for byte. A key
 * generator may replace the session key by another text.
 *
 * Each method is one command: those with an etag are one script, executed atomically by Redis.
 */
export class RedisSessionStore implements SessionStore {
  readonly name = "redis";
  readonly users: RedisUserIndex;
  readonly tombstones: RedisTombstones;
  readonly #connection: RedisConnection;
  readonly #vital: RedisConnection;
  readonly #commits: RedisConnection;
  readonly #keys: StringKeys;

  constructor({ usual, vital, commits }: StoreConnections, keys: StringKeys) {
    this.#connection = usual;
    this.#vital = vital;
    this.#commits = commits;
    this.#keys = keys;
    this.users = new RedisUserIndex(usual, vital, `${keys.namespace.slice(0, -1)}-users:`);
    this.tombstones = new RedisTombstones(usual, `${keys.namespace.slice(0, -1)}-moved:`);
  }

  read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const redisKey = this.#keys.redisKeyOf(key);
    return this.#connection.command(["GET", redisKey], deadline, redisKey).then(toRecord);
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const redisKey = this.#keys.redisKeyOf(key);
    const args = ["SET", redisKey, record, "NX", "PX", toRedisTtl(ttl)] as const;
    const reply = await this.#vital.command(args, deadline, redisKey);
    return { status: reply === null ? "exists" : "created" };
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#runIfMatch(this.#commits, SESSION_COMMIT, key, etag, [record, toRedisTtl(ttl)], deadline);
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#runIfMatch(this.#connection, SESSION_TOUCH, key, etag, [toRedisTtl(ttl)], deadline);
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    const redisKey = this.#keys.redisKeyOf(key);
    return (await this.#vital.command(["DEL", redisKey], deadline, redisKey)) === 1;
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#runIfMatch(this.#vital, SESSION_DELETE_IF_MATCH, key, etag, [], deadline);
  }

  /** Remembers all yielded keys, since SCAN may return one twice: about 100 bytes each. */
  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    const seen = new Set<SessionKey>();
    const pattern = `${escapeGlob(this.#keys.namespace)}*`;
    for await (const page of this.#connection.scanKeys(pattern, SCAN_COUNT, pageDeadline)) {
      for (const key of page.map((each) => this.#keys.keyAt(each))) {
        if (key === undefined || seen.has(key)) continue;
        seen.add(key);
        yield key;
      }
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#connection.command(["PING"], deadline);
  }

  /** Redis expires records itself. */
  clearExpired(): Promise<number> {
    return Promise.resolve(0);
  }

  watch(listener: RecordWatchListener): RecordWatch | undefined {
    const redisKeyOf = (key: SessionKey): string => this.#keys.redisKeyOf(key);
    const ttlOf: WatchedPlaces["ttlOf"] = (key, connection, deadline) =>
      connection.command(["PTTL", redisKeyOf(key)], deadline, redisKeyOf(key));
    return RedisRecordWatch.open(this.#connection, { redisKeyOf, ttlOf }, listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #runIfMatch(
    connection: RedisConnection,
    script: RedisScript,
    key: SessionKey,
    etag: Etag,
    args: readonly string[],
    deadline: Deadline,
  ): Promise<CommitResult> {
    const scriptArgs = [...luaRange(etag), etag.text, ...args];
    return connection.run(script, [this.#keys.redisKeyOf(key)], scriptArgs, deadline).then(toCommitResult);
  }
}

function toRecord(reply: RedisReply): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

function toCommitResult(reply: RedisReply): CommitResult {
  if (reply === null) return { status: "gone" };
  return typeof reply === "string" ? { status: "conflict", record: reply } : { status: "committed" };
}
